"""SGD and adaptive methods on small nets and Fashion-MNIST, tuned with the same effort.

Three tasks: a net with one hidden layer; the same net with each pixel in a unit of its own, between
a tenth and ten times the usual one; and a net with six hidden layers. 5000 images to train on, 1000
to tune on, 1000 others to report. All runs follow a cosine from their peak rate down to zero. Each
method gets twelve peak rates, each twice the one before, and its other options as they come. The
rate is chosen by the validation loss at the end, averaged over tuning seeds; what is reported comes
from other seeds. A seed fixes the net's start and the order of the batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from course_lib.methods import SGD, Adagrad, Adam, AdamW, HeavyBall, RMSprop
from course_lib.methods.learning_rate import Cosine
from course_lib.problems import fashion_mnist, mlp
from course_lib.training import NonFiniteLossError, accuracy, fit, mean_loss

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
EPOCHS, BATCH_SIZE, TRAINED_ON = 8, 50, 5000
STEPS = EPOCHS * TRAINED_ON // BATCH_SIZE
HIDDEN_LAYERS = {"plain": 1, "mixed units": 1, "deep": 6}

# Name: what makes the method, and the power of two of its smallest peak rate.
METHODS: dict[str, tuple[Callable[..., Any], int]] = {
    "SGD": (SGD, -10),
    "SGD with momentum": (partial(HeavyBall, beta=0.9), -13),
    "Adagrad": (Adagrad, -11),
    "RMSprop": (RMSprop, -14),
    "Adam": (Adam, -14),
    "AdamW": (AdamW, -14),
}
Images = tuple[torch.Tensor, torch.Tensor]


def parts(task: str) -> tuple[Images, Images, Images]:
    """Images to train on, to tune on and to report, without the mean of the first."""
    x, y = fashion_mnist("train", dtype=torch.float64)
    new_x, new_y = fashion_mnist("test", dtype=torch.float64)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, tune = order[:TRAINED_ON], order[TRAINED_ON:]
    mean, units = x[train].mean(dim=0), torch.ones(x.shape[1], dtype=x.dtype)
    if task == "mixed units":
        generator = torch.Generator().manual_seed(1)
        units = 10 ** (2 * torch.rand(len(units), generator=generator, dtype=x.dtype) - 1)
    return (
        ((x[train] - mean) * units, y[train]),
        ((x[tune] - mean) * units, y[tune]),
        ((new_x - mean) * units, new_y),
    )


def rates(name: str) -> list[float]:
    """The twelve peak rates of a method."""
    return [2.0 ** (METHODS[name][1] + j) for j in range(12)]


def train(
    task: str, name: str, lr: float, seed: int, data: tuple[Images, Images, Images]
) -> dict[str, Any] | None:
    """What one run reaches, and loss and accuracy on new images by epoch; None if it overflowed."""
    images, tune, new = data
    net = mlp([784, *[64] * HIDDEN_LAYERS[task], 10], seed=seed, dtype=torch.float64)
    try:
        history = fit(
            net,
            images,
            cross_entropy,
            partial(METHODS[name][0], lr=lr),
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            seed=seed,
            schedule=Cosine(lr, STEPS),
            evaluate={"loss": mean_loss(new, cross_entropy), "accuracy": accuracy(new)},
        )
    except NonFiniteLossError:
        return None
    return {
        "training loss": mean_loss(images, cross_entropy)(net),
        "validation loss": mean_loss(tune, cross_entropy)(net),
        "new loss": history.evaluations["loss"].tolist(),
        "new accuracy": history.evaluations["accuracy"].tolist(),
    }


def measure() -> dict[str, Any]:
    """Tune each method on each task, then report the chosen rate on other seeds, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        tasks = {}
        for task in HIDDEN_LAYERS:
            data = parts(task)
            tasks[task] = {name: measured(task, name, data) for name in METHODS}
    finally:
        torch.set_num_threads(threads)
    return {
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "tuning_seeds": list(TUNING_SEEDS),
        "tasks": tasks,
    }


def measured(task: str, name: str, data: tuple[Images, Images, Images]) -> dict[str, Any]:
    """The chosen rate of one method on one task, and its runs on the seeds that are reported."""
    tuning = []
    for lr in rates(name):
        runs = [train(task, name, lr, seed, data) for seed in TUNING_SEEDS]
        point = {"lr": lr}
        for key in ("training loss", "validation loss"):
            losses = [math.inf if run is None else run[key] for run in runs]
            point[key] = float(np.mean(losses))
        tuning.append(point)
    best = min(tuning, key=lambda point: point["validation loss"])["lr"]
    runs = [train(task, name, best, seed, data) for seed in SEEDS]
    if None in runs:
        raise ArithmeticError(f"{name} overflows on {task} at its best rate with another seed")
    return {
        "lr": best,
        "tuning": [{key: rounded(value) for key, value in point.items()} for point in tuning],
        **{key: [rounded(run[key]) for run in runs] for key in runs[0]},
    }


def rounded(value: Any) -> Any:
    """Four digits of a number or of each number in a list; None if it is infinite."""
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.4g}") if math.isfinite(value) else None
