"""Functions 27 to 31 and 35, systems of equations in any number of variables."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.arguments import check_integer
from course_lib.problems.classical_test_set.constants import indices, like
from course_lib.problems.classical_test_set.test_function import Minimum, TestFunction

__all__ = [
    "brown_almost_linear",
    "broyden_banded",
    "broyden_tridiagonal",
    "chebyquad",
    "discrete_boundary_value",
    "discrete_integral_equation",
]


def brown_almost_linear(n: int = 10) -> TestFunction:
    r"""Return function 27, linear but for its last residual.

    Residuals :math:`x_i + \sum_jx_j - (n + 1)` for i < n, then :math:`\prod_jx_j - 1`. The minimum
    0 is taken at :math:`(\alpha, \dots, \alpha, \alpha^{1-n})` for each real root of
    :math:`n\alpha^n - (n + 1)\alpha^{n-1} + 1 = 0`; one is 1. A local minimum 1 is taken at
    (0, …, 0, n + 1).

    Args:
        n: number of variables, at least 2.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = check_integer("n", n, low=2)

    def residuals(x: Tensor) -> Tensor:
        linear = x[..., :-1] + x.sum(-1, keepdim=True) - (n + 1)
        return torch.cat([linear, x.prod(-1, keepdim=True) - 1], dim=-1)

    return TestFunction(
        27,
        "Brown almost-linear",
        residuals,
        start=(0.5,) * n,
        m=n,
        minima=[Minimum(0.0, (1.0,) * n), Minimum(1.0, (0.0,) * (n - 1) + (n + 1.0,))],
    )


def discrete_boundary_value(n: int = 10) -> TestFunction:
    r"""Return function 28, :math:`u'' = (u + t + 1)^3/2` with :math:`u(0) = u(1) = 0`, discrete.

    Residuals :math:`2x_i - x_{i-1} - x_{i+1} + h^2(x_i + t_i + 1)^3/2` with
    :math:`x_0 = x_{n+1} = 0`, :math:`h = 1/(n + 1)` and :math:`t_i = ih`.

    Args:
        n: number of variables.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = check_integer("n", n, low=1)
    h = 1 / (n + 1)

    def residuals(x: Tensor) -> Tensor:
        before, after = _neighbours(x)
        return 2 * x - before - after + h * h * (x + indices(x, n) * h + 1).pow(3) / 2

    return TestFunction(
        28,
        "Discrete boundary value",
        residuals,
        start=_parabola(n),
        m=n,
        minima=[Minimum(0.0)],
    )


def discrete_integral_equation(n: int = 10) -> TestFunction:
    r"""Return function 29, the equation of :func:`discrete_boundary_value` as an integral one.

    Residuals :math:`x_i + \frac h2\big[(1 - t_i)\sum_{j\le i}t_jc_j + t_i\sum_{j>i}(1 - t_j)c_j
    \big]` with :math:`c_j = (x_j + t_j + 1)^3`, :math:`h = 1/(n + 1)` and :math:`t_j = jh`.

    Args:
        n: number of variables.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = check_integer("n", n, low=1)
    h = 1 / (n + 1)
    t_values = [j * h for j in range(1, n + 1)]
    kernel = [[(1 - max(s, t)) * min(s, t) for t in t_values] for s in t_values]

    def residuals(x: Tensor) -> Tensor:
        cubes = (x + like(x, t_values) + 1).pow(3)
        return x + h / 2 * (cubes @ like(x, kernel).T)

    return TestFunction(
        29,
        "Discrete integral equation",
        residuals,
        start=_parabola(n),
        m=n,
        minima=[Minimum(0.0)],
    )


def broyden_tridiagonal(n: int = 10) -> TestFunction:
    r"""Return function 30: :math:`(3 - 2x_i)x_i - x_{i-1} - 2x_{i+1} + 1`, 0 beyond the ends.

    Args:
        n: number of variables.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = check_integer("n", n, low=1)

    def residuals(x: Tensor) -> Tensor:
        before, after = _neighbours(x)
        return (3 - 2 * x) * x - before - 2 * after + 1

    return TestFunction(
        30, "Broyden tridiagonal", residuals, start=(-1.0,) * n, m=n, minima=[Minimum(0.0)]
    )


def broyden_banded(n: int = 10) -> TestFunction:
    r"""Return function 31: :math:`x_i(2 + 5x_i^2) + 1 - \sum_{j\in J_i}x_j(1 + x_j)`.

    :math:`J_i` holds the j from i - 5 to i + 1 that are from 1 to n and not i.

    Args:
        n: number of variables.

    Raises:
        TypeError, ValueError: ``n`` is not as described.
    """
    n = check_integer("n", n, low=1)
    band = [[float(-5 <= j - i <= 1 and j != i) for j in range(n)] for i in range(n)]

    def residuals(x: Tensor) -> Tensor:
        near = (x * (1 + x)) @ like(x, band).T
        return x * (2 + 5 * x.square()) + 1 - near

    return TestFunction(
        31, "Broyden banded", residuals, start=(-1.0,) * n, m=n, minima=[Minimum(0.0)]
    )


def chebyquad(n: int = 8, m: int | None = None) -> TestFunction:
    r"""Return function 35: :math:`\frac1n\sum_jT_i(x_j) - \int_0^1T_i` for i = 1, …, m.

    :math:`T_i` is the i-th Chebyshev polynomial, shifted to [0, 1]; its integral is 0 for odd i
    and :math:`-1/(i^2 - 1)` for even i. For m = n minima are published as 0 for n = 1, …, 7 and 9,
    as 3.51687…e-3 for n = 8 and 6.50395…e-3 for n = 10. The entries of a minimiser may stand in
    any order.

    Args:
        n: number of variables.
        m: number of residuals, at least n; None for n.

    Raises:
        TypeError, ValueError: an argument is not as described.
    """
    n = check_integer("n", n, low=1)
    m = n if m is None else check_integer("m", m, low=n)
    integrals = [0.0 if i % 2 else -1 / (i * i - 1) for i in range(1, m + 1)]

    def residuals(x: Tensor) -> Tensor:
        s = 2 * x - 1
        previous, current = torch.ones_like(s), s
        means = [current.mean(-1)]
        for _ in range(m - 1):
            previous, current = current, 2 * s * current - previous
            means.append(current.mean(-1))
        return torch.stack(means, dim=-1) - like(x, integrals)

    published = {8: Minimum(3.51687e-3, unit=1e-8), 10: Minimum(6.50395e-3, unit=1e-8)}
    minima = []
    if m == n and n in (1, 2, 3, 4, 5, 6, 7, 9):
        minima = [Minimum(0.0)]
    elif m == n and n in published:
        minima = [published[n]]
    start = tuple(j / (n + 1) for j in range(1, n + 1))
    return TestFunction(35, "Chebyquad", residuals, start=start, m=m, minima=minima)


def _neighbours(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the entry before and after each entry, 0 beyond the ends."""
    return nn.functional.pad(x[..., :-1], (1, 0)), nn.functional.pad(x[..., 1:], (0, 1))


def _parabola(n: int) -> tuple[float, ...]:
    t_values = [j / (n + 1) for j in range(1, n + 1)]
    return tuple(t * (t - 1) for t in t_values)
