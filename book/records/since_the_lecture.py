"""Methods from after the lecture beside older ones, on a small net and Fashion-MNIST.

5000 images to train on, 1000 to tune on, 1000 others to report; a net with two hidden layers, no
weight decay. Each method gets ten rates, each twice the one before, and its other options as
they come. The rate is chosen by the validation loss at the end, averaged over tuning seeds; what is
reported comes from other seeds. A seed fixes the net's start and the order of the batches. Muon
moves the matrices between hidden units and AdamW the rest, with one rate for both: Muon's step is
sized as AdamW's.

Methods with a cosine are tuned and run for each length of training. Methods with a constant rate,
and Schedule-Free, are tuned for the longest, run once, and looked at on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_lib.methods import (
    SGD,
    AdamW,
    CombinedOptimizer,
    Lion,
    Muon,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
)
from course_lib.methods.learning_rate import Constant, Cosine
from course_lib.problems import fashion_mnist, mlp
from course_lib.training import NonFiniteLossError, accuracy, fit, mean_loss

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
HORIZONS = (2, 4, 8)
LONGEST = HORIZONS[-1]
BATCH_SIZE, TRAINED_ON, RATES = 50, 5000, 10
BATCHES = TRAINED_ON // BATCH_SIZE
LAYERS = [784, 64, 64, 10]
Images = tuple[torch.Tensor, torch.Tensor]


def muon_and_adamw(params: list[torch.Tensor], lr: float) -> CombinedOptimizer:
    """Muon for the matrices of the hidden layers, AdamW for biases and the last layer."""
    last = params[-2]
    hidden = [p for p in params if p.dim() == 2 and p is not last]
    rest = [p for p in params if p.dim() != 2] + [last]
    return CombinedOptimizer(
        [
            Muon(hidden, lr=lr, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
            AdamW(rest, lr=lr, weight_decay=0.0),
        ]
    )


sgd, adamw = partial(SGD, momentum=0.9), partial(AdamW, weight_decay=0.0)

# Name: what makes the method, the schedule, and the power of two of its smallest rate.
METHODS: dict[str, tuple[Callable[..., Any], str, int]] = {
    "SGD with momentum, constant": (sgd, "constant", -11),
    "SGD with momentum, cosine": (sgd, "cosine", -11),
    "AdamW, constant": (adamw, "constant", -14),
    "AdamW, cosine": (adamw, "cosine", -14),
    "Lion, constant": (Lion, "constant", -15),
    "Lion, cosine": (Lion, "cosine", -15),
    "Muon and AdamW, constant": (muon_and_adamw, "constant", -14),
    "Muon and AdamW, cosine": (muon_and_adamw, "cosine", -14),
    "Schedule-Free SGD": (ScheduleFreeSGD, "none", -7),
    "Schedule-Free AdamW": (ScheduleFreeAdamW, "none", -12),
}


def parts() -> tuple[Images, Images, Images]:
    """Images to train on, to tune on and to report, without the mean of the first."""
    x, y = fashion_mnist("train", dtype=torch.float32)
    new_x, new_y = fashion_mnist("test", dtype=torch.float32)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, tune = order[:TRAINED_ON], order[TRAINED_ON:]
    mean = x[train].mean(dim=0)
    return (x[train] - mean, y[train]), (x[tune] - mean, y[tune]), (new_x - mean, new_y)


def rates(name: str) -> list[float]:
    """The ten rates of a method."""
    return [2.0 ** (METHODS[name][2] + j) for j in range(RATES)]


def schedule_of(kind: str, lr: float, steps: int) -> Constant | Cosine | None:
    """The schedule that `kind` names."""
    return {"constant": Constant(lr), "cosine": Cosine(lr, steps), "none": None}[kind]


def train(
    name: str, lr: float, seed: int, epochs: int, data: tuple[Images, Images, Images]
) -> dict[str, Any] | None:
    """What one run reaches; loss and accuracy on new images by epoch. None if it overflowed."""
    images, tune, new = data
    make, kind, _ = METHODS[name]
    net: nn.Module = mlp(LAYERS, seed=seed, dtype=torch.float32)
    try:
        history = fit(
            net,
            images,
            cross_entropy,
            partial(make, lr=lr),
            epochs=epochs,
            batch_size=BATCH_SIZE,
            seed=seed,
            schedule=schedule_of(kind, lr, epochs * BATCHES),
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


def measured(name: str, epochs: int, data: tuple[Images, Images, Images]) -> dict[str, Any]:
    """The chosen rate of one method for one length, and its runs on the seeds to report."""
    tuning = []
    for lr in rates(name):
        runs = [train(name, lr, seed, epochs, data) for seed in TUNING_SEEDS]
        losses = [math.inf if run is None else run["validation loss"] for run in runs]
        tuning.append({"lr": lr, "validation loss": float(np.mean(losses))})
    best = min(tuning, key=lambda point: point["validation loss"])["lr"]
    runs = [train(name, best, seed, epochs, data) for seed in SEEDS]
    if None in runs:
        raise ArithmeticError(f"{name} overflows at its best rate with another seed")
    return {
        "lr": best,
        "tuning": [{key: rounded(value) for key, value in point.items()} for point in tuning],
        **{key: [rounded(run[key]) for run in runs] for key in runs[0]},
    }


def measure() -> dict[str, Any]:
    """Measure each method, on one thread; those with a cosine for each length of training."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        data = parts()
        runs = {
            name: {
                str(epochs): measured(name, epochs, data)
                for epochs in (HORIZONS if kind == "cosine" else (LONGEST,))
            }
            for name, (_, kind, _) in METHODS.items()
        }
    finally:
        torch.set_num_threads(threads)
    return {
        "batch_size": BATCH_SIZE,
        "steps an epoch": BATCHES,
        "horizons": list(HORIZONS),
        "tuning_seeds": list(TUNING_SEEDS),
        "runs": runs,
    }


def rounded(value: Any) -> Any:
    """Four digits of a number or of each number in a list; None if it is infinite."""
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.4g}") if math.isfinite(value) else None
