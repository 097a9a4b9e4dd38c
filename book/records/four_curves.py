"""The four curves of slide 32 on digits, and three curves that are flat too early.

At a high rate a run is chaotic: a difference in the last digit, which another processor may make,
grows until the losses have only their kind in common. So the curves that are drawn are stored; the
chapter runs them again and compares what does not depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_lib.methods import SGD
from course_lib.problems import digits, mlp
from course_lib.training import fit

SEEDS = (0, 1, 2)
TUNING_SEED = 100
GRID = tuple(2.0**j for j in range(-6, 1))
MULTIPLES = {"very high": 4.0, "high": 2**1.5, "good": 1.0, "low": 1 / 128}
STEPS, CHANGE, STEPS_OF_FLAT = 600, 400, 800


def train(
    rate: float,
    seed: int,
    steps: int = STEPS,
    hidden: int = 32,
    schedule: Callable[[int], float] | None = None,
) -> list[float]:
    """Losses of a run, rounded to five digits."""
    net = mlp((64, hidden, 10), nn.Tanh, seed=seed, dtype=torch.float64)
    history = fit(
        net, digits("train", dtype=torch.float64), cross_entropy,
        lambda p: SGD(p, rate, momentum=0.9), steps=steps, batch_size=20, seed=seed,
        schedule=schedule, progress=False,
    )  # fmt: skip
    return [float(f"{loss:.5g}") for loss in history.losses]


def flat(best: float, name: str, seed: int) -> list[float]:
    """A curve that is flat for one of three reasons, and whose rate is changed at a step."""
    before: dict[str, Callable[[int], float]] = {
        "rate too high": lambda k: best * 2**1.5,
        "rate fell too far": lambda k: best / 4 * math.exp(-k / 10),
        "nothing to gain": lambda k: best / 8,
    }
    after = {"rate too high": best / 4, "rate fell too far": best, "nothing to gain": best / 80}
    return train(
        1.0, seed, STEPS_OF_FLAT, hidden=2 if name == "nothing to gain" else 32,
        schedule=lambda k: before[name](k) if k <= CHANGE else after[name],
    )  # fmt: skip


def measure() -> dict[str, Any]:
    """The grid with what each rate reached, the best rate, and the curves by name and seed."""
    torch.set_num_threads(1)
    reached = [sum(train(rate, TUNING_SEED)[-60:]) / 60 for rate in GRID]
    best = GRID[reached.index(min(reached))]
    names = ("rate too high", "rate fell too far", "nothing to gain")
    return {
        "grid": list(GRID),
        "reached": reached,
        "best": best,
        "multiples": MULTIPLES,
        "curves": {
            name: [train(best * times, seed) for seed in SEEDS] for name, times in MULTIPLES.items()
        },
        "flat": {name: [flat(best, name, seed) for seed in SEEDS] for name in names},
    }
