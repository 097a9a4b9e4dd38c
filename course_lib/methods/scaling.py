"""Units in which numbers near the ends of their dtype's range can be squared and multiplied.

All are powers of two: a change of unit changes no digit, only the exponent.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["exponent_of", "in_own_unit", "in_unit", "largest_exponent", "length_of", "times_power"]


def exponent_of(v: Tensor) -> int:
    r"""Return :math:`e` with :math:`\frac12 \le 2^{-e} \max_i |v_i| < 1`; 0 if there is none.

    There is none if all entries are zero, or one is infinite or not a number.

    Example:
        >>> exponent_of(torch.tensor([-6.0, 1.0])), exponent_of(torch.zeros(2))
        (3, 0)
    """
    return math.frexp(float(torch.linalg.vector_norm(v, math.inf)))[1]


def times_power(number: float, e: int) -> float:
    """Return :math:`2^e` times a number, infinite where that is out of range.

    Example:
        >>> times_power(3.0, -1), times_power(-3.0, 2000)
        (1.5, -inf)
    """
    try:
        return math.ldexp(number, e)
    except OverflowError:
        return math.copysign(math.inf, number)


def in_unit(v: Tensor, e: int) -> Tensor:
    r"""Return :math:`2^{-e} v`, the same vector or matrix in the unit :math:`2^e`.

    Example:
        >>> in_unit(torch.tensor([1e-30, 3e-30]), -99)
        tensor([0.6338, 1.9015])
    """
    most = largest_exponent(v.dtype)
    while e:  # the factor may be out of range where the product is not
        part = max(-most, min(e, most))
        v, e = v * 2.0**-part, e - part
    return v


def in_own_unit(v: Tensor) -> tuple[Tensor, int]:
    """Return a vector in the unit in which its largest entry is near 1, and that unit's exponent.

    Example:
        >>> in_own_unit(torch.tensor([-6.0, 1.0]))
        (tensor([-0.7500,  0.1250]), 3)
    """
    e = exponent_of(v)
    return in_unit(v, e), e


def length_of(v: Tensor) -> float:
    r"""Return :math:`\|v\|`, also where the squares of its entries are out of range.

    Example:
        >>> v = torch.tensor([3e-30, 4e-30])
        >>> f"{length_of(v):.3g}", v.norm().item()
        ('5e-30', 0.0)
    """
    v, e = in_own_unit(v)
    return times_power(float(torch.linalg.vector_norm(v)), e)


def largest_exponent(dtype: torch.dtype) -> int:
    r"""Return an :math:`e` for which :math:`2^e` and :math:`2^{-e}` have squares well in range.

    Example:
        >>> largest_exponent(torch.float32), largest_exponent(torch.float64)
        (60, 480)
    """
    return math.frexp(torch.finfo(dtype).max)[1] * 15 // 32
