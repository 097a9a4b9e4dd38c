"""A function of two variables that can be drawn, with what is known about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_callable, check_integer, check_number

__all__ = ["Surface"]


class Surface:
    r"""A function :math:`f(u, v)` of the plane, with what is known about it.

    The coordinates of a point :math:`x` are called :math:`u` and :math:`v`, because :math:`x_1`
    and :math:`x_2` are iterates. ``value`` can be passed to
    :func:`~course_lib.training.minimize`, with ``start`` or any other point as ``x0``.

    Args:
        name: what it is called in a sentence, such as ``"saddle"``.
        formula: :math:`f(u, v)` in LaTeX, without dollars.
        function: :math:`f` of two tensors of the same shape, made of elementwise operations.
        derivatives: the pair :math:`(\partial f/\partial u, \partial f/\partial v)`, of the same
            two tensors.
        start: a place to start from that shows what is difficult about it.
        box: what to draw: lowest and highest :math:`u`, then lowest and highest :math:`v`.
        minimizers: all points at which :math:`f` is smallest; none if there is no such point.
        minimum: the greatest lower bound of :math:`f`, ``-math.inf`` if there is none.

    Attributes:
        name: as given.
        formula: as given.
        box: as given, as floats.
        minimum: as given, a float.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> bowl = Surface("bowl", "u^2 + v^2", lambda u, v: u * u + v * v,
        ...                lambda u, v: (2 * u, 2 * v), start=(1, 1), box=((-2, 2), (-2, 2)),
        ...                minimizers=[(0, 0)], minimum=0)
        >>> points = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
        >>> bowl.value(points), bowl.gradient(points[1])
        (tensor([0., 5.]), tensor([2., 4.]))
    """

    def __init__(
        self,
        name: str,
        formula: str,
        function: Callable[[Tensor, Tensor], Tensor],
        derivatives: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        *,
        start: Sequence[float],
        box: Sequence[Sequence[float]],
        minimizers: Sequence[Sequence[float]] = (),
        minimum: float = -math.inf,
    ) -> None:
        self.name, self.formula = _text("name", name), _text("formula", formula)
        self._function = check_callable("function", function, "a function of two tensors")
        self._derivatives = check_callable("derivatives", derivatives, "a function of two tensors")
        self._start = _pair("start", start)
        self.box = _box(box)
        if not isinstance(minimizers, Sequence) or isinstance(minimizers, str):
            raise TypeError(f"minimizers must be a sequence of points, got {minimizers!r}")
        self._minimizers = [_pair("minimizers", point) for point in minimizers]
        self.minimum = -math.inf
        if not (isinstance(minimum, float) and minimum == -math.inf):
            self.minimum = check_number("minimum", minimum)
        elif self._minimizers:
            raise ValueError("minimum must be a finite number if there are minimizers, got -inf")

    @property
    def start(self) -> Tensor:
        """The place to start from, a new float64 tensor of shape (2,) on the CPU."""
        return torch.tensor(self._start, dtype=torch.float64, device="cpu")

    @property
    def minimizers(self) -> Tensor:
        """All global minimisers, a new float64 tensor of shape (count, 2) on the CPU."""
        points = torch.tensor(self._minimizers, dtype=torch.float64, device="cpu")
        return points.reshape(len(self._minimizers), 2)

    def value(self, x: Tensor) -> Tensor:
        r"""Return :math:`f(x)` in the dtype and on the device of ``x``.

        Args:
            x: points, shape (…, 2), any floating-point dtype.

        Returns:
            Values, shape (…); infinite or NaN where :math:`f` leaves the range of the dtype.

        Raises:
            TypeError, ValueError: ``x`` is no floating-point tensor of such a shape, or
                ``function`` returns no tensor like its arguments.
        """
        u, v = _coordinates(x)
        return _checked("function", self._function(u, v), u)

    def gradient(self, x: Tensor) -> Tensor:
        r"""Return :math:`\nabla f(x)`, from its formula and not by automatic differentiation.

        Args:
            x: points, shape (…, 2), any floating-point dtype.

        Returns:
            Gradients, shape (…, 2), in the dtype and on the device of ``x``.

        Raises:
            TypeError, ValueError: ``x`` is no floating-point tensor of such a shape, or
                ``derivatives`` returns no pair of tensors like its arguments.
        """
        u, v = _coordinates(x)
        slopes = self._derivatives(u, v)
        if not isinstance(slopes, tuple | list) or len(slopes) != 2:
            raise TypeError(f"derivatives must return a pair of tensors, got {slopes!r}")
        return torch.stack([_checked("derivatives", slope, u) for slope in slopes], dim=-1)

    def grid(self, points: int = 200) -> Tensor:
        """Return a grid of points that fills the box, to draw the surface on.

        Args:
            points: number of points along each side, at least 2.

        Returns:
            Tensor of shape (points, points, 2), float64, on the CPU; :math:`u` changes along the
            second axis and :math:`v` along the first, as matplotlib's ``contour`` expects.

        Example:
            >>> from course_lib.problems import saddle
            >>> saddle().grid(3)[0, :, 0]
            tensor([-2.,  0.,  2.], dtype=torch.float64)
        """
        check_integer("points", points, low=2)
        sides = [
            torch.linspace(low, high, points, dtype=torch.float64, device="cpu")
            for low, high in self.box
        ]
        return torch.stack(torch.meshgrid(*sides, indexing="xy"), dim=-1)

    def __repr__(self) -> str:
        return f"Surface({self.name}: {self.formula})"


def _coordinates(x: Tensor) -> tuple[Tensor, Tensor]:
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a floating-point tensor of shape (…, 2), got {x!r}")
    if x.dim() == 0 or x.shape[-1] != 2 or not x.is_floating_point():
        raise ValueError(
            "x must be a floating-point tensor of shape (…, 2), got shape "
            f"{tuple(x.shape)} and dtype {x.dtype}"
        )
    u, v = x.unbind(-1)
    return u, v


def _checked(name: str, value: Any, u: Tensor) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must return tensors like u and v, got {value!r}")
    if value.shape != u.shape or value.dtype != u.dtype:
        raise ValueError(
            f"{name} must return tensors of the shape {tuple(u.shape)} and the dtype {u.dtype} of "
            f"u and v, got {tuple(value.shape)} and {value.dtype}"
        )
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"{name} must be a text that is not empty, got {value!r}")
    return value


def _pair(name: str, value: Any) -> tuple[float, float]:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f"{name} must hold a pair of numbers for each point, got {value!r}")
    return check_number(name, value[0]), check_number(name, value[1])


def _box(value: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    message = f"box must be two pairs (lowest, highest), of u and of v, got {value!r}"
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(message)
    u, v = (_pair("box", side) for side in value)
    if not (u[0] < u[1] and v[0] < v[1]):
        raise ValueError(message)
    return u, v
