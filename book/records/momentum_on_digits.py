"""Momentum against none, on a net: batches of ten, and all data in every step.

A net with three hidden layers of 32 tanh units learns the handwritten digits, in double precision.
Plain SGD, heavy ball and Nesterov with the usual momentum of 0.9 each get the same eight effective
learning rates, lr / (1 - momentum): the length of a step once the speed is up. The learning rate is
chosen by the mean logarithm of the final training loss on the tuning seeds; the figures are from
other seeds. A seed fixes the start and the batches.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from course_lib.methods import SGD
from course_lib.problems import digits, mlp
from course_lib.training import NonFiniteLossError, accuracy, fit, mean_loss

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101, 102, 103)
SIZES = (64, 32, 32, 32, 10)
RUNS: dict[str, dict[str, Any]] = {
    "batches of 10": {"batch_size": 10, "replacement": True, "steps": 600},
    "all data": {"steps": 150},
}
METHODS = {
    "no momentum": {},
    "momentum": {"momentum": 0.9},
    "Nesterov": {"momentum": 0.9, "nesterov": True},
}
EFFECTIVE_RATES = [2.0**j for j in range(-4, 4)]
DIVERGED = 1e3


def train(run: str, method: str, effective: float, seed: int) -> dict[str, float | None]:
    """Loss on all training data at the end, None where it diverged; accuracy on new digits."""
    data, test = digits("train", dtype=torch.float64), digits("test", dtype=torch.float64)
    net = mlp(SIZES, torch.nn.Tanh, seed=seed, dtype=torch.float64)
    options = METHODS[method]
    lr = effective * (1 - options.get("momentum", 0.0))
    try:
        fit(
            net,
            data,
            cross_entropy,
            lambda params: SGD(params, lr, **options),
            seed=seed,
            progress=False,
            **RUNS[run],
        )
    except NonFiniteLossError:
        return {"loss": None, "accuracy": None}
    loss = mean_loss(data, cross_entropy)(net)
    return {
        "loss": float(f"{loss:.6g}") if loss < DIVERGED else None,
        "accuracy": round(accuracy(test)(net), 4),
    }


def measure() -> dict[str, Any]:
    """Train with every method and rate on every seed."""
    torch.set_num_threads(1)
    return {
        "effective_rates": EFFECTIVE_RATES,
        "tuning_seeds": list(TUNING_SEEDS),
        "report_seeds": list(SEEDS),
        "runs": {
            run: {
                method: {
                    str(seed): [train(run, method, rate, seed) for rate in EFFECTIVE_RATES]
                    for seed in (*TUNING_SEEDS, *SEEDS)
                }
                for method in METHODS
            }
            for run in RUNS
        },
    }
