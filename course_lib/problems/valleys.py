"""Valleys to walk down in: straight, turned, curved, and with a ridge in the middle."""

from __future__ import annotations

import math
from functools import partial

from torch import Tensor

from course_lib.arguments import check_number
from course_lib.problems.surface import Surface

__all__ = [
    "beale",
    "elongated_quadratic",
    "long_valley",
    "rosenbrock",
    "rotated_quadratic",
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
        partial(_elongated, kappa=kappa),
        partial(_elongated_slopes, kappa=kappa),
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
    return Surface(
        "rotated quadratic",
        rf"\tfrac12\left(p^2 + {kappa:g}\,q^2\right),\; "
        rf"p = {c:.3g}\,u {s:+.3g}\,v,\; q = {c:.3g}\,v {-s:+.3g}\,u",
        partial(_rotated, kappa=kappa, c=c, s=s),
        partial(_rotated_slopes, kappa=kappa, c=c, s=s),
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
    return Surface(
        "Rosenbrock's valley",
        rf"(1 - u)^2 + {b:g}\,(v - u^2)^2",
        partial(_rosenbrock, b=b),
        partial(_rosenbrock_slopes, b=b),
        start=(-1.2, 1.0),
        box=((-2.0, 2.0), (-1.0, 3.0)),
        minimizers=[(1.0, 1.0)],
        minimum=0.0,
    )


def beale() -> Surface:
    r"""Return Beale's function, a plain with steep corners.

    .. math::

        f(u, v) = (1.5 - u + uv)^2 + (2.25 - u + uv^2)^2 + (2.625 - u + uv^3)^2

    Its only minimiser is (3, 1/2), at the end of a long bend. The point (0, 1) is a saddle. In the
    corners the values and slopes are ten thousand times those near the minimiser.

    Source: Beale, *On an iterative method for finding a local minimum of a function of more than
    one variable*, Princeton 1958, with this start; Moré, Garbow and Hillstrom 1981, number 5.

    Example:
        >>> import torch
        >>> beale().value(torch.tensor([[3.0, 0.5], [0.0, 1.0]]))
        tensor([ 0.0000, 14.2031])
    """
    return Surface(
        "Beale's function",
        "(1.5 - u + uv)^2 + (2.25 - u + uv^2)^2 + (2.625 - u + uv^3)^2",
        _beale,
        _beale_slopes,
        start=(1.0, 1.0),
        box=((-4.5, 4.5), (-4.5, 4.5)),
        minimizers=[(3.0, 0.5)],
        minimum=0.0,
    )


def long_valley(length: float = 4.0, steepness: float = 4.0) -> Surface:
    r"""Return a long valley with a low ridge across its middle.

    .. math::

        f(u, v) = \frac a2\, u^2 + \frac14 \Big(\frac{v^2}{\ell^2} - 1\Big)^2

    The floor is the :math:`v`-axis; its two ends, :math:`(0, \pm\ell)`, are the minimisers. Halfway
    between them the floor is level: the origin is a saddle, with curvature :math:`a` across the
    valley and :math:`-1/\ell^2` along it. From a start beside the ridge, as here, the steep slope
    says nothing of the way to go, and the floor hardly anything.

    Args:
        length: :math:`\ell`, from the ridge to an end, a finite number above 0.
        steepness: :math:`a`, a finite number above 0.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: made for this course after the captions of Radford's animation "long valley" (2014,
    linked on slide 34): methods must break a symmetry, and swing across before they go along. A
    formula of his was not to be found.

    Example:
        >>> import torch
        >>> long_valley().value(torch.tensor([[0.0, 4.0], [0.0, 0.0], [1.0, -4.0]]))
        tensor([0.0000, 0.2500, 2.0000])
    """
    ell = check_number("length", length, above=0)
    a = check_number("steepness", steepness, above=0)
    return Surface(
        "long valley",
        rf"\tfrac{{{a:g}}}{{2}}\,u^2 + \tfrac14\left(v^2/{ell:g}^2 - 1\right)^2",
        partial(_long_valley, ell=ell, a=a),
        partial(_long_valley_slopes, ell=ell, a=a),
        start=(-1.0, 0.01 * ell),
        box=((-1.5, 1.5), (-1.5 * ell, 1.5 * ell)),
        minimizers=[(0.0, -ell), (0.0, ell)],
        minimum=0.0,
    )


# Functions of the module, so that a surface can be pickled and sent to another process.


def _elongated(u: Tensor, v: Tensor, *, kappa: float) -> Tensor:
    return (u * u + kappa * v * v) / 2


def _elongated_slopes(u: Tensor, v: Tensor, *, kappa: float) -> tuple[Tensor, Tensor]:
    return u, kappa * v


def _rotated(u: Tensor, v: Tensor, *, kappa: float, c: float, s: float) -> Tensor:
    return _elongated(c * u + s * v, c * v - s * u, kappa=kappa)


def _rotated_slopes(
    u: Tensor, v: Tensor, *, kappa: float, c: float, s: float
) -> tuple[Tensor, Tensor]:
    p, q = c * u + s * v, c * v - s * u
    return c * p - s * kappa * q, s * p + c * kappa * q


def _rosenbrock(u: Tensor, v: Tensor, *, b: float) -> Tensor:
    return (1 - u).square() + b * (v - u * u).square()


def _rosenbrock_slopes(u: Tensor, v: Tensor, *, b: float) -> tuple[Tensor, Tensor]:
    above = v - u * u
    return -2 * (1 - u) - 4 * b * u * above, 2 * b * above


def _beale_residuals(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return 1.5 - u * (1 - v), 2.25 - u * (1 - v * v), 2.625 - u * (1 - v * v * v)


def _beale(u: Tensor, v: Tensor) -> Tensor:
    r1, r2, r3 = _beale_residuals(u, v)
    return r1 * r1 + r2 * r2 + r3 * r3


def _beale_slopes(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    r1, r2, r3 = _beale_residuals(u, v)
    along = r1 * (v - 1) + r2 * (v * v - 1) + r3 * (v * v * v - 1)
    return 2 * along, 2 * u * (r1 + 2 * v * r2 + 3 * v * v * r3)


def _long_valley(u: Tensor, v: Tensor, *, ell: float, a: float) -> Tensor:
    return a / 2 * u * u + (v * v / ell**2 - 1).square() / 4


def _long_valley_slopes(u: Tensor, v: Tensor, *, ell: float, a: float) -> tuple[Tensor, Tensor]:
    return a * u, (v * v / ell**2 - 1) * v / ell**2
