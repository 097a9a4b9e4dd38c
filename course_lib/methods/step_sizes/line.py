"""The function along a line, and the conditions that a step size along it may have to meet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.methods.point import NoStepError, Point

__all__ = ["Line", "Trial"]

ROUNDINGS = 10
"""How many units of round-off of F(x) two values must differ by to tell which one is lower."""


@dataclass(frozen=True)
class Trial:
    r"""A step size that was tried, :math:`\varphi(t)` and :math:`\varphi'(t)`."""

    t: float
    value: float
    slope: float


class Line:
    r"""The function :math:`\varphi(t) = F(x + td)` of one number, along a direction that goes down.

    Args:
        point: :math:`x`.
        d: direction, shape (n,).

    Attributes:
        start: :math:`t = 0` with :math:`\varphi(0) = F(x)` and :math:`\varphi'(0) = g^\top d`.

    Raises:
        NoStepError: :math:`F(x)` or the slope is not finite, or the slope is not negative.

    Example:
        >>> from course_lib.methods.flat import FlatParameters
        >>> from course_lib.methods.oracle import Oracle
        >>> from course_lib.training import FunctionClosure
        >>> x = torch.tensor([1.0], requires_grad=True)
        >>> oracle = Oracle(FunctionClosure(lambda x: (x**2).sum(), x), FlatParameters([x]))
        >>> point = Point(oracle.start, oracle)
        >>> line = Line(point, -point.gradient)
        >>> line.start
        Trial(t=0.0, value=1.0, slope=-4.0)
        >>> line.at(0.25)
        Trial(t=0.25, value=0.25, slope=-2.0)
        >>> line.armijo(0.5, c=0.4), line.armijo(0.5, c=0.9)
        (True, False)
    """

    def __init__(self, point: Point, d: Tensor) -> None:
        slope = point.slope(d)
        if not math.isfinite(point.value):
            raise NoStepError(f"the value {point.value} of F is not finite where the search starts")
        if not math.isfinite(slope):
            raise NoStepError(f"the slope along the direction is not finite: {slope}")
        if slope > 0:
            raise NoStepError(f"the direction goes up: the slope along it is {slope:.3g}")
        if slope == 0:
            raise NoStepError(
                "the slope along the direction is 0: the gradient has vanished, or the direction "
                "is at a right angle to it"
            )
        self.point, self.d = point, d
        self.start = Trial(0.0, point.value, slope)
        self._noise = ROUNDINGS * torch.finfo(point.x.dtype).eps

    def at(self, t: float) -> Trial:
        r"""Return :math:`\varphi(t)` and :math:`\varphi'(t)`, at the cost of one gradient.

        If one of them is infinite or not a number, both are given as infinite.
        """
        there = self.point.move(t, self.d)
        slope, value = there.slope(self.d), there.value
        if not (math.isfinite(value) and math.isfinite(slope)):
            value = slope = math.inf
        return Trial(t, value, slope)

    def armijo(self, t: float, c: float) -> bool:
        r"""Whether :math:`F` falls enough: :math:`\varphi(t) \le \varphi(0) + c\,t\,\varphi'(0)`.

        A value that is infinite or not a number does not. Where the two values differ by no more
        than their round-off, the slopes decide: :math:`\varphi'(t) \le (2c - 1)\,\varphi'(0)`,
        which is the same condition if :math:`\varphi` is quadratic, and slopes are still exact
        where values are not.
        """
        there = self.point.move(t, self.d)
        if not math.isfinite(there.value):
            return False
        if not self._alike(there.value, self.start.value):
            return there.value <= self.start.value + c * t * self.start.slope
        moved = not torch.equal(there.x, self.point.x)
        return moved and there.slope(self.d) <= (2 * c - 1) * self.start.slope

    def flat(self, trial: Trial, c: float) -> bool:
        r"""Whether the slope is small enough: :math:`|\varphi'(t)| \le c\,|\varphi'(0)|`."""
        return abs(trial.slope) <= c * abs(self.start.slope)

    def higher(self, trial: Trial, other: Trial) -> bool:
        """Whether the value of `trial` is above that of `other` by more than round-off."""
        return trial.value > other.value and not self._alike(trial.value, other.value)

    def length(self, a: Trial, b: Trial) -> float:
        """Return how far two trials are apart: the largest difference of a variable."""
        return abs(a.t - b.t) * float(torch.linalg.vector_norm(self.d, math.inf))

    def _alike(self, value: float, other: float) -> bool:
        """Whether two values, one of them finite, differ by no more than their round-off."""
        return abs(value - other) <= self._noise * max(abs(value), abs(other)) < math.inf
