"""Surfaces to walk down on: bowls, a curved valley, saddles."""

from __future__ import annotations

import math

from torch import Tensor

from course_lib.arguments import check_number
from course_lib.problems.surface import Surface

__all__ = [
    "elongated_quadratic",
    "monkey_saddle",
    "rosenbrock",
    "rotated_quadratic",
    "saddle",
]


def elongated_quadratic(condition: float = 10.0) -> Surface:
    r"""Return the valley :math:`f(u, v) = \frac12(u^2 + \kappa v^2)` along the :math:`u`-axis.

    Args:
        condition: :math:`\kappa`, a finite number of at least 1. The curvatures are 1 along the
            valley and :math:`\kappa` across it.

    Raises:
        TypeError, ValueError: ``condition`` is out of its range.

    Example:
        >>> import torch
        >>> elongated_quadratic(4).gradient(torch.tensor([2.0, 1.0]))
        tensor([2., 4.])
    """
    kappa = check_number("condition", condition, low=1)
    return Surface(
        "elongated quadratic",
        rf"\tfrac12\left(u^2 + {kappa:g}\,v^2\right)",
        lambda u, v: (u * u + kappa * v * v) / 2,
        lambda u, v: (u, kappa * v),
        start=(-4.0, 1.0),
        box=((-5.0, 2.0), (-2.0, 2.0)),
        minimizers=[(0.0, 0.0)],
        minimum=0.0,
    )


def rotated_quadratic(condition: float = 10.0, angle: float = math.pi / 6) -> Surface:
    r"""Return a valley in any direction: :math:`f = \frac12(p^2 + \kappa q^2)`.

    .. math::

        p = u\cos\theta + v\sin\theta, \qquad q = v\cos\theta - u\sin\theta

    are the coordinates along the valley and across it.

    Args:
        condition: :math:`\kappa`, a finite number of at least 1.
        angle: :math:`\theta`, from the :math:`u`-axis to the valley, in radians; any finite number.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> import torch
        >>> upright = rotated_quadratic(4, math.pi / 2)  # the valley is the v-axis
        >>> upright.value(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        tensor([2.0000, 0.5000])
    """
    kappa = check_number("condition", condition, low=1)
    theta = check_number("angle", angle)
    c, s = math.cos(theta), math.sin(theta)

    def turned(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return c * u + s * v, c * v - s * u

    def function(u: Tensor, v: Tensor) -> Tensor:
        p, q = turned(u, v)
        return (p * p + kappa * q * q) / 2

    def derivatives(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        p, q = turned(u, v)
        return c * p - s * kappa * q, s * p + c * kappa * q

    return Surface(
        "rotated quadratic",
        rf"\tfrac12\left(p^2 + {kappa:g}\,q^2\right),\; "
        rf"p = {c:.3g}\,u {s:+.3g}\,v,\; q = {c:.3g}\,v {-s:+.3g}\,u",
        function,
        derivatives,
        start=(-4.0 * c - s, -4.0 * s + c),
        box=((-5.0, 5.0), (-5.0, 5.0)),
        minimizers=[(0.0, 0.0)],
        minimum=0.0,
    )


def rosenbrock(steepness: float = 100.0) -> Surface:
    r"""Return Rosenbrock's curved valley :math:`f(u, v) = (1 - u)^2 + b\,(v - u^2)^2`.

    The valley follows the parabola :math:`v = u^2`; along it the function falls slowly towards
    its only minimiser (1, 1), across it rises steeply.

    Args:
        steepness: :math:`b`, a finite number above 0.

    Raises:
        TypeError, ValueError: ``steepness`` is out of its range.

    Source: Rosenbrock, *An automatic method for finding the greatest or least value of a
    function*, The Computer Journal 3 (1960), with :math:`b = 100` and this start.

    Example:
        >>> import torch
        >>> rosenbrock().value(torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]))
        tensor([  0.,   1., 101.])
    """
    b = check_number("steepness", steepness, above=0)

    def derivatives(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        above = v - u * u
        return -2 * (1 - u) - 4 * b * u * above, 2 * b * above

    return Surface(
        "Rosenbrock's valley",
        rf"(1 - u)^2 + {b:g}\,(v - u^2)^2",
        lambda u, v: (1 - u).square() + b * (v - u * u).square(),
        derivatives,
        start=(-1.2, 1.0),
        box=((-2.0, 2.0), (-1.0, 3.0)),
        minimizers=[(1.0, 1.0)],
        minimum=0.0,
    )


def saddle() -> Surface:
    r"""Return the saddle :math:`f(u, v) = u^2 - v^2`, which is unbounded below.

    Along the :math:`u`-axis the origin is a minimum, along the :math:`v`-axis a maximum.

    Example:
        >>> saddle().minimizers.shape, saddle().minimum
        (torch.Size([0, 2]), -inf)
    """
    return Surface(
        "saddle",
        "u^2 - v^2",
        lambda u, v: u * u - v * v,
        lambda u, v: (2 * u, -2 * v),
        start=(-1.5, 0.01),
        box=((-2.0, 2.0), (-2.0, 2.0)),
    )


def monkey_saddle() -> Surface:
    r"""Return the monkey saddle :math:`f(u, v) = u^3 - 3uv^2`, flat to second order at the origin.

    Three valleys and three ridges meet there: two for a rider's legs and one for a tail. The
    Hessian at the origin is zero, so that no test of second order tells it from a minimum.

    Example:
        >>> import torch
        >>> monkey_saddle().value(torch.tensor([[-0.5, 0.0], [0.5, 0.0]]))
        tensor([-0.1250,  0.1250])
    """
    return Surface(
        "monkey saddle",
        r"u^3 - 3\,u v^2",
        lambda u, v: u * (u * u - 3 * v * v),
        lambda u, v: (3 * (u * u - v * v), -6 * u * v),
        start=(1.0, 0.01),
        box=((-1.5, 1.5), (-1.5, 1.5)),
    )
