"""Functions 7 to 12, of three variables."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.arguments import check_integer
from course_lib.problems.classical_test_set.constants import indices, like, together
from course_lib.problems.classical_test_set.measurements import (
    BARD_Y,
    GAUSSIAN_Y,
    MEYER_Y,
)
from course_lib.problems.classical_test_set.test_function import Minimum, TestFunction

__all__ = [
    "bard",
    "box_three_dimensional",
    "gaussian",
    "gulf_research",
    "helical_valley",
    "meyer",
]


def helical_valley() -> TestFunction:
    r"""Return function 7, a valley that winds around the :math:`x_3`-axis.

    Residuals :math:`10(x_3 - 10\theta)`, :math:`10(\sqrt{x_1^2 + x_2^2} - 1)` and :math:`x_3`,
    where :math:`2\pi\theta` is :math:`\arctan(x_2/x_1)`, plus :math:`\pi` where
    :math:`x_1 < 0`: the angle of :math:`(x_1, x_2)` in :math:`(-\pi/2, 3\pi/2]`. It jumps
    at :math:`x_1 = 0 > x_2`; ``atan2`` jumps at :math:`x_2 = 0 > x_1` instead, where the start
    is. On the axis, :math:`x_1 = x_2 = 0`, there is no derivative.
    """

    def residuals(x: Tensor) -> Tensor:
        x1, x2, x3 = x.unbind(-1)
        # The angle from the x₂-axis, clockwise, jumps on the other half of that axis.
        theta = 0.25 - torch.atan2(x1, x2) / (2 * math.pi)
        radius = (x1.square() + x2.square()).sqrt()
        return together(10 * (x3 - 10 * theta), 10 * (radius - 1), x3)

    return TestFunction(
        7,
        "Helical valley",
        residuals,
        start=(-1.0, 0.0, 0.0),
        m=3,
        minima=[Minimum(0.0, (1.0, 0.0, 0.0))],
    )


def bard() -> TestFunction:
    r"""Return function 8: :math:`y_i - (x_1 + i/(v_ix_2 + w_ix_3))`, v = 16 - i, w = min(i, v).

    The minimum is published as 8.21487…e-3. A second one, 17.4286…, is approached for
    :math:`x_1 = 0.8406…` and :math:`x_2, x_3 \to -\infty`.
    """

    def residuals(x: Tensor) -> Tensor:
        u = indices(x, 15)
        v = 16 - u
        x1, x2, x3 = x.split(1, dim=-1)
        return like(x, BARD_Y) - (x1 + u / (v * x2 + torch.minimum(u, v) * x3))

    best = (0.08241055974978895, 1.1330360920297218, 2.343695178642537)
    return TestFunction(
        8,
        "Bard",
        residuals,
        start=(1.0, 1.0, 1.0),
        m=15,
        minima=[Minimum(8.21487e-3, best, unit=1e-8), Minimum(17.4286, unit=1e-4)],
    )


def gaussian() -> TestFunction:
    r"""Return function 9: :math:`x_1e^{-x_2(t_i - x_3)^2/2} - y_i` with :math:`t_i = (8 - i)/2`.

    The minimum is published as 1.12793…e-8, without its place. The start is close to it.
    """

    def residuals(x: Tensor) -> Tensor:
        t = (8 - indices(x, 15)) / 2
        x1, x2, x3 = x.split(1, dim=-1)
        return x1 * torch.exp(-x2 * (t - x3).square() / 2) - like(x, GAUSSIAN_Y)

    best = (0.39895613783875666, 1.0000190844878059, 0.0)
    return TestFunction(
        9,
        "Gaussian",
        residuals,
        start=(0.4, 1.0, 0.0),
        m=15,
        minima=[Minimum(1.12793e-8, best, unit=1e-13)],
    )


def meyer() -> TestFunction:
    r"""Return function 10: :math:`x_1e^{x_2/(t_i + x_3)} - y_i` with :math:`t_i = 45 + 5i`.

    The minimum is published as 87.9458…, without its place. At the start the value is 1.7e9, and
    the scales of the variables differ by a million: one of the hardest of the collection.
    """

    def residuals(x: Tensor) -> Tensor:
        t = 45 + 5 * indices(x, 16)
        x1, x2, x3 = x.split(1, dim=-1)
        return x1 * torch.exp(x2 / (t + x3)) - like(x, MEYER_Y)

    best = (0.005609636471028797, 6181.346346286258, 345.22363462413256)
    return TestFunction(
        10,
        "Meyer",
        residuals,
        start=(0.02, 4000.0, 250.0),
        m=16,
        minima=[Minimum(87.9458, best, unit=1e-4)],
    )


def gulf_research(m: int = 99) -> TestFunction:
    r"""Return function 11: :math:`\exp(-|y_i - x_2|^{x_3}/x_1) - t_i` for i = 1, …, m.

    :math:`t_i = i/100` and :math:`y_i = 25 + (-50\ln t_i)^{2/3}`. The paper prints
    :math:`|y_i\,m\,i\,x_2|`, where "mi" stands for a minus sign that was lost: its own subroutines
    (TOMS Algorithm 566) and the published minimiser tell so. Some collections repeat the misprint.

    Args:
        m: number of residuals, from 3 to 100; 99 in the paper's own subroutines. With m = 100 the
            last :math:`y_i` is the minimiser's :math:`x_2`.

    Raises:
        TypeError, ValueError: ``m`` is not as described.
    """
    m = check_integer("m", m, low=3, high=100)
    t_values = [i / 100 for i in range(1, m + 1)]
    y_values = [25 + (-50 * math.log(t)) ** (2 / 3) for t in t_values]

    def residuals(x: Tensor) -> Tensor:
        x1, x2, x3 = x.split(1, dim=-1)
        away = (like(x, y_values) - x2).abs()
        # 0 to a power p > 1 has the slope 0, but autograd multiplies 0 by infinity: keep it out.
        there = away == 0
        power = torch.where(there, 1.0, away).pow(x3)
        power = torch.where(there, 0.0, power)
        return torch.exp(-power / x1) - like(x, t_values)

    return TestFunction(
        11,
        "Gulf research and development",
        residuals,
        start=(5.0, 2.5, 0.15),
        m=m,
        minima=[Minimum(0.0, (50.0, 25.0, 1.5))],
    )


def box_three_dimensional(m: int = 10) -> TestFunction:
    r"""Return function 12: :math:`e^{-t_ix_1} - e^{-t_ix_2} - x_3(e^{-t_i} - e^{-10t_i})`.

    :math:`t_i = i/10` for i = 1, …, m. The minimum 0 is taken at (1, 10, 1), at (10, 1, -1), and
    wherever :math:`x_1 = x_2` and :math:`x_3 = 0`.

    Args:
        m: number of residuals, at least 3.

    Raises:
        TypeError, ValueError: ``m`` is not as described.
    """
    m = check_integer("m", m, low=3)
    t_values = [i / 10 for i in range(1, m + 1)]
    right = [math.exp(-t) - math.exp(-10 * t) for t in t_values]

    def residuals(x: Tensor) -> Tensor:
        t = like(x, t_values)
        x1, x2, x3 = x.split(1, dim=-1)
        return torch.exp(-t * x1) - torch.exp(-t * x2) - x3 * like(x, right)

    return TestFunction(
        12,
        "Box three-dimensional",
        residuals,
        start=(0.0, 10.0, 20.0),
        m=m,
        minima=[Minimum(0.0, (1.0, 10.0, 1.0)), Minimum(0.0, (10.0, 1.0, -1.0))],
    )
