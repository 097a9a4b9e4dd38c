"""Epochs that GD and SGD need to each accuracy, on least squares of 10000 samples, 500 unknowns.

Every method gets the same step sizes, relative to the stability limit 2 / (L + tr(H) / B) of its
batch size B: from above the limit, where most diverge, down to a hundredth of it. For each accuracy
it uses the step that was fastest on the tuning seeds, with a margin for other seeds: the choice is
made for four fifths of the gap asked for. The figures reported come from other seeds. A seed fixes
data and order of batches.
Gradients are those of `LeastSquares`, steps the rule of `SGD`: what `fit` does, without autograd.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from course_lib.methods import SGD
from course_lib.problems import LeastSquares
from course_lib.training import FullBatch, ShuffledBatches

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
SETTINGS = {
    "easy, noisy": {"condition": None, "noise": 1.0},
    "easy, no noise": {"condition": None, "noise": 0.0},
    "hard, noisy": {"condition": 100.0, "noise": 1.0},
    "hard, no noise": {"condition": 100.0, "noise": 0.0},
}
METHODS = {"GD": None, "SGD 1000": 1000, "SGD 100": 100, "SGD 10": 10}
STEP_FACTORS = [
    *(1.19, 1.0, 0.95, 0.84, 0.71, 0.59, 0.5, 0.42, 0.35),
    *(0.25, 0.18, 0.125, 0.088, 0.062, 0.044, 0.031, 0.022, 0.016, 0.011),
]
ACCURACIES = [10 ** (-j / 2) for j in range(1, 17)]
MEDIUM = 3  # place of 0.01 among the accuracies
MARGIN = 0.8  # of the gap asked for, when a step is chosen
EPOCHS = 30
LOOKS = 10  # evaluations an epoch, where there are so many batches
PATIENCE = 3  # a run without a new lowest gap for so many epochs has reached its floor
SHOWN_EPOCHS = 5


def step_limit(problem: LeastSquares, batch_size: int | None) -> float:
    """The step above which the method grows instead of converging, on Gaussian data."""
    trace = 2 * problem.X.square().sum().item() / problem.m
    return 2 / (problem.L + trace / (batch_size or problem.m))


def run(
    problem: LeastSquares, batch_size: int | None, t: float, seed: int
) -> Iterator[tuple[int, float, torch.Tensor]]:
    """Steps made, epochs and weights of a run, at each look."""
    if batch_size is None:
        batches: Any = FullBatch(problem.m)
    else:
        batches = ShuffledBatches(problem.m, batch_size, seed=seed)
    every = max(1, len(batches) // LOOKS)
    w = torch.zeros(problem.n, dtype=problem.X.dtype)
    yield 0, 0.0, w
    for k in range(1, EPOCHS * len(batches) + 1):
        if (k - 1) % len(batches) == 0:
            epoch = iter(batches)
        SGD.update(w, problem.gradient(w, next(epoch)), t=t)
        if k % every == 0 or k == 20:
            yield k, k / len(batches), w


def path_of(problem: LeastSquares, batch_size: int | None, t: float, seed: int) -> dict[str, Any]:
    """A run until its floor, the last accuracy, or the last epoch: gaps by epochs."""
    path: dict[str, Any] = {"epochs": [], "gap": [], "after_20": None}
    lowest, lowest_at = float("inf"), 0.0
    for k, epochs, w in run(problem, batch_size, t, seed):
        gap = problem.gap(w).item()
        path["epochs"].append(epochs)
        path["gap"].append(gap)
        if k == 20:
            path["after_20"] = gap
        if gap < lowest:
            lowest, lowest_at = gap, epochs
        done = gap <= MARGIN * ACCURACIES[-1] or epochs - lowest_at >= PATIENCE or not gap < 1e3
        if done and epochs >= SHOWN_EPOCHS and k >= 20:
            break
    return path


def epochs_to(accuracy: float, path: dict[str, Any]) -> float:
    """Epochs until the gap is first at most `accuracy`; infinite if it never is."""
    reached = np.array(path["gap"]) <= accuracy
    return path["epochs"][int(reached.argmax())] if reached.any() else float("inf")


def tuned_steps(problems: dict[int, LeastSquares], batch_size: int | None) -> list[int | None]:
    """For each accuracy the place of the step that is fastest on average over the problems."""
    needed = np.zeros((len(STEP_FACTORS), len(ACCURACIES)))
    for j, factor in enumerate(STEP_FACTORS):
        for seed, problem in problems.items():
            path = path_of(problem, batch_size, factor * step_limit(problem, batch_size), seed)
            needed[j] += [epochs_to(MARGIN * a, path) for a in ACCURACIES]
    best = needed.argmin(axis=0)
    return [int(j) if np.isfinite(needed[j, i]) else None for i, j in enumerate(best)]


def report(
    problems: dict[int, LeastSquares], batch_size: int | None, chosen: list[int | None]
) -> dict[str, Any]:
    """Epochs to each accuracy with the chosen steps, and the runs tuned to medium accuracy."""
    needed = np.full((len(problems), len(ACCURACIES)), np.inf)
    medium: dict[str, list] = {"lr": [], "gap": [], "after_20": []}
    for row, (seed, problem) in enumerate(problems.items()):
        limit = step_limit(problem, batch_size)
        for j in sorted({j for j in chosen if j is not None}):
            path = path_of(problem, batch_size, STEP_FACTORS[j] * limit, seed)
            for i, a in enumerate(ACCURACIES):
                if chosen[i] == j:
                    needed[row, i] = epochs_to(a, path)
            if chosen[MEDIUM] == j:
                shown = sum(e <= SHOWN_EPOCHS for e in path["epochs"])
                medium["epochs"] = path["epochs"][:shown]
                medium["lr"].append(STEP_FACTORS[j] * limit)
                medium["gap"].append(path["gap"][:shown])
                medium["after_20"].append(path["after_20"])
    return {
        "step_factors": [None if j is None else STEP_FACTORS[j] for j in chosen],
        "epochs_to": [
            [None if not np.isfinite(e) else e for e in figures]
            for figures in (
                np.median(needed, axis=0),
                needed.min(axis=0),
                needed.max(axis=0),
            )
        ],
        "tuned_to_medium": medium,
    }


def compare(setting: dict[str, Any]) -> dict[str, Any]:
    """Tune and report all methods on one kind of problem."""
    tuning = {seed: LeastSquares(seed=seed, **setting) for seed in TUNING_SEEDS}
    problems = {seed: LeastSquares(seed=seed, **setting) for seed in SEEDS}
    zero = torch.zeros(problems[SEEDS[0]].n, dtype=torch.float64)
    return {
        "condition": [p.condition for p in problems.values()],
        "statistical_error": [
            (p.population_excess(p.w_star) / p.gap(zero, relative=False)).item()
            for p in problems.values()
        ],
        "methods": {
            name: report(problems, batch_size, tuned_steps(tuning, batch_size))
            for name, batch_size in METHODS.items()
        },
    }


def measure() -> dict[str, Any]:
    """Compare GD and SGD on easy and hard problems, with and without noise."""
    return rounded(
        {
            "accuracies": ACCURACIES,
            "medium_accuracy": ACCURACIES[MEDIUM],
            "step_factors": STEP_FACTORS,
            "tuning_seeds": list(TUNING_SEEDS),
            "batch_sizes": METHODS,
            "settings": {name: compare(setting) for name, setting in SETTINGS.items()},
        }
    )


def rounded(value: Any) -> Any:
    """Numbers to six significant digits, so that the record stays small."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
