"""A value whose computation is followed: what both modes of automatic differentiation share."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["Path", "Traced", "innermost", "is_inside", "new_level"]

_levels = itertools.count(1)


def new_level() -> int:
    """Return a number larger than all before: a derivative inside another has a higher level."""
    return next(_levels)


class Path(NamedTuple):
    r"""One way on which the result of an operation depends on an argument: a linear map.

    If the argument moves by :math:`\dot a`, the result moves by :math:`J\dot a`: ``push`` computes
    that. If the final output moves by :math:`\bar r` for a unit of the result, it moves by
    :math:`J^\top\bar r` for a unit of the argument: ``pull`` computes that. An elementwise
    operation has a diagonal :math:`J`, which is its own transpose: one function does for both.
    """

    argument: Any
    push: Callable[[Any], Any]
    pull: Callable[[Any], Any] | None = None


class Traced(ABC):
    """A value whose computation is followed: forward by ``Dual``, backward by ``Variable``.

    Other operands are constants: numbers, floating-point tensors of the same dtype, integer and
    boolean tensors. A comparison looks at the values and gives plain booleans: a branch is taken,
    not differentiated.

    Attributes:
        value: what was computed: a tensor, or a traced value of a derivative further out.
        level: the derivative that it belongs to; values of lower levels are constants for it.

    Raises:
        TypeError: an operand is of the wrong kind or dtype; the value is changed in place.
    """

    value: Any
    level: int
    __array_ufunc__ = None  # numpy shall leave a product with a traced value to us

    @abstractmethod
    def result(self, name: str, value: Any, *paths: Path) -> Any:
        """Make the traced result of an operation."""

    @property
    def shape(self) -> torch.Size:
        """Shape of the value."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the numbers."""
        return self.value.dtype

    @property
    def device(self) -> torch.device:
        """Where the numbers are."""
        return self.value.device

    def __len__(self) -> int:
        return len(innermost(self))

    def __bool__(self) -> bool:
        return bool(innermost(self))

    def __lt__(self, other: Any) -> Any:
        return innermost(self) < innermost(other)

    def __le__(self, other: Any) -> Any:
        return innermost(self) <= innermost(other)

    def __gt__(self, other: Any) -> Any:
        return innermost(self) > innermost(other)

    def __ge__(self, other: Any) -> Any:
        return innermost(self) >= innermost(other)

    def __eq__(self, other: Any) -> Any:
        return innermost(self) == innermost(other)

    def __ne__(self, other: Any) -> Any:
        return innermost(self) != innermost(other)

    __hash__ = object.__hash__

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a traced value must not be changed in place, since its derivative needs the old "
            f"entries, got an assignment to [{index!r}]; build a new value, for instance by where"
        )

    def _operand(self, other: Any) -> Any:
        """Return the value with which to compute: constants stay as they are."""
        if isinstance(other, Traced):
            if other.dtype != self.dtype:
                raise TypeError(f"operand must have dtype {self.dtype}, got {other.dtype}")
            return other.value if other.level == self.level else other
        if isinstance(other, Tensor):
            if (other.is_floating_point() and other.dtype != self.dtype) or other.is_complex():
                raise TypeError(f"operand must have dtype {self.dtype}, got {other.dtype}")
        elif isinstance(other, bool) or not isinstance(other, Real):
            raise TypeError(
                f"operand must be a number, a tensor or a traced value, got {type(other).__name__}"
            )
        return other


def is_inside(other: Any, value: Any) -> bool:
    """Whether ``other`` belongs to a derivative inside that of ``value``: it then leads."""
    return isinstance(other, Traced) and other.level > getattr(value, "level", -1)


def innermost(value: Any) -> Any:
    """Return the tensor under all layers of tracing."""
    while isinstance(value, Traced):
        value = value.value
    return value
