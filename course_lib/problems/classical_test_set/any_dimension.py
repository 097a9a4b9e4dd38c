"""Functions 20 to 26, of any number of variables."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.arguments import check_integer
from course_lib.problems.classical_test_set.constants import indices, like
from course_lib.problems.classical_test_set.test_function import Minimum, TestFunction

__all__ = [
    "extended_powell_singular",
    "extended_rosenbrock",
    "penalty_1",
    "penalty_2",
    "trigonometric",
    "variably_dimensioned",
    "watson",
]


def watson(n: int = 6) -> TestFunction:
    r"""Return function 20, a polynomial that is to solve a differential equation.

    Residuals :math:`\sum_{j=2}^n(j-1)x_jt_i^{j-2} - (\sum_{j=1}^nx_jt_i^{j-1})^2 - 1` with
    :math:`t_i = i/29` for i = 1, …, 29, then :math:`x_1` and :math:`x_2 - x_1^2 - 1`. Minima are
    published as 2.28767…e-3 for n = 6, 1.39976…e-6 for n = 9, 4.72238…e-10 for n = 12. The larger
    n, the worse its condition.

    Args:
        n: number of variables, from 2 to 31.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = check_integer("n", n, low=2, high=31)
    powers = [[(i / 29) ** j for j in range(n)] for i in range(1, 30)]
    slopes = [[0.0] + [j * (i / 29) ** (j - 1) for j in range(1, n)] for i in range(1, 30)]

    def residuals(x: Tensor) -> Tensor:
        x1, x2 = x[..., :1], x[..., 1:2]
        slope, height = x @ like(x, slopes).T, x @ like(x, powers).T
        return torch.cat([slope - height.square() - 1, x1, x2 - x1.square() - 1], dim=-1)

    published = {
        6: Minimum(2.28767e-3, unit=1e-8),
        9: Minimum(1.39976e-6, unit=1e-11),
        12: Minimum(4.72238e-10, unit=1e-15),
    }
    minima = [published[n]] if n in published else []
    return TestFunction(20, "Watson", residuals, start=(0.0,) * n, m=31, minima=minima)


def extended_rosenbrock(n: int = 10) -> TestFunction:
    r"""Return function 21, n / 2 of Rosenbrock's valleys side by side.

    Residuals :math:`10(x_{2i} - x_{2i-1}^2)`, :math:`1 - x_{2i-1}` for i = 1, …, n / 2.

    Args:
        n: number of variables, even.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = _multiple_of(2, n)

    def residuals(x: Tensor) -> Tensor:
        odd, even = x[..., ::2], x[..., 1::2]
        pairs = torch.stack([10 * (even - odd.square()), 1 - odd], dim=-1)
        return pairs.flatten(-2)

    return TestFunction(
        21,
        "Extended Rosenbrock",
        residuals,
        start=(-1.2, 1.0) * (n // 2),
        m=n,
        minima=[Minimum(0.0, (1.0,) * n)],
    )


def extended_powell_singular(n: int = 12) -> TestFunction:
    r"""Return function 22, n / 4 times :func:`powell_singular` side by side.

    Args:
        n: number of variables, a multiple of 4.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = _multiple_of(4, n)

    def residuals(x: Tensor) -> Tensor:
        x1, x2, x3, x4 = (x[..., k::4] for k in range(4))
        four = [
            x1 + 10 * x2,
            math.sqrt(5) * (x3 - x4),
            (x2 - 2 * x3).square(),
            math.sqrt(10) * (x1 - x4).square(),
        ]
        return torch.stack(four, dim=-1).flatten(-2)

    return TestFunction(
        22,
        "Extended Powell singular",
        residuals,
        start=(3.0, -1.0, 0.0, 1.0) * (n // 4),
        m=n,
        minima=[Minimum(0.0, (0.0,) * n)],
    )


def penalty_1(n: int = 4) -> TestFunction:
    r"""Return function 23: :math:`\sqrt{10^{-5}}(x_i - 1)`, then :math:`\sum_jx_j^2 - 1/4`.

    A steep wall holds x on a sphere, and a flat bowl tells where on it. Minima are published as
    2.24997…e-5 for n = 4, 7.08765…e-5 for n = 10.

    Args:
        n: number of variables.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = check_integer("n", n, low=1)

    def residuals(x: Tensor) -> Tensor:
        wall = x.square().sum(-1, keepdim=True) - 0.25
        return torch.cat([math.sqrt(1e-5) * (x - 1), wall], dim=-1)

    published = {4: Minimum(2.24997e-5, unit=1e-10), 10: Minimum(7.08765e-5, unit=1e-10)}
    return TestFunction(
        23,
        "Penalty I",
        residuals,
        start=tuple(float(i) for i in range(1, n + 1)),
        m=n + 1,
        minima=[published[n]] if n in published else [],
    )


def penalty_2(n: int = 4) -> TestFunction:
    r"""Return function 24, whose minimiser is hard to find to more than a few digits.

    With :math:`a = 10^{-5}` and :math:`y_i = e^{i/10} + e^{(i-1)/10}` the residuals are
    :math:`x_1 - 0.2`; :math:`\sqrt a(e^{x_i/10} + e^{x_{i-1}/10} - y_i)` for i = 2, …, n;
    :math:`\sqrt a(e^{x_i/10} - e^{-1/10})` for i = 2, …, n; and
    :math:`\sum_j(n - j + 1)x_j^2 - 1`. Minima are published as 9.37629…e-6 for n = 4, 2.93660…e-4
    for n = 10.

    Args:
        n: number of variables.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = check_integer("n", n, low=1)
    y_values = [math.exp(i / 10) + math.exp((i - 1) / 10) for i in range(2, n + 1)]

    def residuals(x: Tensor) -> Tensor:
        powers = torch.exp(x / 10)
        sums = powers[..., 1:] + powers[..., :-1] - like(x, y_values)
        singles = powers[..., 1:] - math.exp(-0.1)
        wall = (indices(x, n).flip(0) * x.square()).sum(-1, keepdim=True) - 1
        flat = math.sqrt(1e-5) * torch.cat([sums, singles], dim=-1)
        return torch.cat([x[..., :1] - 0.2, flat, wall], dim=-1)

    published = {4: Minimum(9.37629e-6, unit=1e-11), 10: Minimum(2.93660e-4, unit=1e-9)}
    return TestFunction(
        24,
        "Penalty II",
        residuals,
        start=(0.5,) * n,
        m=2 * n,
        minima=[published[n]] if n in published else [],
    )


def variably_dimensioned(n: int = 10) -> TestFunction:
    r"""Return function 25: :math:`x_i - 1`, then s and :math:`s^2`, :math:`s = \sum_jj(x_j - 1)`.

    Args:
        n: number of variables.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = check_integer("n", n, low=1)

    def residuals(x: Tensor) -> Tensor:
        away = x - 1
        s = (indices(x, n) * away).sum(-1, keepdim=True)
        return torch.cat([away, s, s.square()], dim=-1)

    return TestFunction(
        25,
        "Variably dimensioned",
        residuals,
        start=tuple(1 - j / n for j in range(1, n + 1)),
        m=n + 2,
        minima=[Minimum(0.0, (1.0,) * n)],
    )


def trigonometric(n: int = 10) -> TestFunction:
    r"""Return function 26: :math:`n - \sum_j\cos x_j + i(1 - \cos x_i) - \sin x_i`.

    The published minimum 0 is taken at 0, among other places. From the start most methods end in
    a local minimum that the paper does not list; for n = 10 it is about 2.795e-5.

    Args:
        n: number of variables.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = check_integer("n", n, low=1)

    def residuals(x: Tensor) -> Tensor:
        fall = 1 - x.cos()
        return fall.sum(-1, keepdim=True) + indices(x, n) * fall - x.sin()

    return TestFunction(
        26, "Trigonometric", residuals, start=(1 / n,) * n, m=n, minima=[Minimum(0.0, (0.0,) * n)]
    )


def _multiple_of(divisor: int, n: int) -> int:
    n = check_integer("n", n, low=divisor)
    if n % divisor:
        raise ValueError(f"n must be a multiple of {divisor}, got {n}")
    return n
