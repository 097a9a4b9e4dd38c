"""Where a function of one variable jumps or has a kink, found by looking at its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Jump", "Kink", "find_jumps", "find_kinks"]

_STEP = 1e-6  # of the difference quotients: truncation and round-off are both far below 1e-3
_SPLIT = 2**0.5 - 1  # an irrational place, so that no break lies exactly on it


@dataclass(frozen=True)
class Jump:
    """A point where a function is not continuous.

    Attributes:
        x: the point.
        left: value just left of it.
        right: value just right of it.
    """

    x: float
    left: float
    right: float


@dataclass(frozen=True)
class Kink:
    """A point where a continuous function has two one-sided slopes.

    Attributes:
        x: the point.
        left: slope on the left.
        right: slope on the right.
    """

    x: float
    left: float
    right: float


def find_jumps(function: Callable[[Tensor], Tensor], edges: Tensor) -> list[Jump]:
    """Find the jumps of ``function`` between neighbouring ``edges``, at most one between two.

    Each cell is cut again and again, and the part kept across which the function changes more. In
    a continuous function the change shrinks with the part; a jump of more than 0.001 stays. It is
    sure to be found if it is larger than what the function changes besides in its cell.

    Example:
        >>> find_jumps(torch.floor, torch.tensor([-0.5, 0.5, 1.5], dtype=torch.float64))
        [Jump(x=0.0, left=-1.0, right=0.0), Jump(x=1.0, left=0.0, right=1.0)]
    """
    low, high = _narrow(function, edges, width=1e-12)
    left, right = function(low), function(high)
    found = ((right - left).abs() > 1e-3).nonzero()[:, 0]
    return [
        Jump(round(high[i].item(), 9) + 0.0, left[i].item(), right[i].item())
        for i in found.tolist()
    ]


def find_kinks(
    function: Callable[[Tensor], Tensor], edges: Tensor, jumps: list[Jump]
) -> list[Kink]:
    """Find the kinks of ``function`` between neighbouring ``edges``, at most one between two.

    The same search as for jumps, in the difference quotient of the function; then the slopes are
    measured on both sides, close by and four times as far away. At a kink they differ as much from
    close by; where the function is smooth, by a quarter. Slopes that differ by less than 0.001
    pass for equal, and what lies at one of the ``jumps`` is left out. A kink is sure to be found
    if the slope changes more there than besides in its cell.

    Example:
        >>> edges = torch.tensor([-0.5, 0.5, 1.5], dtype=torch.float64)
        >>> [(kink.x, round(kink.left, 6), round(kink.right, 6))
        ...  for kink in find_kinks(torch.relu, edges, [])]
        [(0.0, 0.0, 1.0)]
    """

    def slope(x: Tensor) -> Tensor:
        return (function(x + _STEP) - function(x - _STEP)) / (2 * _STEP)

    low, high = _narrow(slope, edges, width=_STEP)
    left, right = low - 3 * _STEP, high + 3 * _STEP  # whose quotients do not reach the kink
    p, q = slope(left), slope(right)
    far = slope(right + 9 * _STEP) - slope(left - 9 * _STEP)
    found = ((q - p).abs() > 1e-3) & ((q - p).abs() > far.abs() / 2)
    kinks: list[Kink] = []
    for i in found.nonzero()[:, 0].tolist():
        # The lines on the two sides meet at the kink.
        rise = (function(right[i]) - function(left[i]) - q[i] * (right[i] - left[i])).item()
        x = left[i].item() + rise / (p[i] - q[i]).item()
        known = [jump.x for jump in jumps] + [kink.x for kink in kinks]
        if all(abs(x - other) > 10 * _STEP for other in known):
            kinks.append(Kink(round(x, 6) + 0.0, p[i].item(), q[i].item()))
    return kinks


def _narrow(
    function: Callable[[Tensor], Tensor], edges: Tensor, width: float
) -> tuple[Tensor, Tensor]:
    """Cut every cell down to ``width``, around where the function changes most."""
    low, high = edges[:-1].clone(), edges[1:].clone()
    left, right = function(low), function(high)
    while (high - low).max() > width:
        cut = low + _SPLIT * (high - low)
        value = function(cut)
        in_left = (value - left).abs() > (right - value).abs()
        low, left = torch.where(in_left, low, cut), torch.where(in_left, left, value)
        high, right = torch.where(in_left, cut, high), torch.where(in_left, value, right)
    return low, high
