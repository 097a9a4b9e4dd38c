"""Functions 13 to 19, of four, five, six and eleven variables."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.arguments import check_integer
from course_lib.problems.classical_test_set.constants import indices, like, together
from course_lib.problems.classical_test_set.measurements import (
    KOWALIK_U,
    KOWALIK_Y,
    OSBORNE_1_Y,
    OSBORNE_2_Y,
)
from course_lib.problems.classical_test_set.test_function import Minimum, TestFunction

__all__ = [
    "biggs_exp6",
    "brown_dennis",
    "kowalik_osborne",
    "osborne_1",
    "osborne_2",
    "powell_singular",
    "wood",
]


def powell_singular() -> TestFunction:
    r"""Return function 13, whose Hessian is singular at the minimiser 0.

    Residuals :math:`x_1 + 10x_2`, :math:`\sqrt5(x_3 - x_4)`, :math:`(x_2 - 2x_3)^2`,
    :math:`\sqrt{10}(x_1 - x_4)^2`.

    Example:
        >>> f = powell_singular()
        >>> round(f.value(f.start).item(), 10)
        215.0
    """

    def residuals(x: Tensor) -> Tensor:
        x1, x2, x3, x4 = x.unbind(-1)
        return together(
            x1 + 10 * x2,
            math.sqrt(5) * (x3 - x4),
            (x2 - 2 * x3).square(),
            math.sqrt(10) * (x1 - x4).square(),
        )

    return TestFunction(
        13,
        "Powell singular",
        residuals,
        start=(3.0, -1.0, 0.0, 1.0),
        m=4,
        minima=[Minimum(0.0, (0.0,) * 4)],
    )


def wood() -> TestFunction:
    r"""Return function 14, two of Rosenbrock's valleys that are coupled, with a saddle on the way.

    Residuals :math:`10(x_2 - x_1^2)`, :math:`1 - x_1`, :math:`\sqrt{90}(x_4 - x_3^2)`,
    :math:`1 - x_3`, :math:`\sqrt{10}(x_2 + x_4 - 2)`, :math:`(x_2 - x_4)/\sqrt{10}`.
    """

    def residuals(x: Tensor) -> Tensor:
        x1, x2, x3, x4 = x.unbind(-1)
        return together(
            10 * (x2 - x1.square()),
            1 - x1,
            math.sqrt(90) * (x4 - x3.square()),
            1 - x3,
            math.sqrt(10) * (x2 + x4 - 2),
            (x2 - x4) / math.sqrt(10),
        )

    return TestFunction(
        14,
        "Wood",
        residuals,
        start=(-3.0, -1.0, -3.0, -1.0),
        m=6,
        minima=[Minimum(0.0, (1.0,) * 4)],
    )


def kowalik_osborne() -> TestFunction:
    r"""Return function 15: :math:`y_i - x_1(u_i^2 + u_ix_2)/(u_i^2 + u_ix_3 + x_4)`.

    The minimum is published as 3.07505…e-4, without its place. A second one, 1.02734…e-3, is
    approached for :math:`x_2 = -14.07…` and the other variables going to infinity.
    """

    def residuals(x: Tensor) -> Tensor:
        u = like(x, KOWALIK_U)
        x1, x2, x3, x4 = x.split(1, dim=-1)
        return like(x, KOWALIK_Y) - x1 * u * (u + x2) / (u * (u + x3) + x4)

    best = (0.19280693457903791, 0.1912823287343667, 0.1230565069263208, 0.13606233068379472)
    return TestFunction(
        15,
        "Kowalik and Osborne",
        residuals,
        start=(0.25, 0.39, 0.415, 0.39),
        m=11,
        minima=[Minimum(3.07505e-4, best, unit=1e-9), Minimum(1.02734e-3, unit=1e-8)],
    )


def brown_dennis(m: int = 20) -> TestFunction:
    r"""Return function 16, whose minimum is far from 0.

    Residuals :math:`(x_1 + t_ix_2 - e^{t_i})^2 + (x_3 + x_4\sin t_i - \cos t_i)^2` with
    :math:`t_i = i/5` for i = 1, …, m. For m = 20 the minimum is published as 85822.2…, without
    its place. The start's last entry is -1, as in the paper's own subroutines; the R package
    funconstrain starts with +1 there.

    Args:
        m: number of residuals, at least 4.

    Raises:
        TypeError, ValueError: ``m`` is not as described.
    """
    m = check_integer("m", m, low=4)

    def residuals(x: Tensor) -> Tensor:
        t = indices(x, m) / 5
        x1, x2, x3, x4 = x.split(1, dim=-1)
        return (x1 + t * x2 - t.exp()).square() + (x3 + x4 * t.sin() - t.cos()).square()

    best = (-11.594439904762163, 13.203630051207202, -0.4034394881768596, 0.23677877445573628)
    return TestFunction(
        16,
        "Brown and Dennis",
        residuals,
        start=(25.0, 5.0, -5.0, -1.0),
        m=m,
        minima=[Minimum(85822.2, best, unit=0.1)] if m == 20 else [],
    )


def osborne_1() -> TestFunction:
    r"""Return function 17: :math:`y_i - (x_1 + x_2e^{-t_ix_4} + x_3e^{-t_ix_5})`, t = 10(i - 1).

    The minimum is published as 5.46489…e-5, without its place.
    """

    def residuals(x: Tensor) -> Tensor:
        t = 10 * (indices(x, 33) - 1)
        x1, x2, x3, x4, x5 = x.split(1, dim=-1)
        return like(x, OSBORNE_1_Y) - (x1 + x2 * torch.exp(-t * x4) + x3 * torch.exp(-t * x5))

    best = (
        *(0.3754100521069519, 1.935846912712351, -1.4646871366134067),
        *(0.012867534640057254, 0.022122699661672678),
    )
    return TestFunction(
        17,
        "Osborne 1",
        residuals,
        start=(0.5, 1.5, -1.0, 0.01, 0.02),
        m=33,
        minima=[Minimum(5.46489e-5, best, unit=1e-10)],
    )


def biggs_exp6(m: int = 13) -> TestFunction:
    r"""Return function 18, a sum of exponentials to be found from its values.

    Residuals :math:`x_3e^{-t_ix_1} - x_4e^{-t_ix_2} + x_6e^{-t_ix_5} - y_i` with
    :math:`t_i = i/10` and :math:`y_i = e^{-t_i} - 5e^{-10t_i} + 3e^{-4t_i}` for i = 1, …, m. The
    minimum 0 is taken at (1, 10, 1, 5, 4, 3), and where the same three terms stand in another
    order.

    For m = 13 the paper lists 5.65565…e-3 too, without its place. That is no local minimum of f but
    a saddle, the lowest point among those with :math:`x_1 = x_5` and :math:`x_3 = x_6`. The start
    is such a point, and methods that treat equal variables equally do not leave them but by
    rounding. (The digits are rounded up: the value is 5.6556499…e-3.)

    Args:
        m: number of residuals, at least 6.

    Raises:
        TypeError, ValueError: ``m`` is not as described.
    """
    m = check_integer("m", m, low=6)
    t_values = [i / 10 for i in range(1, m + 1)]
    y_values = [math.exp(-t) - 5 * math.exp(-10 * t) + 3 * math.exp(-4 * t) for t in t_values]

    def residuals(x: Tensor) -> Tensor:
        t = like(x, t_values)
        x1, x2, x3, x4, x5, x6 = x.split(1, dim=-1)
        fast, slow = x4 * torch.exp(-t * x2), x6 * torch.exp(-t * x5)
        return x3 * torch.exp(-t * x1) - fast + slow - like(x, y_values)

    minima = [Minimum(0.0, (1.0, 10.0, 1.0, 5.0, 4.0, 3.0))]
    if m == 13:
        minima.append(Minimum(5.65565e-3, unit=1e-8))
    return TestFunction(
        18, "Biggs EXP6", residuals, start=(1.0, 2.0, 1.0, 1.0, 1.0, 1.0), m=m, minima=minima
    )


def osborne_2() -> TestFunction:
    r"""Return function 19, an exponential and three bells fitted to 65 values.

    Residuals :math:`y_i - (x_1e^{-t_ix_5} + \sum_{k=2}^4x_ke^{-(t_i - x_{k+7})^2x_{k+4}})` with
    :math:`t_i = (i - 1)/10`. The minimum is published as 4.01377…e-2, without its place.
    """

    def residuals(x: Tensor) -> Tensor:
        t = (indices(x, 65) - 1) / 10
        heights, rates, places = x[..., :4], x[..., 4:8], x[..., 8:]
        fit = heights[..., :1] * torch.exp(-t * rates[..., :1])
        for k in range(3):
            bell = torch.exp(-(t - places[..., k, None]).square() * rates[..., k + 1, None])
            fit = fit + heights[..., k + 1, None] * bell
        return like(x, OSBORNE_2_Y) - fit

    best = (
        *(1.3099771546273007, 0.431553794602989, 0.633661698960724, 0.5994305347859162),
        *(0.7541832263280114, 0.9042885798596337, 1.3658118352370279, 4.823698817227158),
        *(2.3986848661317546, 4.568874597667672, 5.6753414705806415),
    )
    return TestFunction(
        19,
        "Osborne 2",
        residuals,
        start=(1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5),
        m=65,
        minima=[Minimum(4.01377e-2, best, unit=1e-7)],
    )
