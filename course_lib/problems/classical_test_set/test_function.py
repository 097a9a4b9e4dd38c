"""A test function for optimisation: a sum of squares, its start and its published minima."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from course_lib.arguments import (
    check_callable,
    check_floating_tensor,
    check_integer,
    check_number,
)

__all__ = ["Minimum", "TestFunction"]


class Minimum(NamedTuple):
    """A published minimum of a test function.

    Args:
        value: the value as published.
        point: where it is taken; None if it is not known, or at infinity.
        unit: one unit of the last digit published, where more digits follow: the true value is
            less than this away. 0 where the value is exact.

    Example:
        >>> Minimum(48.9842, unit=1e-4).point is None
        True
    """

    value: float
    point: Sequence[float] | None = None
    unit: float = 0.0


class TestFunction:
    r"""A function :math:`f(x) = \sum_{i=1}^m f_i(x)^2` of n variables, with what is known of it.

    ``value`` can be passed to :func:`~course_lib.training.minimize`, with ``start`` as ``x0``;
    ``residuals`` to a method for least squares.

    Args:
        number: its number in the collection that it comes from.
        name: what it is called.
        residuals: :math:`(f_1, \dots, f_m)`, from a tensor of shape (…, n) to one of shape (…, m);
            differentiable twice by autograd where :math:`f` is.
        start: the standard starting point, n numbers.
        m: number of residuals.
        minima: what is published of its minima, local ones included.

    Attributes:
        number: as given.
        name: as given.
        n: number of variables.
        m: number of residuals.
        minima: published values, a tuple of floats; empty where none is published for this n and m.
        units: for each of them one unit of its last published digit, 0 where it is exact.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> f = TestFunction(0, "bowl", lambda x: x - 1, start=[0, 3], m=2,
        ...                  minima=[Minimum(0.0, (1, 1))])
        >>> f.value(torch.tensor([[1.0, 1.0], [1.0, 3.0]])), f.minima
        (tensor([0., 4.]), (0.0,))
    """

    __test__: ClassVar[bool] = False  # no test case, whatever pytest makes of its name

    def __init__(
        self,
        number: int,
        name: str,
        residuals: Callable[[Tensor], Tensor],
        *,
        start: Sequence[float],
        m: int,
        minima: Sequence[Minimum] = (),
    ) -> None:
        self.number = check_integer("number", number, low=0)
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"name must be a text that is not empty, got {name!r}")
        self.name = name
        self._residuals = check_callable("residuals", residuals, "a function of a tensor")
        self._start = _point("start", start)
        self.n, self.m = len(self._start), check_integer("m", m, low=1)
        known = [Minimum(*minimum) for minimum in minima]
        self.minima = tuple(check_number("minima", each.value, low=0) for each in known)
        self.units = tuple(check_number("minima", each.unit, low=0) for each in known)
        self._minimizers = [
            None if each.point is None else _point("minima", each.point, self.n) for each in known
        ]

    @property
    def start(self) -> Tensor:
        """The standard starting point, a new float64 tensor of shape (n,) on the CPU."""
        return torch.tensor(self._start, dtype=torch.float64, device="cpu")

    @property
    def minimizers(self) -> tuple[Tensor | None, ...]:
        """For each of ``minima`` a point that takes it, float64 of shape (n,); None if not known.

        None also stands where the minimum is only approached, along a way to infinity.
        """
        return tuple(
            None if point is None else torch.tensor(point, dtype=torch.float64, device="cpu")
            for point in self._minimizers
        )

    def residuals(self, x: Tensor) -> Tensor:
        """Return the residuals in the dtype and on the device of ``x``.

        Args:
            x: points, shape (…, n), floating-point.

        Returns:
            Residuals, shape (…, m); infinite or NaN where they leave the range of the dtype.

        Raises:
            TypeError, ValueError: ``x`` is no floating-point tensor of such a shape, or the
                function given as ``residuals`` returns no tensor of shape (…, m) in its dtype.
        """
        check_floating_tensor("x", x)
        if x.dim() == 0 or x.shape[-1] != self.n:
            raise ValueError(f"x must have the shape (…, {self.n}), got {tuple(x.shape)}")
        residuals = self._residuals(x)
        if not isinstance(residuals, Tensor):
            raise TypeError(f"residuals must return a tensor, got {residuals!r}")
        if residuals.shape != (*x.shape[:-1], self.m) or residuals.dtype != x.dtype:
            raise ValueError(
                f"residuals must return {self.m} numbers of {x.dtype} for each point, "
                f"got shape {tuple(residuals.shape)} and {residuals.dtype}"
            )
        return residuals

    def value(self, x: Tensor) -> Tensor:
        """Return the sum of the squared residuals.

        Args:
            x: points, shape (…, n), floating-point.

        Returns:
            Values, shape (…), in the dtype and on the device of ``x``.

        Raises:
            TypeError, ValueError: as for :meth:`residuals`.
        """
        return self.residuals(x).square().sum(-1)

    def __repr__(self) -> str:
        return f"TestFunction({self.number}: {self.name}, n={self.n}, m={self.m})"


def _point(name: str, value: Any, n: int | None = None) -> tuple[float, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise TypeError(f"{name} must hold a point, a sequence of numbers, got {value!r}")
    if n is not None and len(value) != n:
        raise ValueError(f"{name} must hold points of {n} numbers, got {value!r}")
    return tuple(check_number(name, each) for each in value)
