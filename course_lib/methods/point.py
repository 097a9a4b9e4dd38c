"""A place of the function that is minimised, and what is known about it there."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from course_lib.derivatives.hessian_operator import HessianOperator
from course_lib.methods.hyperparameters import number
from course_lib.methods.oracle import Oracle

__all__ = ["NoStepError", "Point"]


class NoStepError(ArithmeticError):
    """A method cannot go on from where it is; the message says why.

    Example:
        >>> raise NoStepError("the Hessian is singular")
        Traceback (most recent call last):
        ...
        course_lib.methods.point.NoStepError: the Hessian is singular
    """


class Point:
    r"""A place :math:`x` and what is known about :math:`F` there.

    The closure is asked only for what is not known yet, and each answer is kept. So a line search
    and the step after it may ask for the same point, and pay once.

    Args:
        x: all parameters as one vector of shape (n,). It must not be changed.
        oracle: what answers questions about :math:`F`.
        hessian: keep what products with the Hessian need when the gradient is computed, so that
            they do not need another one.

    Attributes:
        loss: what the closure returned at ``x``, None before it was called there.

    Example:
        >>> from course_lib.methods.flat import FlatParameters
        >>> from course_lib.training import FunctionClosure
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> closure = FunctionClosure(lambda x: (x**3).sum(), x)
        >>> oracle = Oracle(closure, FlatParameters([x]))
        >>> point = Point(oracle.start, oracle)
        >>> point.value, point.gradient, point.hessian_product(torch.tensor([1.0, 0.0]))
        (9.0, tensor([ 3., 12.]), tensor([6., 0.]))
        >>> point.move(0.5, torch.tensor([-2.0, -4.0])).x
        tensor([0., 0.])
    """

    def __init__(self, x: Tensor, oracle: Oracle, *, hessian: bool = False) -> None:
        self.loss: Any = None
        self._x: Tensor | None = x
        self._path: tuple[Tensor, float, Tensor] | None = None
        self._oracle, self._hessian = oracle, hessian
        self._value: float | None = None
        self._gradient: Tensor | None = None
        self._operator: HessianOperator | None = None
        self._operator_of = -1
        self._moves: list[tuple[float, Tensor, Point]] = []

    @property
    def x(self) -> Tensor:
        """All parameters as one vector of shape (n,). It must not be changed.

        A trial of which only the value was asked does not keep it, so that many trials do not hold
        many copies of all parameters.
        """
        if self._x is not None:
            return self._x
        assert self._path is not None
        start, t, d = self._path
        return start + t * d

    @property
    def size(self) -> int:
        """Number :math:`n` of variables."""
        return self._oracle.flat.size

    @property
    def closure(self) -> Callable[[], Any]:
        """What is asked; that of a batch also tells its size."""
        return self._oracle.closure

    @property
    def value(self) -> float:
        """:math:`F(x)`; it may be infinite or not a number."""
        if self._value is None and self._oracle.tells_value:
            self._value = _value_of(self._oracle.value(self.x))
        elif self._value is None:
            self._look(hessian=self._hessian)
        assert self._value is not None
        return self._value

    @property
    def gradient(self) -> Tensor:
        r""":math:`\nabla F(x)`, shape (n,). It must not be changed."""
        if self._gradient is None:
            self._look(hessian=self._hessian)
        assert self._gradient is not None
        return self._gradient

    def slope(self, d: Tensor) -> float:
        r"""Return :math:`\nabla F(x)^\top d`, the slope of :math:`t \mapsto F(x + td)` at 0."""
        return float(number(self.gradient @ d))

    def hessian_product(self, v: Tensor) -> Tensor:
        r"""Return :math:`\nabla^2F(x)\,v`, shape (n,), for a ``v`` of shape (n,).

        Raises:
            ValueError: ``v`` has another shape.
        """
        if v.shape != (self.size,):
            raise ValueError(f"v must have shape {(self.size,)}, got {tuple(v.shape)}")
        if self._operator is None or self._operator_of != self._oracle.writes:
            self._look(hessian=True)
        assert self._operator is not None
        return self._oracle.flat.join(self._operator(self._oracle.flat.split(v)))

    def hessian(self) -> Tensor:
        r"""Return :math:`\nabla^2F(x)`, symmetric, shape (n, n), one product a column."""
        x, columns = self.x, []
        places = torch.arange(self.size, device=x.device)
        for i in range(self.size):
            unit = (places == i).to(x.dtype)
            columns.append(self.hessian_product(unit))
        matrix = torch.stack(columns, dim=1)
        return (matrix + matrix.T) / 2

    def move(self, t: float, d: Tensor) -> Point:
        r"""Return the point :math:`x + t\,d`, the same one for the same ``t`` and ``d``.

        Args:
            t: step size, a finite number.
            d: direction, shape (n,), with the dtype and device of ``x``.

        Raises:
            ValueError: ``t`` is not finite, or ``d`` has another shape.
            TypeError: ``d`` is no tensor of the dtype of ``x``.
        """
        x = self.x
        if not math.isfinite(t):
            raise ValueError(f"t must be a finite number, got {t!r}")
        if not isinstance(d, Tensor) or d.dtype != x.dtype:
            got = d.dtype if isinstance(d, Tensor) else type(d).__name__
            raise TypeError(f"d must be a tensor of dtype {x.dtype}, got {got}")
        if d.shape != x.shape:
            raise ValueError(f"d must have shape {tuple(x.shape)}, got {tuple(d.shape)}")
        for known_t, known_d, point in self._moves:
            if known_t == t and known_d is d:
                return point
        point = Point(x, self._oracle)
        point._x, point._path = None, (x, t, d)
        self._moves.append((t, d, point))
        return point

    def place(self) -> None:
        """Set the parameters to this point."""
        self._oracle.go_to(self._keep())

    def _keep(self) -> Tensor:
        self._x, self._path = self.x, None
        return self._x

    def _look(self, *, hessian: bool) -> None:
        loss, self._gradient, self._operator = self._oracle.look(self._keep(), hessian=hessian)
        self._operator_of = self._oracle.writes
        if self.loss is None:
            self.loss = loss
        self._value = _value_of(loss)


def _value_of(loss: Any) -> float:
    """Return what a closure gave as a float, or say that it must be a number."""
    message = "closure must return the loss, a real number or a tensor that holds one, got "
    if isinstance(loss, Tensor):
        if loss.numel() != 1 or loss.is_complex():
            raise ValueError(f"{message}shape {tuple(loss.shape)} and dtype {loss.dtype}")
        loss = number(loss)
    if isinstance(loss, bool) or not isinstance(loss, Real):
        raise TypeError(f"{message}{loss!r}")
    return float(loss)
