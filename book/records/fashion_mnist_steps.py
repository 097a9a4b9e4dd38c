"""GD and SGD on a small net and Fashion-MNIST: ten epochs each, the same list of step sizes.

The step is chosen by the training loss at the end, averaged over tuning seeds; what is reported
comes from other seeds: loss and accuracy after each epoch, and the seconds of a run on one thread.
A seed fixes the net's start and the order of the batches. The mean image is taken off every image.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from course_lib.methods import SGD
from course_lib.problems import fashion_mnist, mlp
from course_lib.training import NonFiniteLossError, accuracy, fit, mean_loss

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
STEPS = [2.0 ** (1 - j / 2) for j in range(13)]
METHODS = {"GD": None, "SGD 20": 20}
EPOCHS = 10


def centred_images() -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Training and new images without the mean of the training images, and their labels."""
    (x, y), (new_x, new_y) = (fashion_mnist(s, dtype=torch.float64) for s in ("train", "test"))
    return (x - x.mean(dim=0), y), (new_x - x.mean(dim=0), new_y)


def train(batch_size: int | None, lr: float, seed: int, data: Any, evaluate: Any = None) -> Any:
    """Net and history of ten epochs; the history is None if the loss overflowed."""
    net = mlp([784, 64, 10], seed=seed, dtype=torch.float64)
    try:
        history = fit(
            net,
            data,
            cross_entropy,
            lambda p: SGD(p, lr=lr),
            epochs=EPOCHS,
            batch_size=batch_size,
            seed=seed,
            evaluate=evaluate,
        )
    except NonFiniteLossError:
        return net, None
    return net, history


def final_loss(batch_size: int | None, lr: float, seed: int, data: Any) -> float:
    """Training loss after ten epochs; infinite if it overflowed."""
    net, history = train(batch_size, lr, seed, data)
    return float("inf") if history is None else mean_loss(data, cross_entropy)(net)


def measure() -> dict[str, Any]:
    """Tune both methods, then report the chosen step on other seeds, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return measured()
    finally:
        torch.set_num_threads(threads)


def measured() -> dict[str, Any]:
    """What `measure` reports."""
    data, new = centred_images()
    evaluate = {"loss": mean_loss(data, cross_entropy), "accuracy": accuracy(new)}
    results: dict[str, Any] = {
        "steps": [float(f"{step:.4g}") for step in STEPS],
        "tuning_seeds": list(TUNING_SEEDS),
        "epochs": EPOCHS,
    }
    for name, batch_size in METHODS.items():
        losses = [
            float(np.mean([final_loss(batch_size, lr, seed, data) for seed in TUNING_SEEDS]))
            for lr in STEPS
        ]
        best_lr = STEPS[int(np.argmin(losses))]
        seconds, curves = [], []
        for seed in SEEDS:
            started = time.perf_counter()
            train(batch_size, best_lr, seed, data)
            seconds.append(time.perf_counter() - started)
            curves.append(train(batch_size, best_lr, seed, data, evaluate)[1].evaluations)
        results[name] = {
            "best_lr": best_lr,
            "tuning_losses": [float(f"{v:.4g}") if np.isfinite(v) else None for v in losses],
            "losses": [[float(f"{v:.4g}") for v in curve["loss"]] for curve in curves],
            "accuracies": [[float(f"{v:.4g}") for v in curve["accuracy"]] for curve in curves],
            "seconds": float(f"{min(seconds):.3g}"),
        }
    return results
