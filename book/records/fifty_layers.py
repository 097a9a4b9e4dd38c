"""Fifty hidden layers on Fashion-MNIST: tanh and ReLU, orthogonal and Gaussian start, one budget.

The weights of a tanh layer start orthogonal, or Gaussian of variance 1/d; those of a ReLU layer
sqrt(2) times as large, which keeps the mean square of its values. Biases start at zero. The rate is
chosen by the training loss at the end, averaged over tuning seeds; the losses after every
`EVERY` steps come from other seeds. A seed fixes the start and the order of the batches. The
mean image is taken off.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_lib.design_choices import ACTIVATIONS
from course_lib.methods import SGD
from course_lib.problems import fashion_mnist, mlp
from course_lib.randomness import generator_of
from course_lib.training import NonFiniteLossError, fit, mean_loss

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
LEARNING_RATES = [2.0**k for k in range(-9, -1)]
LAYERS, WIDTH, EPOCHS, BATCH_SIZE, EVERY = 50, 64, 1, 100, 10
ACTIVATION_GAINS = {"tanh": 1.0, "relu": math.sqrt(2)}
STARTS = ("orthogonal", "Gaussian")

Data = tuple[Tensor, Tensor]


def start(activation: str, kind: str, seed: int) -> nn.Sequential:
    """The net before training."""
    net = mlp([784, *[WIDTH] * LAYERS, 10], ACTIVATIONS[activation].module, dtype=torch.float64)
    gain, generator = ACTIVATION_GAINS[activation], generator_of("fifty layers", seed)
    for layer in net:
        if isinstance(layer, nn.Linear):
            if kind == "orthogonal":
                nn.init.orthogonal_(layer.weight, gain=gain, generator=generator)
            else:
                std = gain / math.sqrt(layer.in_features)
                nn.init.normal_(layer.weight, std=std, generator=generator)
            nn.init.zeros_(layer.bias)
    return net


def losses(activation: str, kind: str, lr: float, seed: int, data: Data, every: int) -> list[float]:
    """Training loss after every so many steps; ends with infinity if it overflowed."""
    evaluate = {"loss": mean_loss(data, cross_entropy)}
    options: dict[str, Any] = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "seed": seed}
    try:
        history = fit(
            start(activation, kind, seed),
            data,
            cross_entropy,
            lambda p: SGD(p, lr=lr),
            evaluate=evaluate,
            evaluate_every=every,
            **options,
        )
    except NonFiniteLossError:
        return [math.inf]
    values = history.evaluations["loss"]
    return values if math.isfinite(values[-1]) else [math.inf]


def compared(activation: str, kind: str, data: Data) -> dict[str, Any]:
    """The best rate, which must not be an end of the list, and the curves of the other seeds."""
    whole = EPOCHS * math.ceil(len(data[0]) / BATCH_SIZE)
    means = [
        float(np.mean([losses(activation, kind, lr, s, data, whole)[-1] for s in TUNING_SEEDS]))
        for lr in LEARNING_RATES
    ]
    best = int(np.argmin(means))
    if best in (0, len(LEARNING_RATES) - 1):
        raise AssertionError(f"{activation}, {kind}: the best rate is an end of the list: {means}")
    lr = LEARNING_RATES[best]
    curves = [losses(activation, kind, lr, seed, data, EVERY) for seed in SEEDS]
    return {
        "best_lr": lr,
        "losses": [[rounded(value) for value in curve] for curve in curves],
        "tuning_losses": [rounded(v) if math.isfinite(v) else None for v in means],
    }


def rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


def measure() -> dict[str, Any]:
    """Compare both activations and both starts, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        x, y = fashion_mnist("train", dtype=torch.float64)
        data = (x - x.mean(dim=0), y)
        results: dict[str, Any] = {
            "batch_size": BATCH_SIZE,
            "epochs": EPOCHS,
            "every": EVERY,
            "layers": LAYERS,
            "learning_rates": LEARNING_RATES,
            "tuning_seeds": list(TUNING_SEEDS),
            "width": WIDTH,
        }
        for activation in ACTIVATION_GAINS:
            results[activation] = {kind: compared(activation, kind, data) for kind in STARTS}
        return results
    finally:
        torch.set_num_threads(threads)
