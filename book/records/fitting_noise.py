"""What nets learn from images of which two fifths carry a random label, and what holds them back.

A net of one hidden ReLU layer is trained on 600 images of Fashion-MNIST. Before that, two fifths
of the training labels are replaced by labels drawn at random; so are two fifths of the test labels,
so that both sets come from one distribution. A net that knows all true labels and no noise would be
right on a share of `0.6 + 0.4 / 10` of either. One comparison varies the weight decay at one
width, the other the width without weight decay. A seed fixes the images, the random labels, the
start and the batches. Nothing is chosen by these figures, so there are no tuning seeds.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from course_lib.methods import SGD
from course_lib.problems import fashion_mnist, mlp
from course_lib.randomness import generator_of
from course_lib.training import accuracy, fit

SEEDS = (0, 1, 2, 3, 4)
SAMPLES = 600
SHARE = 0.4
WIDTH = 128
WIDTHS = (2, 4, 8, 16, 64, 256)
WEIGHT_DECAYS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
EPOCHS = 120
BATCH_SIZE = 50
LR = 0.3


def with_random_labels(labels: Tensor, generator: torch.Generator) -> Tensor:
    """The labels, each replaced with probability SHARE by one drawn uniformly from all ten."""
    replaced = torch.rand(len(labels), generator=generator) < SHARE
    drawn = torch.randint(10, (len(labels),), generator=generator)
    return torch.where(replaced, drawn, labels)


def accuracies(width: int, weight_decay: float, seed: int) -> list[float]:
    """Accuracy of a trained net on its samples, on new images, and on their true labels."""
    images, labels = fashion_mnist("train")
    new_images, new_labels = fashion_mnist("test")
    center = images.mean(dim=0)
    generator = generator_of("images and random labels", seed)
    chosen = torch.randperm(len(images), generator=generator)[:SAMPLES]
    data = (images[chosen] - center, with_random_labels(labels[chosen], generator))
    new_images = new_images - center
    net = mlp([784, width, 10], seed=seed)
    steps = EPOCHS * SAMPLES // BATCH_SIZE
    fit(
        net,
        data,
        cross_entropy,
        lambda parameters: SGD(parameters, lr=LR, weight_decay=weight_decay),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        seed=seed,
        schedule=lambda k: LR * (1 - (k - 1) / steps),
        evaluate_every=steps,
    )
    tests = [
        data,
        (new_images, with_random_labels(new_labels, generator)),
        (new_images, new_labels),
    ]
    return [accuracy(test)(net) for test in tests]


def compared(settings: list[tuple[int, float]]) -> dict[str, list[list[float]]]:
    """Accuracies for each (width, weight decay): a row for each, an entry for each seed."""
    rows: dict[str, list[list[float]]] = {"train": [], "test": [], "true": []}
    for width, weight_decay in settings:
        runs = [accuracies(width, weight_decay, seed) for seed in SEEDS]
        for name, values in zip(rows, zip(*runs, strict=True), strict=True):
            rows[name].append([round(value, 4) for value in values])
    return rows


def measure() -> dict[str, Any]:
    """Accuracies by weight decay, and by width."""
    return {
        "samples": SAMPLES,
        "share": SHARE,
        "best_possible": 1 - SHARE + SHARE / 10,
        "width": WIDTH,
        "weight_decays": list(WEIGHT_DECAYS),
        "by_weight_decay": compared([(WIDTH, decay) for decay in WEIGHT_DECAYS]),
        "widths": list(WIDTHS),
        "by_width": compared([(width, 0.0) for width in WIDTHS]),
    }
