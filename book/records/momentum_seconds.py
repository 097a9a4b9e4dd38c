"""Seconds of the arithmetic of one step: gradient descent, heavy ball, and Newton's method.

The gradient, and for Newton the Hessian, are at hand: what is timed is what the method itself does
with them, on vectors of n numbers in double precision. Each figure is the shortest of many
repetitions, on one thread, in seconds of the processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from course_lib.methods import SGD, HeavyBall

SEEDS = (0,)
SIZES = (125, 250, 500, 1000, 2000)
REPETITIONS = 15


def shortest(step: Callable[[], Any], times: int) -> float:
    """Return the seconds of one of `times` steps in a row, the shortest of all repetitions."""
    found = []
    for _ in range(REPETITIONS):
        start = time.process_time()
        for _ in range(times):
            step()
        found.append((time.process_time() - start) / times)
    return float(f"{min(found):.3g}")


def steps(n: int) -> dict[str, Callable[[], Any]]:
    """Return one step of each method on a problem with n unknowns."""
    generator = torch.Generator().manual_seed(SEEDS[0])
    x, g, s = torch.randn(3, n, generator=generator, dtype=torch.float64)
    root = torch.randn(n, n, generator=generator, dtype=torch.float64)
    hessian = root @ root.T / n + torch.eye(n, dtype=torch.float64)
    return {
        "gradient descent": lambda: SGD.update(x, g, t=1e-9),
        "heavy ball": lambda: HeavyBall.update(x, g, s, alpha=1e-9, beta=0.9),
        "Newton": lambda: x.sub_(torch.linalg.solve(hessian, g), alpha=1e-9),
    }


def measure() -> dict[str, Any]:
    """Time a step of each method for each number of unknowns."""
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {}
    for n in SIZES:
        for name, step in steps(n).items():
            seconds.setdefault(name, []).append(shortest(step, 1 if name == "Newton" else 200))
    return {"sizes": list(SIZES), "seconds": seconds}
