"""Cross-entropy and squared error as losses of a classifier, on Fashion-MNIST.

The net's output bias of class 0 is raised at the start: by nothing, or so far that the net is sure
of class 0 whatever it sees, and so confidently wrong on nine images of ten. Every pair of loss and
start gets the same list of step sizes. A step is chosen by the accuracy on held-out images at the
end, averaged over tuning seeds; what is reported is the accuracy on new images, for other seeds. A
seed fixes the net's start and the order of the batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.design_choices import cross_entropy, mse_loss, one_hot, softmax
from course_lib.methods import SGD
from course_lib.problems import fashion_mnist, mlp
from course_lib.randomness import generator_of
from course_lib.training import NonFiniteLossError, accuracy, fit

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
STEPS = [10.0 ** (j / 2) for j in range(-4, 3)]
RAISED = (0.0, 10.0, 20.0)
CLASSES, HELD_OUT, EPOCHS, BATCH_SIZE = 10, 1000, 10, 50

Pair = tuple[Tensor, Tensor]


def squared_error_of_softmax(outputs: Tensor, labels: Tensor) -> Tensor:
    """The slide's squared norm between probabilities and one-hot labels, averaged over samples."""
    targets = one_hot(labels, CLASSES, dtype=outputs.dtype)
    return mse_loss(softmax(outputs), targets, reduction="batchmean")


def squared_error_of_outputs(outputs: Tensor, labels: Tensor) -> Tensor:
    """The same without a softmax: the outputs themselves are to be one-hot."""
    targets = one_hot(labels, CLASSES, dtype=outputs.dtype)
    return mse_loss(outputs, targets, reduction="batchmean")


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": cross_entropy,
    "squared error after softmax": squared_error_of_softmax,
    "squared error without softmax": squared_error_of_outputs,
}


def split_images() -> tuple[Pair, Pair, Pair]:
    """Training, held-out and new images without the mean training image, with their labels."""
    (x, y), (new_x, new_y) = fashion_mnist("train"), fashion_mnist("test")
    order = torch.randperm(len(x), generator=generator_of("held-out images", 0))
    kept, out = order[HELD_OUT:], order[:HELD_OUT]
    center = x[kept].mean(dim=0)
    return (x[kept] - center, y[kept]), (x[out] - center, y[out]), (new_x - center, new_y)


def train(loss: str, raised: float, lr: float, seed: int, data: Pair) -> nn.Module | None:
    """The net after training; None if its loss overflowed."""
    net = mlp([784, 64, CLASSES], seed=seed)
    with torch.no_grad():
        net[-1].bias[0] += raised
    try:
        fit(
            net, data, LOSSES[loss], lambda p: SGD(p, lr=lr),
            epochs=EPOCHS, batch_size=BATCH_SIZE, seed=seed,
        )  # fmt: skip
    except NonFiniteLossError:
        return None
    return net


def measure() -> dict[str, Any]:
    """Tune every pair of loss and start, then report the chosen step on other seeds."""
    data, held_out, new = split_images()
    results: dict[str, Any] = {
        "steps": [float(f"{step:.4g}") for step in STEPS],
        "tuning_seeds": list(TUNING_SEEDS),
        "epochs": EPOCHS,
        "raised": list(RAISED),
    }
    for name in LOSSES:
        starts = RAISED if "after" in name or name == "cross-entropy" else RAISED[:1]
        results[name] = []
        for raised in starts:
            tuning = []
            for lr in STEPS:
                nets = [train(name, raised, lr, seed, data) for seed in TUNING_SEEDS]
                right = [0.0 if net is None else accuracy(held_out)(net) for net in nets]
                tuning.append(float(np.mean(right)))
            best_lr = STEPS[int(np.argmax(tuning))]
            nets = [train(name, raised, best_lr, seed, data) for seed in SEEDS]
            results[name].append(
                {
                    "raised": raised,
                    "best_lr": float(f"{best_lr:.4g}"),
                    "tuning_accuracies": [float(f"{a:.4g}") for a in tuning],
                    "accuracies": [0.0 if net is None else accuracy(new)(net) for net in nets],
                    "training_accuracies": [
                        0.0 if net is None else float(f"{accuracy(data)(net):.4g}") for net in nets
                    ],
                }
            )
    return results
