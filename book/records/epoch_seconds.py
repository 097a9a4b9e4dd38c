"""Seconds of a full gradient by samples and unknowns, and of an epoch by batch size, on one thread.

The problem is the slide's: least squares of 10000 samples and 500 unknowns, float64. An epoch is
timed in three ways: with `fit`, as a reader trains; as bare arithmetic on gathered rows (what an
epoch of shuffled batches has to do); and on slices of rows that were shuffled beforehand, which
need not be copied. An iteration of gradient descent uses all rows where they are: it is timed with
`fit` and bare. Each figure is the fastest of several repeats, the least disturbed by others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.functional import mse_loss

from course_lib.methods import SGD
from course_lib.problems import LeastSquares
from course_lib.training import ShuffledBatches, fit

SEEDS = (0,)
M, N = 10_000, 500
SAMPLES = [1250, 2500, 5000, 10_000, 20_000]
UNKNOWNS = [125, 250, 500, 1000]
BATCH_SIZES = [1, 10, 100, 1000]
GD_STEPS = 20
LR = 1e-4  # small enough for batches of one; the arithmetic is the same for every step size


def fastest(run: Callable[[], Any], repeats: int) -> float:
    """Seconds of the fastest of several runs, after one that is not counted."""
    run()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def full_gradient(m: int, n: int) -> float:
    """Seconds of one gradient by autograd on m samples and n unknowns."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(m, n, dtype=torch.float64, generator=generator)
    y = torch.randn(m, 1, dtype=torch.float64, generator=generator)
    model = nn.Linear(n, 1, bias=False, dtype=torch.float64)
    return fastest(lambda: mse_loss(model(x), y).backward(), repeats=15)


def epoch_of_fit(problem: LeastSquares, batch_size: int) -> float:
    """Seconds of an epoch of `fit`."""
    model = nn.Linear(problem.n, 1, bias=False, dtype=torch.float64)
    return fastest(
        lambda: fit(
            model, problem, mse_loss, lambda p: SGD(p, lr=LR), epochs=1, batch_size=batch_size
        ),
        repeats=3,
    )


def bare_epoch(problem: LeastSquares, batch_size: int, *, gathered: bool) -> float:
    """Seconds of an epoch of gradients and steps alone, on gathered rows or on slices."""
    w = torch.zeros(problem.n, dtype=torch.float64)
    if gathered:
        batches: list[Any] = list(ShuffledBatches(problem.m, batch_size))
    else:
        batches = [slice(i, i + batch_size) for i in range(0, problem.m, batch_size)]

    def epoch() -> None:
        for batch in batches:
            SGD.update(w, problem.gradient(w, batch), t=LR)

    return fastest(epoch, repeats=7)


def gd_iteration_of_fit(problem: LeastSquares) -> float:
    """Seconds of a step of `fit` on all samples."""
    model = nn.Linear(problem.n, 1, bias=False, dtype=torch.float64)
    run = fastest(
        lambda: fit(model, problem, mse_loss, lambda p: SGD(p, lr=LR), steps=GD_STEPS), repeats=7
    )
    return run / GD_STEPS


def bare_gd_iteration(problem: LeastSquares) -> float:
    """Seconds of one gradient on all samples and one step."""
    w = torch.zeros(problem.n, dtype=torch.float64)
    return fastest(lambda: SGD.update(w, problem.gradient(w), t=LR), repeats=25)


def multiplications_per_second() -> float:
    """Multiplications a second in the product of two large float32 matrices."""
    size = 1500
    a = torch.ones(size, size)
    return size**3 / fastest(lambda: a @ a, repeats=7)


def measure() -> dict[str, Any]:
    """Measure everything on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        problem = LeastSquares(M, N, seed=SEEDS[0])
        results = {
            "threads": 1,
            "multiplications_per_second": multiplications_per_second(),
            "gradient_by_samples": {
                "samples": SAMPLES,
                "seconds": [full_gradient(m, N) for m in SAMPLES],
            },
            "gradient_by_unknowns": {
                "unknowns": UNKNOWNS,
                "seconds": [full_gradient(M, n) for n in UNKNOWNS],
            },
            "gd_iteration": {
                "fit": gd_iteration_of_fit(problem),
                "bare": bare_gd_iteration(problem),
            },
            "epoch": {
                "batch_sizes": BATCH_SIZES,
                "fit": [epoch_of_fit(problem, b) for b in BATCH_SIZES],
                "gathered": [bare_epoch(problem, b, gathered=True) for b in BATCH_SIZES],
                "sliced": [bare_epoch(problem, b, gathered=False) for b in BATCH_SIZES],
            },
        }
    finally:
        torch.set_num_threads(threads)
    return rounded(results)


def rounded(value: Any) -> Any:
    """Numbers to four significant digits; a clock tells no more."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
