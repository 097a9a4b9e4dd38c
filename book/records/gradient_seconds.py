"""Seconds of one value of a net's loss, and of its gradient computed in five ways, by its size.

The loss is that of the chapter: a net with two layers of weights, tanh between them, mean of the
squared errors of 128 samples, float64, one thread. The number of weights n grows with the width.
Reverse mode is measured with the course's tape and with torch; forward mode with one pass of dual
numbers for each weight; finite differences with one value for each weight and one more. These two
are measured in full up to a thousand weights; the seconds of a single pass are there for all sizes.
Seconds are those of the processor. Each figure is the smallest of several repeats.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.derivatives import forward_difference, gradient, jacobian_by_columns, jvp

SEEDS = (0,)
SAMPLES, INPUTS = 128, 32
WIDTHS = [3, 30, 300, 3000, 30_000]
IN_FULL = 1000


def fastest(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Seconds of the fastest run of each way; they take turns, so that all see the same load."""
    best = dict.fromkeys(ways, float("inf"))
    for turn in range(rounds + 1):
        for name, run in ways.items():
            started = time.process_time()
            run()
            seconds = time.process_time() - started
            if turn:  # the first one warms up
                best[name] = min(best[name], seconds)
    return best


def make_loss(width: int) -> tuple[Callable[[Any], Any], Tensor]:
    """The loss as a function of all weights in one vector, and where to evaluate it."""
    generator = torch.Generator().manual_seed(SEEDS[0])
    options: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    x, y = torch.randn(SAMPLES, INPUTS, **options), torch.randn(SAMPLES, 1, **options)
    weights = torch.randn(width * (INPUTS + 1), **options) / INPUTS**0.5

    def loss(w: Any) -> Any:
        hidden = (x @ w[: width * INPUTS].reshape(INPUTS, width)).tanh()
        error = hidden @ w[width * INPUTS :].reshape(width, 1) - y
        return (error * error).mean()

    return loss, weights


def torchs_gradient(loss: Callable[[Any], Any], weights: Tensor) -> Tensor:
    """The gradient by torch's reverse mode."""
    leaf = weights.clone().requires_grad_()
    return torch.autograd.grad(loss(leaf), leaf)[0]


def seconds_by_way(width: int) -> dict[str, float | None]:
    """Seconds of each way for one size of the net."""
    loss, w = make_loss(width)
    direction = torch.ones_like(w)
    passes: dict[str, Callable[[], Any]] = {
        "value": lambda: loss(w),
        "reverse mode": lambda: gradient(loss, w),
        "reverse mode of torch": lambda: torchs_gradient(loss, w),
        "one forward pass": lambda: jvp(loss, w, direction),
    }
    one_by_one: dict[str, Callable[[], Any]] = {
        "forward mode": lambda: jacobian_by_columns(loss, w),
        "finite differences": lambda: forward_difference(loss, w),
    }
    found: dict[str, float | None] = {**fastest(passes, rounds=20 if len(w) > 100_000 else 200)}
    in_full = len(w) <= IN_FULL
    return found | (fastest(one_by_one, rounds=5) if in_full else dict.fromkeys(one_by_one))


def measure() -> dict[str, Any]:
    """Measure all ways for all sizes on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = [seconds_by_way(width) for width in WIDTHS]
    finally:
        torch.set_num_threads(threads)
    return {
        "threads": 1,
        "samples": SAMPLES,
        "inputs": INPUTS,
        "weights": [width * (INPUTS + 1) for width in WIDTHS],
        "seconds": {way: [rounded(row[way]) for row in rows] for way in rows[0]},
    }


def rounded(seconds: float | None) -> float | None:
    """Three significant digits; a clock tells no more."""
    return None if seconds is None else float(f"{seconds:.3g}")
