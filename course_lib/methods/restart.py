"""What methods that learn along the way fall back on where what they learned is of no use."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.methods.line_searching import LineSearchMethod
from course_lib.methods.point import NoStepError, Point
from course_lib.methods.scaling import in_own_unit

__all__ = ["RestartingMethod", "first_direction", "is_descent", "steepest"]


class RestartingMethod(LineSearchMethod):
    """A line-search method that tries once more, from scratch, where its search finds no step.

    Its direction has ``restart(memory)``, which forgets what was learned and returns whether there
    was anything. Only if the search finds no step along the first direction either, the method
    gives up, as the Fortran code of L-BFGS-B does.
    """

    def advance(self, point: Point, memory: dict[str, Any], group: dict[str, Any]) -> Point:
        """Return the point :math:`x_{k-1} + t_k d_k`, if need be with the first direction."""
        try:
            return super().advance(point, memory, group)
        except NoStepError:
            if not self.direction.restart(memory["direction"]):  # type: ignore[attr-defined]
                raise
            return super().advance(point, memory, group)


def steepest(point: Point) -> Tensor:
    """Return the negative gradient.

    Raises:
        NoStepError: it is zero.
    """
    if not bool(point.gradient.any()):
        raise NoStepError("the gradient is zero: the point is stationary")
    return -point.gradient


def first_direction(point: Point) -> Tensor:
    r"""Return :math:`-\min\{1, 1/\|g\|_1\}\, g`: steepest descent, not longer than 1.

    Nothing is known yet of how far to go, and a gradient of 1000 says only that F is steep.

    Raises:
        NoStepError: the gradient is zero.

    Source: ``torch.optim.LBFGS``.
    """
    d = steepest(point)
    return torch.clamp(1 / d.abs().sum(), max=1.0) * d


def is_descent(point: Point, d: Tensor) -> bool:
    r"""Return whether :math:`g^\top d < 0` by more than rounding, :math:`\epsilon\|g\|\|d\|`."""
    g, d = in_own_unit(point.gradient)[0], in_own_unit(d)[0]
    noise = torch.finfo(d.dtype).eps * torch.linalg.vector_norm(g) * torch.linalg.vector_norm(d)
    return float(g @ d) < -float(noise)
