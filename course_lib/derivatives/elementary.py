"""The elementary operations that both modes of automatic differentiation know, with derivatives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from course_lib.derivatives.traced import Path, Traced, innermost, is_inside

__all__ = ["Elementary"]


class Elementary(Traced):
    """A traced value with the elementary operations and, for each, the calculus of its derivative.

    They have torch's names: ``+ - * / ** @``, ``exp``, ``log``, ``sin``, ``cos``, ``tanh``,
    ``sigmoid``, ``sqrt``, ``abs``, ``relu``, ``where``, ``sum``, ``mean``, ``reshape``, ``expand``,
    ``mT`` and indexing. So a function written with these runs on tensors and on traced values.
    """

    # Elementwise operations: the value, and what a small change d of each argument is times.

    def __add__(self, other: Any) -> Any:
        if is_inside(other, self):
            return other.__radd__(self)
        value = self.value + self._operand(other)
        return self.result("+", value, Path(self, lambda d: d), Path(other, lambda d: d))

    def __sub__(self, other: Any) -> Any:
        if is_inside(other, self):
            return other.__rsub__(self)
        value = self.value - self._operand(other)
        return self.result("-", value, Path(self, lambda d: d), Path(other, lambda d: -d))

    def __mul__(self, other: Any) -> Any:
        if is_inside(other, self):
            return other.__rmul__(self)
        a, b = self.value, self._operand(other)
        return self.result("*", a * b, Path(self, lambda d: d * b), Path(other, lambda d: d * a))

    def __truediv__(self, other: Any) -> Any:
        if is_inside(other, self):
            return other.__rtruediv__(self)
        a, b = self.value, self._operand(other)
        q = a / b
        slope = Path(other, lambda d: -(d * (q / b)))
        return self.result("/", q, Path(self, lambda d: d / b), slope)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Any:
        value = self._operand(other) - self.value
        return self.result("-", value, Path(self, lambda d: -d))

    def __rtruediv__(self, other: Any) -> Any:
        x = self.value
        q = self._operand(other) / x
        return self.result("/", q, Path(self, lambda d: -(d * (q / x))))

    def __neg__(self) -> Any:
        return self.result("-", -self.value, Path(self, lambda d: -d))

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, bool) or not isinstance(exponent, Real):
            raise TypeError(
                f"exponent must be a constant number, got {exponent!r}; "
                "write (exponent * base.log()).exp() for one that varies"
            )
        x, c = self.value, exponent
        slope = (lambda d: d * (c * x ** (c - 1))) if c != 0 else (lambda d: d * 0)
        return self.result("**", x**c, Path(self, slope))

    def exp(self) -> Any:
        """Exponential function; it is its own derivative."""
        y = self.value.exp()
        return self.result("exp", y, Path(self, lambda d: d * y))

    def log(self) -> Any:
        """Natural logarithm."""
        x = self.value
        return self.result("log", x.log(), Path(self, lambda d: d / x))

    def sin(self) -> Any:
        """Sine."""
        x = self.value
        return self.result("sin", x.sin(), Path(self, lambda d: d * x.cos()))

    def cos(self) -> Any:
        """Cosine."""
        x = self.value
        return self.result("cos", x.cos(), Path(self, lambda d: -(d * x.sin())))

    def tanh(self) -> Any:
        """Hyperbolic tangent."""
        y = self.value.tanh()
        return self.result("tanh", y, Path(self, lambda d: d * (1 - y * y)))

    def sigmoid(self) -> Any:
        """Logistic function 1 / (1 + exp(-x))."""
        y = self.value.sigmoid()
        return self.result("sigmoid", y, Path(self, lambda d: d * ((1 - y) * y)))

    def sqrt(self) -> Any:
        """Square root; its derivative at 0 is infinite."""
        y = self.value.sqrt()
        return self.result("sqrt", y, Path(self, lambda d: d / (2 * y)))

    def abs(self) -> Any:
        """Absolute value; 0 stands for its derivative at 0, as in torch."""
        sign = innermost(self).sign()
        return self.result("abs", self.value.abs(), Path(self, lambda d: d * sign))

    __abs__ = abs

    def relu(self) -> Any:
        """Positive part max(x, 0); 0 stands for its derivative at 0, as in torch."""
        positive, zero = self > 0, torch.zeros((), dtype=self.dtype, device=self.device)
        # A choice and no product: 0 times an infinite derivative would be no number.
        slope = lambda d: d.where(positive, zero)  # noqa: E731
        return self.result("relu", self.value.relu(), Path(self, slope))

    def where(self, condition: Tensor, other: Any) -> Any:
        """Take this value where ``condition`` holds, and ``other`` elsewhere.

        (A tensor's own ``where`` does not know traced values: ask the traced one, of the two.)
        """
        if not isinstance(condition, Tensor) or condition.dtype != torch.bool:
            raise TypeError(f"condition must be a boolean tensor, got {condition!r}")
        if is_inside(other, self):
            return other.where(~condition, self)
        a, b = self.value, self._operand(other)
        zero = torch.zeros((), dtype=self.dtype, device=condition.device)
        if not isinstance(b, Tensor | Traced):
            b = zero + b
        # A tensor's own method does not know traced values: ask the traced one.
        value = b.where(~condition, a) if is_inside(b, a) else a.where(condition, b)
        here, there = (lambda d: d.where(condition, zero)), (lambda d: d.where(~condition, zero))
        return self.result("where", value, Path(self, here), Path(other, there))

    # Operations that sum and move entries: how a change moves, and the transpose of that.

    def __matmul__(self, other: Any) -> Any:
        if is_inside(other, self):
            return other.__rmatmul__(self)
        return self._product(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._product(other, self)

    def _product(self, a: Any, b: Any) -> Any:
        """Return a @ b, of which one or both are traced; a vector becomes a matrix for it."""
        A, B = self._operand(a), self._operand(b)
        for side, factor in (("left", A), ("right", B)):
            if not isinstance(factor, Tensor | Traced) or factor.ndim == 0:
                raise ValueError(f"{side} factor of @ must have a dimension, got {factor!r}")
        if a.ndim == 1:
            product = a.reshape((1, *a.shape)) @ b
            return product.reshape(product.shape[:-2] + product.shape[-1:][: b.ndim - 1])
        if b.ndim == 1:
            product = a @ b.reshape((*b.shape, 1))
            return product.reshape(product.shape[:-1])
        left = Path(a, lambda d: d @ B, lambda d: d @ B.mT)
        return self.result("@", A @ B, left, Path(b, lambda d: A @ d, lambda d: A.mT @ d))

    def sum(self, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Any:
        """Sum over the dimensions ``dim``, all by default."""
        value, dims = self.value.sum(dim, keepdim), self._dimensions(dim)
        before = self.shape
        kept = [1 if i in dims else size for i, size in enumerate(before)]
        to = lambda d: d.sum(dim, keepdim)  # noqa: E731
        back = lambda d: d.reshape(kept).expand(before)  # noqa: E731
        return self.result("sum", value, Path(self, to, back))

    def mean(self, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Any:
        """Mean over the dimensions ``dim``, all by default."""
        count = math.prod(self.shape[i] for i in self._dimensions(dim))
        return self.sum(dim, keepdim) / count if count else self.sum(dim, keepdim) * math.nan

    def _dimensions(self, dim: int | tuple[int, ...] | None) -> set[int]:
        """Return the dimensions that ``dim`` names, counted from the front."""
        named = range(self.ndim) if dim is None or dim == () else dim
        return {i % max(self.ndim, 1) for i in ((named,) if isinstance(named, int) else named)}

    def reshape(self, *shape: Any) -> Any:
        """Give the entries another shape."""
        value, before = self.value.reshape(*shape), self.shape
        after = value.shape
        to, back = (lambda d: d.reshape(after)), (lambda d: d.reshape(before))
        return self.result("reshape", value, Path(self, to, back))

    def expand(self, *shape: Any) -> Any:
        """Repeat the entries along new dimensions and along those of size 1."""
        value = self.value.expand(*shape)
        after = value.shape
        return self.result("expand", value, Path(self, lambda d: d.expand(after), lambda d: d))

    @property
    def mT(self) -> Any:
        """Transpose of the last two dimensions."""
        return self.result("transpose", self.value.mT, Path(self, lambda d: d.mT))

    def __getitem__(self, index: Any) -> Any:
        shape = self.shape
        numbered = torch.arange(math.prod(shape), device=innermost(self).device).reshape(shape)
        places = numbered[index]
        to, back = (lambda d: d[index]), (lambda d: _scatter(d, places, shape))
        return self.result("[ ]", self.value[index], Path(self, to, back))

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def _scatter(self, places: Tensor, shape: torch.Size) -> Any:
        """Add the entries into zeros at these places: the transpose of indexing."""
        to, back = (lambda d: _scatter(d, places, shape)), (lambda d: d.reshape(-1)[places])
        return self.result("scatter", _scatter(self.value, places, shape), Path(self, to, back))


def _scatter(entries: Any, places: Tensor, shape: torch.Size) -> Any:
    if isinstance(entries, Elementary):
        return entries._scatter(places, shape)
    zeros = entries.new_zeros(math.prod(shape))
    return zeros.index_add(0, places.reshape(-1), entries.reshape(-1)).reshape(shape)
