"""Forward mode: derivatives travel along with the values, by dual numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_callable
from course_lib.derivatives.elementary import Elementary
from course_lib.derivatives.points import basis, check_point, check_same_form, check_tensor
from course_lib.derivatives.traced import Path, new_level

__all__ = ["Dual", "jacobian_by_columns", "jvp"]


class Dual(Elementary):
    r"""A dual number :math:`a+\dot a\,\epsilon`, :math:`\epsilon^2=0`: a value and how it moves.

    Computing with dual numbers obeys the rules of the derivative, for instance
    :math:`(a+\dot a\epsilon)(b+\dot b\epsilon)=ab+(\dot a b+a\dot b)\epsilon`. If the input moves
    with the velocity :math:`\dot x`, every intermediate value :math:`v` comes with its own velocity
    :math:`\dot v`. Here :math:`a` and :math:`\dot a` are arrays of one shape; what they can do is
    in :class:`~course_lib.derivatives.Elementary`.

    Args:
        value: :math:`a`, a floating-point tensor.
        tangent: :math:`\dot a`, of the same shape and dtype.
        level: the derivative it belongs to; duals of different levels do not mix up.

    Raises:
        TypeError, ValueError: value or tangent is no such tensor.

    Example:
        >>> x = Dual(torch.tensor(3.0), torch.tensor(1.0))
        >>> x * x + 1
        Dual(tensor(10.), tensor(6.))

    Source: Clifford 1873 for the numbers; slide 4 and Baydin et al. 2018, section 3.1.1.
    """

    def __init__(self, value: Any, tangent: Any, level: int = 0) -> None:
        check_point("value", value)
        check_same_form("tangent", tangent, value)
        self.value, self.tangent, self.level = value, tangent, level

    def result(self, name: str, value: Any, *paths: Path) -> Dual:
        """The chain rule, forward: push the velocity of each argument through, and add up."""
        moving = (
            p for p in paths if isinstance(p.argument, Dual) and p.argument.level == self.level
        )
        tangent = reduce(operator.add, (p.push(p.argument.tangent) for p in moving))
        return Dual(value, tangent.expand(value.shape), self.level)

    def __repr__(self) -> str:
        return f"Dual({self.value!r}, {self.tangent!r})"


def jvp(f: Callable[..., Any], x: Any, v: Any) -> tuple[Any, Any]:
    r"""Return :math:`f(x)` and the Jacobian–vector product :math:`J_f(x)\,v`, in one evaluation.

    Args:
        f: a function of one tensor, written with what :class:`Dual` can do.
        x: where, a floating-point tensor of any shape.
        v: the direction, of the same shape and dtype.

    Returns:
        The value and its derivative along ``v``, of one shape.

    Raises:
        TypeError, ValueError: an argument, or what ``f`` returns, is not as stated.

    Example:
        >>> x, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])
        >>> jvp(lambda x: (x * x).sum(), x, v)
        (tensor(5.), tensor(2.))
    """
    check_callable("f", f, "a function of a tensor")
    check_same_form("v", v, check_point("x", x))
    level = new_level()
    output = f(Dual(x, v, level))
    if isinstance(output, Dual) and output.level == level:
        return output.value, output.tangent
    check_point("what f returns", output)
    return output, torch.zeros(output.shape, dtype=output.dtype, device=output.device)


def jacobian_by_columns(f: Callable[..., Any], x: Tensor) -> Any:
    r"""Return the Jacobian of ``f`` at ``x``, one column a forward pass: n passes for n inputs.

    Entry :math:`(i,j)` is :math:`\partial f_i/\partial x_j`; the shape is that of ``f(x)`` followed
    by that of ``x``. For a scalar ``f`` it is the gradient.

    Args:
        f: a function of one tensor, written with what :class:`Dual` can do.
        x: where, a floating-point tensor of any shape.

    Raises:
        TypeError, ValueError: an argument, or what ``f`` returns, is not as stated.

    Example:
        >>> jacobian_by_columns(lambda x: x * x, torch.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    check_tensor("x", x)
    columns = [jvp(f, x, direction)[1] for direction in basis(x)]
    if not columns:
        output = jvp(f, x, torch.zeros_like(x))[0]
        return output.new_zeros(output.shape + x.shape)
    return torch.stack(columns, dim=-1).reshape(columns[0].shape + x.shape)
