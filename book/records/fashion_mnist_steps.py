"""Step sizes for a small net on Fashion-MNIST: GD and SGD, ten epochs each, the same nine steps.

The step is chosen by the training loss at the end, averaged over tuning seeds; what is reported
comes from other seeds. A seed fixes the net's start and the order of the batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from course_lib.methods import SGD
from course_lib.problems import fashion_mnist, mlp
from course_lib.training import NonFiniteLossError, accuracy, fit, mean_loss

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
STEPS = [2.0 ** (1 - j) for j in range(9)]
METHODS = {"GD": None, "SGD 20": 20}
EPOCHS = 10


def train(batch_size: int | None, lr: float, seed: int) -> tuple[float, float]:
    """Training loss and accuracy on new images after ten epochs."""
    data = fashion_mnist("train", dtype=torch.float64)
    new = fashion_mnist("test", dtype=torch.float64)
    net = mlp([784, 64, 10], seed=seed, dtype=torch.float64)
    try:
        fit(
            net,
            data,
            cross_entropy,
            lambda p: SGD(p, lr=lr),
            epochs=EPOCHS,
            batch_size=batch_size,
            seed=seed,
        )
    except NonFiniteLossError:
        return float("inf"), 0.1
    return mean_loss(data, cross_entropy)(net), accuracy(new)(net)


def measure() -> dict[str, Any]:
    """Tune both methods, then report the chosen step on other seeds."""
    results: dict[str, Any] = {
        "steps": STEPS,
        "tuning_seeds": list(TUNING_SEEDS),
        "epochs": EPOCHS,
    }
    for name, batch_size in METHODS.items():
        losses = [
            float(np.mean([train(batch_size, lr, seed)[0] for seed in TUNING_SEEDS]))
            for lr in STEPS
        ]
        best_lr = STEPS[int(np.argmin(losses))]
        reported = [train(batch_size, best_lr, seed) for seed in SEEDS]
        results[name] = {
            "best_lr": best_lr,
            "tuning_losses": [float(f"{v:.4g}") if np.isfinite(v) else None for v in losses],
            "losses": [float(f"{loss:.4g}") for loss, _ in reported],
            "accuracies": [float(f"{right:.4g}") for _, right in reported],
        }
    return results
