"""What the loops refuse, and in which words."""

from __future__ import annotations

import math
from typing import Any

__all__ = [
    "check_learning_rate",
    "check_lengths",
    "check_reason",
]


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
