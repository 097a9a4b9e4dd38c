"""Where a function of one variable jumps or has a kink, found by looking at its values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_number

__all__ = [
    "FAR",
    "Jump",
    "Kink",
    "check_interval",
    "find_jumps",
    "find_kinks",
    "find_range",
    "values_at",
]

FAR = 1e6  # where a function is asked how it ends; no jump or kink is looked for beyond

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


def check_interval(interval: Any) -> tuple[float, float]:
    """Return both ends if they are numbers, in order, with jumps and kinks resolved between them.

    Example:
        >>> check_interval((0, 1e-9))
        Traceback (most recent call last):
        ...
        ValueError: interval must be at least 0.001 wide to be resolved, got (0, 1e-09)
    """
    if not isinstance(interval, tuple | list) or len(interval) != 2:
        raise TypeError(f"interval must be two numbers, got {interval!r}")
    low = check_number("interval[0]", interval[0], low=-FAR, high=FAR)
    high = check_number("interval[1]", interval[1], low=-FAR, high=FAR, above=low)
    narrowest = max(1e-3, 1e-4 * max(abs(low), abs(high)))
    if high - low < narrowest:
        raise ValueError(
            f"interval must be at least {narrowest:.3g} wide to be resolved, got {interval!r}"
        )
    return low, high


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

    step = _step(edges)
    digits = math.floor(-math.log10(step))

    def slope(x: Tensor) -> Tensor:
        return (function(x + step) - function(x - step)) / (2 * step)

    low, high = _narrow(slope, edges, width=step)
    left, right = low - 3 * step, high + 3 * step  # whose quotients do not reach the kink
    p, q = slope(left), slope(right)
    far = slope(right + 9 * step) - slope(left - 9 * step)
    found = ((q - p).abs() > 1e-3) & ((q - p).abs() > far.abs() / 2)
    kinks: list[Kink] = []
    for i in found.nonzero()[:, 0].tolist():
        # The lines on the two sides meet at the kink.
        rise = (function(right[i]) - function(left[i]) - q[i] * (right[i] - left[i])).item()
        x = left[i].item() + rise / (p[i] - q[i]).item()
        known = [jump.x for jump in jumps] + [kink.x for kink in kinks]
        if all(abs(x - other) > 10 * step for other in known):
            kinks.append(Kink(round(x, digits) + 0.0, p[i].item(), q[i].item()))
    return kinks


def find_range(function: Callable[[Tensor], Tensor], y: Tensor) -> tuple[float, float]:
    """Return the smallest and largest of ``y`` and of the function's values far away.

    They are infinite where the function grows from one doubling of x to the next, not less each
    time: as do powers and logarithms, but neither waves nor what tends to a limit.

    Example:
        >>> find_range(torch.relu, torch.zeros(1, dtype=torch.float64))
        (0.0, inf)
    """
    doublings = FAR * 0.5 ** torch.arange(6, -1, -1, dtype=y.dtype, device=y.device)
    ends = torch.stack([function(-doublings), function(doublings)])
    seen = torch.cat([y, ends.flatten()])
    low = -math.inf if _is_endless(-ends.diff()) else seen.min().item()
    high = math.inf if _is_endless(ends.diff()) else seen.max().item()
    return low, high


def _is_endless(rises: Tensor) -> bool:
    on_and_on = (rises > 0) & (rises >= 0.9 * rises[:, :1])
    return bool(on_and_on.all(1).any())


def values_at(
    x: Tensor, function: Callable[[Tensor], Tensor], what: str, *, steep: bool = False
) -> Tensor:
    """Return the function's values at ``x`` if they are numbers; infinite ones if ``steep``.

    Example:
        >>> values_at(torch.zeros(1), torch.log, "the function")
        Traceback (most recent call last):
        ...
        ValueError: the function must have finite values, got -inf at 0
    """
    y = function(x)
    if not isinstance(y, Tensor) or y.dtype != x.dtype or y.shape != x.shape:
        got = f"{y.dtype} of shape {tuple(y.shape)}" if isinstance(y, Tensor) else repr(y)
        raise TypeError(f"{what} must return {x.dtype} of the shape of its argument, got {got}")
    wrong = y.isnan() if steep else ~y.isfinite()
    if bool(wrong.any()):
        kind = "values that are numbers" if steep else "finite values"
        raise ValueError(
            f"{what} must have {kind}, got {y[wrong][0].item()} at {x[wrong][0].item():.6g}"
        )
    return y


def _step(edges: Tensor) -> float:
    """Return the step of the difference quotients: 1e-6, unless the numbers or cells are unusual.

    Round-off in the quotients is about ε|x| divided by it, and a kink must not be seen from the
    neighbouring cell.
    """
    return min(max(1e-6, 1e-9 * edges.abs().max().item()), edges.diff().min().item() / 64)


def _narrow(
    function: Callable[[Tensor], Tensor], edges: Tensor, width: float
) -> tuple[Tensor, Tensor]:
    """Cut every cell down to ``width``, around where the function changes most.

    Cells stay a few spacings of the numbers wide, or there would be nothing left to cut.
    """
    width = max(width, 4 * torch.finfo(edges.dtype).eps * edges.abs().max().item())
    low, high = edges[:-1].clone(), edges[1:].clone()
    left, right = function(low), function(high)
    while (high - low).max() > width:
        cut = low + _SPLIT * (high - low)
        value = function(cut)
        in_left = (value - left).abs() > (right - value).abs()
        low, left = torch.where(in_left, low, cut), torch.where(in_left, left, value)
        high, right = torch.where(in_left, cut, high), torch.where(in_left, value, right)
    return low, high
