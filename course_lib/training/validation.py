"""What the loops refuse, and in which words."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import torch

__all__ = [
    "check_callable",
    "check_flag",
    "check_floating",
    "check_integer",
    "check_learning_rate",
    "check_lengths",
    "check_number",
    "check_reason",
]


def check_integer(name: str, value: Any, *, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int if it is a whole number within [low, high].

    Example:
        >>> check_integer("steps", 3, low=1)
        3
        >>> check_integer("batch_size", 0, low=1, high=10)
        Traceback (most recent call last):
        ...
        ValueError: batch_size must be an integer from 1 to 10, got 0
    """
    allowed = f"of at least {low}" if high is None else f"from {low} to {high}"
    message = f"{name} must be an integer {allowed}, got {value!r}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(message)
    number = int(value)
    if number < low or (high is not None and number > high):
        raise ValueError(message)
    return number


def check_callable(name: str, value: Any, what: str) -> Callable[..., Any]:
    """Return ``value`` if it can be called; ``what`` says what is expected."""
    if not callable(value):
        raise TypeError(f"{name} must be {what}, got {value!r}")
    return value


def check_learning_rate(k: int, value: Any) -> float:
    """Return the step size a schedule gave for step ``k`` if it is finite and not negative.

    Example:
        >>> check_learning_rate(3, float("nan"))
        Traceback (most recent call last):
        ...
        ValueError: schedule(3) must be a finite number of at least 0, got nan
    """
    message = f"schedule({k}) must be a finite number of at least 0, got {value!r}"
    try:
        if isinstance(value, bool | str):
            raise TypeError
        rate = float(value)
    except (TypeError, ValueError):
        raise TypeError(message) from None
    if not 0 <= rate < math.inf:
        raise ValueError(message)
    return rate


def check_lengths(x: Any, y: Any) -> None:
    """Raise unless inputs and targets hold samples along their first axes, and equally many."""
    for name, a in (("x", x), ("y", y)):
        if a.ndim == 0 or len(a) == 0:
            raise ValueError(
                f"{name} must hold at least one sample along its first axis, got shape "
                f"{tuple(a.shape)}"
            )
    if len(x) != len(y):
        raise ValueError(
            f"x and y must hold the same number of samples, got {len(x)} inputs and "
            f"{len(y)} targets"
        )


def check_number(name: str, value: Any, *, low: float) -> float:
    """Return ``value`` as a float if it is a finite real number of at least ``low``.

    Example:
        >>> check_number("noise", "1", low=0)
        Traceback (most recent call last):
        ...
        TypeError: noise must be a finite number of at least 0, got '1'
    """
    message = f"{name} must be a finite number of at least {low}, got {value!r}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(message)
    if not low <= float(value) < math.inf:
        raise ValueError(message)
    return float(value)


def check_floating(name: str, value: Any) -> torch.dtype:
    """Return ``value`` if it is one of torch's floating-point types."""
    message = f"{name} must be a floating-point type of torch, got {value!r}"
    if not isinstance(value, torch.dtype):
        raise TypeError(message)
    if not value.is_floating_point:
        raise ValueError(message)
    return value


def check_flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is True or False; a text such as ``"no"`` would count as true."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value


def check_reason(value: Any) -> str | None:
    """Return what a criterion to stop gave if it is a reason or None.

    A truth value is refused: False, meant as "go on", is not None and would end the run.

    Example:
        >>> check_reason(False)
        Traceback (most recent call last):
        ...
        TypeError: stop must return the reason to stop, a text, or None to go on, got False
    """
    if value is not None and not (isinstance(value, str) and value):
        raise TypeError(
            f"stop must return the reason to stop, a text, or None to go on, got {value!r}"
        )
    return value
