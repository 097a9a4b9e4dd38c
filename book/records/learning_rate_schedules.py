"""Learning-rate schedules on a small net and Fashion-MNIST, all tuned with the same effort.

5000 images to train on, 1000 to tune on, 1000 others to report. Each schedule gets twelve points of
a grid: twelve peak rates if it has nothing else to choose, or six times two. The point is chosen by
the validation loss at the end, averaged over tuning seeds; what is reported comes from other seeds.
A seed fixes the net's start and the order of the batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from course_lib.methods import SGD
from course_lib.methods.learning_rate import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    Staircase,
    WarmUp,
    per_epoch,
)
from course_lib.problems import fashion_mnist, mlp
from course_lib.training import NonFiniteLossError, accuracy, fit, mean_loss

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
EPOCHS, BATCH_SIZE, TRAINED_ON = 8, 50, 5000
BATCHES = TRAINED_ON // BATCH_SIZE
STEPS = EPOCHS * BATCHES
FINE = [0.05 * 2 ** (j / 2) for j in range(12)]
COARSE = FINE[::2]


def _to(ratio: float) -> float:
    """Speed of an exponential decay by a factor of ``ratio`` in the whole run."""
    return math.log(ratio) / STEPS


# Name: what makes the schedule from a peak rate and a shape, and the shapes to choose from.
SCHEDULES: dict[str, tuple[Callable[[float, Any], Schedule], list[Any]]] = {
    "constant": (lambda lr, _: Constant(lr), [None]),
    "1/t": (lambda lr, fall: InverseTime(lr, (fall - 1) / STEPS), [10, 100]),
    "exponential": (lambda lr, fall: Exponential(lr, _to(fall)), [10, 100]),
    "staircase": (lambda lr, c: per_epoch(Staircase(lr, c, every=3), BATCHES), [5, 10]),
    "plateau, validation error": (
        lambda lr, wait: ReduceOnPlateau(lr, factor=0.2, patience=wait, monitor="error"),
        [0, 1],
    ),
    "plateau, objective": (
        lambda lr, wait: ReduceOnPlateau(lr, factor=0.2, patience=wait),
        [0, 1],
    ),
    "cosine": (lambda lr, _: Cosine(lr, STEPS), [None]),
    "warm-up, cosine": (
        lambda lr, share: WarmUp(int(share * STEPS), Cosine(lr, STEPS - int(share * STEPS))),
        [0.05, 0.2],
    ),
    "one-cycle": (lambda lr, share: OneCycle(lr, STEPS, pct_start=share), [0.15, 0.3]),
}
Images = tuple[torch.Tensor, torch.Tensor]


def parts() -> tuple[Images, Images, Images]:
    """Images to train on, to tune on and to report, without the mean of the first."""
    x, y = fashion_mnist("train", dtype=torch.float64)
    new_x, new_y = fashion_mnist("test", dtype=torch.float64)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, tune = order[:TRAINED_ON], order[TRAINED_ON:]
    mean = x[train].mean(dim=0)
    return (x[train] - mean, y[train]), (x[tune] - mean, y[tune]), (new_x - mean, new_y)


def points(name: str) -> Iterator[tuple[float, Any]]:
    """The twelve points of the grid of a schedule."""
    shapes = SCHEDULES[name][1]
    for lr in FINE if len(shapes) == 1 else COARSE:
        for shape in shapes:
            yield lr, shape


def train(
    name: str, point: tuple[float, Any], seed: int, data: tuple[Images, Images, Images]
) -> dict[str, Any] | None:
    """What one run reaches, and its loss on new images after each epoch; None if it overflowed."""
    images, tune, new = data
    net = mlp([784, 64, 10], seed=seed, dtype=torch.float64)
    right = accuracy(tune)
    try:
        history = fit(
            net,
            images,
            cross_entropy,
            lambda p: SGD(p, lr=point[0]),
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            seed=seed,
            schedule=SCHEDULES[name][0](*point),
            evaluate={
                "error": lambda net: 1 - right(net),
                "new": mean_loss(new, cross_entropy),
            },
        )
    except NonFiniteLossError:
        return None
    return {
        "training loss": mean_loss(images, cross_entropy)(net),
        "validation loss": mean_loss(tune, cross_entropy)(net),
        "new loss": history.evaluations["new"].tolist(),
        "new accuracy": accuracy(new)(net),
    }


def measure() -> dict[str, Any]:
    """Tune each schedule, then report the chosen point on other seeds, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        data = parts()
        return {
            "epochs": EPOCHS,
            "batch_size": BATCH_SIZE,
            "tuning_seeds": list(TUNING_SEEDS),
            "schedules": {name: measured(name, data) for name in SCHEDULES},
        }
    finally:
        torch.set_num_threads(threads)


def measured(name: str, data: tuple[Images, Images, Images]) -> dict[str, Any]:
    """The chosen point of one schedule, and its runs on the seeds that are reported."""
    grid = list(points(name))
    tuned = []
    for point in grid:
        runs = [train(name, point, seed, data) for seed in TUNING_SEEDS]
        losses = [math.inf if run is None else run["validation loss"] for run in runs]
        tuned.append(float(np.mean(losses)))
    best = grid[int(np.argmin(tuned))]
    runs = [train(name, best, seed, data) for seed in SEEDS]
    if None in runs:
        raise ArithmeticError(f"{name} overflows at its best point {best} with another seed")
    return {
        "lr": best[0],
        "shape": best[1],
        "tuning": [
            {"lr": lr, "shape": shape, "validation loss": rounded(loss)}
            for (lr, shape), loss in zip(grid, tuned, strict=True)
        ],
        **{key: [rounded(run[key]) for run in runs] for key in runs[0]},
    }


def rounded(value: Any) -> Any:
    """Four digits of a number or of each number in a list; None if it is infinite."""
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.4g}") if math.isfinite(value) else None
