"""Critical points of a small net's loss: how high they lie, and how many directions go down.

A net with one hidden layer on handwritten digits, shrunk to 4 × 4 pixels. For each seed there are
200 images, and walks of gradient descent from random weights. The search for critical points starts
beside those walks, at several moments, and lowers the gradient's norm. Where it stalled, since the
Hessian annihilates the gradient, is stored as well.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from course_lib.derivatives import find_critical_points
from course_lib.problems import OneHiddenLayer, digits
from course_lib.randomness import generator_of

SEEDS = (0, 1, 2, 3, 4)
CLASSES, SAMPLES, HIDDEN, DECAY = 5, 200, 6, 0.01
WALKS, MOMENTS, RATE = 4, (0, 5, 10, 20, 40, 80, 150, 400), 0.5
SPREAD, NOISE = 0.3, 0.05  # of the first weights, and of the starts beside a walk
TRIALS = 150


def task(seed: int) -> OneHiddenLayer:
    """The loss on images drawn by the seed."""
    x, y = digits("train", dtype=torch.float64)
    order = torch.randperm(len(x), generator=generator_of("images of the census", seed))
    x, y = x[order], y[order]
    x, y = x[y < CLASSES][:SAMPLES], y[y < CLASSES][:SAMPLES]
    x = avg_pool2d(x.reshape(-1, 1, 8, 8), 2).flatten(1)
    return OneHiddenLayer((x - x.mean(dim=0)) / x.std(), y, HIDDEN, decay=DECAY)


def starts_of(loss: OneHiddenLayer, seed: int) -> Tensor:
    """Points beside walks of gradient descent, shape (walks × moments, size)."""
    generator = generator_of("starts of the census", seed)

    def drawn() -> Tensor:
        return torch.randn(loss.size, generator=generator, dtype=torch.float64)

    starts = []
    for _ in range(WALKS):
        w = SPREAD * drawn()
        for k in range(max(MOMENTS) + 1):
            if k in MOMENTS:
                starts.append(w + NOISE * drawn())
            w = w - RATE * torch.func.grad(loss)(w)
    return torch.stack(starts)


def measure() -> dict[str, Any]:
    """Search with each seed, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = [searched(seed) for seed in SEEDS]
    finally:
        torch.set_num_threads(threads)
    return {
        "weights": task(SEEDS[0]).size,
        "samples": SAMPLES,
        "decay": DECAY,
        "trials": TRIALS,
        "searches": found,
    }


def searched(seed: int) -> dict[str, Any]:
    """What one seed's searches end at."""
    loss = task(seed)
    found = find_critical_points(loss, starts_of(loss, seed), steps=TRIALS)
    return {
        "critical": found.critical.tolist(),
        "gradient-flat": found.gradient_flat.tolist(),
        "loss": [rounded(value) for value in found.values],
        "error": [rounded(loss.error(x)) for x in found.x],
        "index": [rounded(value) for value in found.index],
        "lowest eigenvalue": [rounded(value) for value in found.eigenvalues[:, 0]],
    }


def rounded(value: Any) -> float:
    """Five digits."""
    return float(f"{float(value):.5g}")
