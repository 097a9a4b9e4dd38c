"""A measured figure and the bound it must keep."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from typing import Any

from course_lib.rounding import significant

__all__ = ["Comparison", "at_least", "at_most", "between", "is_true"]


@dataclass(frozen=True)
class Comparison:
    """A named figure with the bounds it must lie in, both included.

    Attributes:
        name: what was measured, in a few words.
        value: the figure; a whole number is a count, shown in full.
        low: the lower bound, or None.
        high: the upper bound, or None; with neither bound the value is a truth value.
        digits: significant digits shown, or as many more as tell the figure from its bound; 0 shows
            the bound alone.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    digits: int = 3

    @property
    def holds(self) -> bool:
        """Whether the figure keeps its bounds; infinity and NaN keep none, being no measurement."""
        return self._keeps(self.value)

    def _keeps(self, value: float) -> bool:
        if self.low is None and self.high is None:
            return value == 1
        return (
            (isinstance(value, int) or isfinite(value))
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )

    def __str__(self) -> str:
        """Give the name, the rounded figure and the bound in full."""
        return self._told(self.digits)

    def in_full(self) -> str:
        """Give the figure with as many digits as an error needs."""
        return self._told(6)

    def _told(self, digits: int) -> str:
        figure = f"{self.name} {self._rounded(digits)}" if digits else self.name
        if self.low is not None and self.high is not None:
            return f"{figure} in [{_in_full(self.low)}, {_in_full(self.high)}]"
        if self.low is not None:
            return f"{figure} ≥ {_in_full(self.low)}"
        if self.high is not None:
            return f"{figure} ≤ {_in_full(self.high)}"
        return f"{self.name}: {'yes' if self.value == 1 else 'no'}"

    def _rounded(self, digits: int) -> str:
        """Round the figure, to more digits where rounding would carry it over its bound."""
        if isinstance(self.value, int):
            return str(self.value)
        if not isfinite(self.value):
            return f"{self.value} (not finite)"
        for more in range(digits, 10):
            rounded = significant(self.value, more)
            if self._keeps(float(rounded)) == self.holds:
                return rounded
        return repr(self.value)


def at_most(name: str, value: Any, bound: Any, *, digits: int = 3) -> Comparison:
    r"""Compare :math:`\text{value} \le \text{bound}`.

    Args:
        name: what was measured, in a few words.
        value: a number, or a tensor or array with one entry. Infinity and NaN keep no bound: where
            "never" is an answer, compare with :func:`is_true` that it is.
        bound: the largest value allowed; shown as it is given.
        digits: significant digits of the value shown, more where rounding to so few would carry it
            over its bound; 0 shows the bound alone, for figures whose
            digits differ between machines, as after training in float32.

    Returns:
        The comparison, for :func:`course_lib.claims.check`.

    Raises:
        TypeError: ``value`` or ``bound`` is not one real number.
        ValueError: ``name`` is empty, ``bound`` is not finite or ``digits`` not in 0 to 9.

    Example:
        >>> str(at_most("relative error", 0.01234, 0.05))
        'relative error 0.0123 ≤ 0.05'
        >>> str(at_most("test error", 0.173, 0.25, digits=0))
        'test error ≤ 0.25'
    """
    return _comparison(name, value, None, _number(name, "bound", bound), digits)


def at_least(name: str, value: Any, bound: Any, *, digits: int = 3) -> Comparison:
    r"""Compare :math:`\text{value} \ge \text{bound}`; see :func:`at_most`.

    Example:
        >>> str(at_least("speed-up", 3.14159, 2, digits=2))
        'speed-up 3.1 ≥ 2'
    """
    return _comparison(name, value, _number(name, "bound", bound), None, digits)


def between(name: str, value: Any, low: Any, high: Any, *, digits: int = 3) -> Comparison:
    r"""Compare :math:`\text{low} \le \text{value} \le \text{high}`; see :func:`at_most`.

    Raises:
        ValueError: also if ``low`` is above ``high``.

    Example:
        >>> str(between("slope of variance", -1.004, -1.1, -0.9))
        'slope of variance -1.00 in [-1.1, -0.9]'
    """
    comparison = _comparison(name, value, low, high, digits)
    if _number(name, "bound", low) > _number(name, "bound", high):
        raise ValueError(f"low must be at most high, got {low!r} and {high!r} for {name!r}")
    return comparison


def is_true(name: str, value: Any) -> Comparison:
    """Compare a truth value with true.

    Args:
        name: what was found, in a few words.
        value: a bool, or a tensor or array with one boolean entry.

    Raises:
        TypeError: ``value`` is not one truth value.

    Example:
        >>> str(is_true("every sample seen once", True))
        'every sample seen once: yes'
    """
    with suppress(ValueError, RuntimeError):  # of several entries; refused as it is
        value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, bool):
        raise TypeError(f"value must be True or False, got {value!r} for {name!r}")
    return Comparison(_name(name), float(value), None, None)


def _comparison(name: str, value: Any, low: Any, high: Any, digits: int) -> Comparison:
    if type(digits) is not int or digits not in range(10):
        raise ValueError(f"digits must be a whole number from 0 to 9, got {digits!r}")
    for bound in (low, high):
        if bound is not None and not abs(_number(name, "bound", bound)) < float("inf"):
            raise ValueError(f"bound must be finite, got {bound!r} for {name!r}")
    return Comparison(
        _name(name),
        _number(name, "value", value),
        None if low is None else _number(name, "bound", low),
        None if high is None else _number(name, "bound", high),
        digits,
    )


def _name(name: str) -> str:
    if not isinstance(name, str) or not name.strip() or "|" in name:
        raise ValueError(f"name must be a few words without '|', got {name!r}")
    return " ".join(name.split())


def _number(name: str, argument: str, value: Any) -> int | float:
    try:
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, bool | str):
            raise TypeError
        return value if isinstance(value, int) else float(value)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{argument} must be one real number, got {value!r} for {name!r}") from None


def _in_full(bound: float) -> str:
    """A bound with all its digits, whole numbers without a point."""
    return str(int(bound)) if abs(bound) < 1e15 and bound == int(bound) else repr(bound)
