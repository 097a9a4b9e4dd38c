"""What a method may ask about a function of one tensor at its current value."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.derivatives.hessian_operator import HessianOperator

__all__ = ["FunctionClosure"]

_REMEMBERED = 32  # more than a line search usually tries


class FunctionClosure:
    r"""A torch closure over a function :math:`f` of one tensor :math:`x`.

    Called, it sets ``x.grad`` to :math:`\nabla f(x)` and returns :math:`f(x)`. Asked again at one
    of the last points it answers from memory, so that a loop can look at a point without making the
    method pay for it.

    Args:
        f: function from a tensor shaped like ``x`` to a tensor of shape ().
        x: leaf tensor that requires gradients.

    Attributes:
        touched: ``Counter`` of evaluations by kind, ``"gradient"``, ``"value"`` and ``"hessian"``
            (products).

    Example:
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> closure = FunctionClosure(lambda x: (x * x).sum(), x)
        >>> closure().item(), x.grad.tolist(), closure().item(), closure.touched["gradient"]
        (5.0, [2.0, 4.0], 5.0, 1)
    """

    def __init__(self, f: Callable[[Tensor], Tensor], x: Tensor) -> None:
        self.f, self.x = f, x
        self.touched: Counter[str] = Counter(gradient=0, value=0)
        # Point, value and gradient; None for a gradient that nobody has asked for.
        self._known: deque[tuple[Tensor, Tensor, Tensor | None]] = deque(maxlen=_REMEMBERED)

    def __call__(self) -> Tensor:
        """Set ``x.grad`` to the gradient and return the value, a tensor of shape ()."""
        value, gradient = self._recall()
        if value is None or gradient is None:
            value, gradient = self._differentiate(create_graph=False)
        self.x.grad = gradient.clone()  # a method may write into it
        return value

    def value(self) -> Tensor:
        """Return the value alone and leave ``x.grad`` as it is."""
        value, _ = self._recall()
        if value is None:
            self.touched["value"] += 1
            with torch.no_grad():
                value = self.f(self.x)
            self._known.append((self.x.detach().clone(), value, None))
        return value

    def with_hessian(
        self, parameters: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, HessianOperator]:
        r"""Set ``x.grad``, and return the value and the map :math:`v\mapsto\nabla^2f(x)\,v`.

        The map takes and gives lists of one tensor. It can be used until ``x`` changes.

        Example:
            >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
            >>> value, product = FunctionClosure(lambda x: (x**3).sum(), x).with_hessian()
            >>> product([torch.tensor([1.0, 1.0])])
            [tensor([ 6., 12.])]
        """
        value, gradient = self._differentiate(create_graph=True)
        self.x.grad = gradient.detach().clone()
        return value, HessianOperator([gradient], [self.x], count=self._count_product)

    def _differentiate(self, *, create_graph: bool) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            value = self.f(self.x)
            _check_value(value)
            (gradient,) = torch.autograd.grad(value, self.x, create_graph=create_graph)
        if self._recall()[1] is None:
            self.touched["gradient"] += 1
            known = self.x.detach().clone(), value.detach(), gradient.detach()
            self._known.append(known)
        return value.detach(), gradient

    def _recall(self) -> tuple[Tensor | None, Tensor | None]:
        found: tuple[Tensor | None, Tensor | None] = None, None
        for x, value, gradient in self._known:
            if torch.equal(x, self.x):
                found = value, gradient
        return found

    def _count_product(self) -> None:
        self.touched["hessian"] += 1


def _check_value(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"f(x) must be a tensor of shape (), got {type(value).__name__}")
    if value.dim() != 0 or not value.requires_grad:
        raise ValueError(
            "f(x) must be a tensor of shape () that depends on x, got shape "
            f"{tuple(value.shape)} and requires_grad={value.requires_grad}"
        )
