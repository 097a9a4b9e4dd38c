"""Second derivatives by one mode inside the other: dual numbers on the tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from course_lib.derivatives.forward_mode import jacobian_by_columns, jvp
from course_lib.derivatives.reverse_mode import gradient

__all__ = ["hessian", "hessian_vector_product"]


def hessian_vector_product(f: Callable[..., Any], x: Tensor, v: Tensor) -> Tensor:
    r"""Return :math:`\nabla^2f(x)\,v` for a few times the cost of a value, without the Hessian.

    It is the derivative of the gradient along ``v``: the gradient is computed by reverse mode, on a
    tape whose values are dual numbers moving with ``v``.

    Args:
        f: a function of one tensor with a single number as value.
        x: a floating-point tensor of any shape.
        v: the direction, of the same shape and dtype.

    Raises:
        TypeError, ValueError: an argument, or what ``f`` returns, is not as stated.

    Example:
        >>> import torch
        >>> x, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])
        >>> hessian_vector_product(lambda x: (x * x * x).sum(), x, v)
        tensor([6., 0.])

    Source: Pearlmutter 1994.
    """
    return jvp(lambda y: gradient(f, y), x, v)[1]


def hessian(f: Callable[..., Any], x: Tensor) -> Tensor:
    r"""Return :math:`\nabla^2f(x)`, one column a Hessian–vector product, in shape ``2 * x.shape``.

    Args:
        f: a function of one tensor with a single number as value.
        x: a floating-point tensor of any shape.

    Raises:
        TypeError, ValueError: an argument, or what ``f`` returns, is not as stated.

    Example:
        >>> import torch
        >>> hessian(lambda x: x[0] * x[0] * x[1], torch.tensor([3.0, 5.0]))
        tensor([[10.,  6.],
                [ 6.,  0.]])
    """
    return jacobian_by_columns(lambda y: gradient(f, y), x)
