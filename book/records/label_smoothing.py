"""Label smoothing on Fashion-MNIST: accuracy, confidence, calibration and logits.

Every amount of smoothing gets the same list of step sizes; the one with the best accuracy on
held-out images at the end, averaged over tuning seeds, is reported on other seeds and new images. A
seed fixes the net's start and the order of the batches. Amounts are torch's `label_smoothing`, the
share of the label that is spread over all classes.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.design_choices import cross_entropy, softmax
from course_lib.methods import SGD
from course_lib.problems import fashion_mnist, mlp
from course_lib.randomness import generator_of
from course_lib.training import NonFiniteLossError, accuracy, fit

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
AMOUNTS = (0.0, 0.05, 0.1, 0.2, 0.4)
STEPS = (0.06, 0.12, 0.24, 0.48, 0.96, 1.92)
CLASSES, HELD_OUT, EPOCHS, BATCH_SIZE, BINS = 10, 1000, 20, 100, 10

Pair = tuple[Tensor, Tensor]


def split_images() -> tuple[Pair, Pair, Pair]:
    """Training, held-out and new images without the mean training image, with their labels."""
    (x, y), (new_x, new_y) = fashion_mnist("train"), fashion_mnist("test")
    order = torch.randperm(len(x), generator=generator_of("held-out images", 0))
    kept, out = order[HELD_OUT:], order[:HELD_OUT]
    center = x[kept].mean(dim=0)
    return (x[kept] - center, y[kept]), (x[out] - center, y[out]), (new_x - center, new_y)


def train(amount: float, lr: float, seed: int, data: Pair) -> nn.Module:
    """A net trained with smoothed labels; as far as it came, if its loss overflowed."""
    net = mlp([784, 64, CLASSES], seed=seed)
    loss = partial(cross_entropy, label_smoothing=amount)
    with suppress(NonFiniteLossError):
        fit(
            net, data, loss, lambda p: SGD(p, lr=lr),
            epochs=EPOCHS, batch_size=BATCH_SIZE, seed=seed,
        )  # fmt: skip
    return net


def reliability(logits: Tensor, labels: Tensor, bins: int = BINS) -> list[dict[str, float]]:
    """For each bin of confidence: how many images, their mean confidence, the share right."""
    confidence, decision = softmax(logits).max(dim=1)
    right = (decision == labels).to(logits)
    place = (confidence * bins).long().clamp(max=bins - 1)
    counts = torch.bincount(place, minlength=bins).to(logits)
    sums = [torch.bincount(place, weights=w, minlength=bins) for w in (confidence, right)]
    return [
        {"count": int(n), "confidence": float(c / n), "accuracy": float(a / n)}
        for n, c, a in zip(counts, *sums, strict=True)
        if n > 0
    ]


def calibration_error(table: list[dict[str, float]]) -> float:
    """Expected calibration error: distance of confidence and accuracy, averaged over images."""
    total = sum(row["count"] for row in table)
    return sum(row["count"] * abs(row["confidence"] - row["accuracy"]) for row in table) / total


def report(net: nn.Module, new: Pair) -> dict[str, Any]:
    """What one net does on new images."""
    with torch.no_grad():
        logits = net(new[0]).double()
    table = reliability(logits, new[1])
    own = logits.gather(1, new[1][:, None])[:, 0]
    others = (logits.sum(dim=1) - own) / (CLASSES - 1)
    return {
        "accuracy": accuracy(new)(net),
        "confidence": softmax(logits).amax(dim=1).mean().item(),
        "cross_entropy": cross_entropy(logits, new[1]).item(),
        "calibration_error": calibration_error(table),
        "spread": (logits.amax(dim=1) - logits.amin(dim=1)).mean().item(),
        "label_above_others": (own - others).mean().item(),
        "reliability": [{k: float(f"{v:.4g}") for k, v in row.items()} for row in table],
    }


def measure() -> dict[str, Any]:
    """Tune every amount of smoothing, then report the chosen step on other seeds."""
    data, held_out, new = split_images()
    results: dict[str, Any] = {
        "amounts": list(AMOUNTS),
        "steps": list(STEPS),
        "tuning_seeds": list(TUNING_SEEDS),
        "epochs": EPOCHS,
        "runs": [],
    }
    for amount in AMOUNTS:
        tuning = [
            float(np.mean([accuracy(held_out)(train(amount, lr, s, data)) for s in TUNING_SEEDS]))
            for lr in STEPS
        ]
        best_lr = STEPS[int(np.argmax(tuning))]
        reports = [report(train(amount, best_lr, seed, data), new) for seed in SEEDS]
        tables = [r.pop("reliability") for r in reports]
        results["runs"].append(
            {
                "amount": amount,
                "best_lr": best_lr,
                "tuning_accuracies": [float(f"{a:.4g}") for a in tuning],
                "reliability": tables,
                **{k: [float(f"{r[k]:.4g}") for r in reports] for k in reports[0]},
            }
        )
    return results
