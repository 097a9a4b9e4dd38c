"""Functions 1 to 6, of two variables."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.arguments import check_integer
from course_lib.problems.classical_test_set.constants import indices, like, together
from course_lib.problems.classical_test_set.test_function import Minimum, TestFunction

__all__ = [
    "beale",
    "brown_badly_scaled",
    "freudenstein_roth",
    "jennrich_sampson",
    "powell_badly_scaled",
    "rosenbrock",
]


def rosenbrock() -> TestFunction:
    r"""Return function 1, Rosenbrock's valley: :math:`10(x_2 - x_1^2)`, :math:`1 - x_1`.

    Example:
        >>> f = rosenbrock()
        >>> f.start.tolist(), round(f.value(f.start).item(), 12), f.minima
        ([-1.2, 1.0], 24.2, (0.0,))
    """

    def residuals(x: Tensor) -> Tensor:
        x1, x2 = x.unbind(-1)
        return together(10 * (x2 - x1.square()), 1 - x1)

    return TestFunction(
        1, "Rosenbrock", residuals, start=(-1.2, 1.0), m=2, minima=[Minimum(0.0, (1.0, 1.0))]
    )


def freudenstein_roth() -> TestFunction:
    r"""Return function 2, with a global minimum and a local one that attracts most methods.

    Residuals :math:`-13 + x_1 + ((5 - x_2)x_2 - 2)x_2` and
    :math:`-29 + x_1 + ((x_2 + 1)x_2 - 14)x_2`. The local minimiser is published as
    (11.41…, -0.8968…); it is exactly :math:`((53 - 4\sqrt{22})/3, (2 - \sqrt{22})/3)`.
    """

    def residuals(x: Tensor) -> Tensor:
        x1, x2 = x.unbind(-1)
        return together(-13 + x1 + ((5 - x2) * x2 - 2) * x2, -29 + x1 + ((x2 + 1) * x2 - 14) * x2)

    root = math.sqrt(22)
    local = ((53 - 4 * root) / 3, (2 - root) / 3)
    return TestFunction(
        2,
        "Freudenstein and Roth",
        residuals,
        start=(0.5, -2.0),
        m=2,
        minima=[Minimum(0.0, (5.0, 4.0)), Minimum(48.9842, local, unit=1e-4)],
    )


def powell_badly_scaled() -> TestFunction:
    r"""Return function 3: :math:`10^4x_1x_2 - 1`, :math:`e^{-x_1} + e^{-x_2} - 1.0001`.

    The minimiser is published as (1.098…e-5, 9.106…); the digits here are those of the root in
    double precision.
    """

    def residuals(x: Tensor) -> Tensor:
        x1, x2 = x.unbind(-1)
        return together(1e4 * x1 * x2 - 1, (-x1).exp() + (-x2).exp() - 1.0001)

    return TestFunction(
        3,
        "Powell badly scaled",
        residuals,
        start=(0.0, 1.0),
        m=2,
        minima=[Minimum(0.0, (1.0981593296997218e-05, 9.106146739867318))],
    )


def brown_badly_scaled() -> TestFunction:
    r"""Return function 4: :math:`x_1 - 10^6`, :math:`x_2 - 2\cdot10^{-6}`, :math:`x_1x_2 - 2`.

    Too large for float16, whose numbers end at 65504.
    """

    def residuals(x: Tensor) -> Tensor:
        x1, x2 = x.unbind(-1)
        return together(x1 - 1e6, x2 - 2e-6, x1 * x2 - 2)

    return TestFunction(
        4,
        "Brown badly scaled",
        residuals,
        start=(1.0, 1.0),
        m=3,
        minima=[Minimum(0.0, (1e6, 2e-6))],
    )


def beale() -> TestFunction:
    r"""Return function 5: :math:`y_i - x_1(1 - x_2^i)` with y = 1.5, 2.25, 2.625.

    It falls to 0 at (3, 0.5), and there is a flat way to infinity.
    """

    def residuals(x: Tensor) -> Tensor:
        x1, x2 = x.unbind(-1)
        powers = together(x2, x2 * x2, x2 * x2 * x2)
        return like(x, [1.5, 2.25, 2.625]) - x1.unsqueeze(-1) * (1 - powers)

    return TestFunction(
        5, "Beale", residuals, start=(1.0, 1.0), m=3, minima=[Minimum(0.0, (3.0, 0.5))]
    )


def jennrich_sampson(m: int = 10) -> TestFunction:
    r"""Return function 6: :math:`2 + 2i - (e^{ix_1} + e^{ix_2})` for i = 1, …, m.

    For m = 10 the minimum is published as 124.362…, at :math:`x_1 = x_2 = 0.2578…`.

    Args:
        m: number of residuals, at least 2.

    Raises:
        TypeError, ValueError: ``m`` is not as described.
    """
    m = check_integer("m", m, low=2)

    def residuals(x: Tensor) -> Tensor:
        i = indices(x, m)
        return 2 + 2 * i - torch.exp(i * x[..., :1]) - torch.exp(i * x[..., 1:])

    minima = [Minimum(124.362, (0.2578252136703641,) * 2, unit=1e-3)] if m == 10 else []
    return TestFunction(6, "Jennrich and Sampson", residuals, start=(0.3, 0.4), m=m, minima=minima)
