"""Functions 32 to 34, linear residuals of full rank and of rank 1."""

from __future__ import annotations

from torch import Tensor, nn

from course_lib.arguments import check_integer
from course_lib.problems.classical_test_set.constants import indices
from course_lib.problems.classical_test_set.test_function import Minimum, TestFunction

__all__ = ["linear_full_rank", "linear_rank_1", "linear_rank_1_with_zeros"]


def linear_full_rank(n: int = 5, m: int = 10) -> TestFunction:
    r"""Return function 32: :math:`[i \le n]\,x_i - \frac2m\sum_jx_j - 1` for i = 1, …, m.

    The minimum is m - n, at (-1, …, -1).

    Args:
        n: number of variables.
        m: number of residuals, at least n.

    Raises:
        TypeError, ValueError: an argument is not as described.
    """
    n = check_integer("n", n, low=1)
    m = check_integer("m", m, low=n)

    def residuals(x: Tensor) -> Tensor:
        return nn.functional.pad(x, (0, m - n)) - 2 / m * x.sum(-1, keepdim=True) - 1

    best = Minimum(float(m - n), (-1.0,) * n)
    return TestFunction(32, "Linear, full rank", residuals, start=(1.0,) * n, m=m, minima=[best])


def linear_rank_1(n: int = 5, m: int = 10) -> TestFunction:
    r"""Return function 33: :math:`i\sum_jjx_j - 1` for i = 1, …, m.

    The minimum is :math:`m(m - 1)/(2(2m + 1))`, wherever :math:`\sum_jjx_j = 3/(2m + 1)`;
    ``minimizers`` holds the one closest to 0.

    Args:
        n: number of variables.
        m: number of residuals, at least n.

    Raises:
        TypeError, ValueError: an argument is not as described.
    """
    n = check_integer("n", n, low=1)
    m = check_integer("m", m, low=n)

    def residuals(x: Tensor) -> Tensor:
        total = (indices(x, n) * x).sum(-1, keepdim=True)
        return indices(x, m) * total - 1

    weights = [float(j) for j in range(1, n + 1)]
    best = Minimum(m * (m - 1) / (2 * (2 * m + 1)), _closest(weights, 3 / (2 * m + 1)))
    return TestFunction(33, "Linear, rank 1", residuals, start=(1.0,) * n, m=m, minima=[best])


def linear_rank_1_with_zeros(n: int = 5, m: int = 10) -> TestFunction:
    r"""Return function 34: :math:`(i - 1)\sum_{1<j<n}jx_j - 1` for i < m, and -1 for i = m.

    The minimum is :math:`(m^2 + 3m - 6)/(2(2m - 3))`, wherever
    :math:`\sum_{1<j<n}jx_j = 3/(2m - 3)`; ``minimizers`` holds the one closest to 0.

    Args:
        n: number of variables, at least 3.
        m: number of residuals, at least n.

    Raises:
        TypeError, ValueError: an argument is not as described.
    """
    n = check_integer("n", n, low=3)
    m = check_integer("m", m, low=n)

    def residuals(x: Tensor) -> Tensor:
        total = (indices(x, n)[1:-1] * x[..., 1:-1]).sum(-1, keepdim=True)
        return nn.functional.pad(indices(x, m - 2) * total, (1, 1)) - 1

    weights = [0.0, *(float(j) for j in range(2, n)), 0.0]
    value = (m * m + 3 * m - 6) / (2 * (2 * m - 3))
    best = Minimum(value, _closest(weights, 3 / (2 * m - 3)))
    return TestFunction(
        34, "Linear, rank 1 with zeros", residuals, start=(1.0,) * n, m=m, minima=[best]
    )


def _closest(weights: list[float], total: float) -> tuple[float, ...]:
    """Return the shortest point whose weighted sum is ``total``."""
    squares = sum(w * w for w in weights)
    return tuple(total * w / squares for w in weights)
