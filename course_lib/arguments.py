"""Checks of arguments, and the words in which a wrong one is refused."""

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
    "check_floating_tensor",
    "check_integer",
    "check_number",
]

_FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


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


def check_number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return ``value`` as a float if it is finite, in [low, high], and strictly between the others.

    Example:
        >>> check_number("noise", "1", low=0)
        Traceback (most recent call last):
        ...
        TypeError: noise must be a finite number of at least 0, got '1'
        >>> check_number("eps", 0.5, low=0, below=0.5)
        Traceback (most recent call last):
        ...
        ValueError: eps must be a finite number of at least 0 and below 0.5, got 0.5
    """
    bounds = {"of at least": low, "of at most": high, "above": above, "below": below}
    finite = [f"{word} {bound}" for word, bound in bounds.items() if math.isfinite(bound)]
    if math.isfinite(low) and math.isfinite(high):
        finite[:2] = [f"from {low} to {high}"]
    stated = " and ".join(finite)
    message = f"{name} must be a finite number{' ' * bool(finite)}{stated}, got {value!r}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(message)
    try:
        number = float(value)
    except OverflowError as error:  # of an integer or a fraction
        raise ValueError(message) from error
    if not (math.isfinite(number) and low <= number <= high and above < number < below):
        raise ValueError(message)
    return number


def check_floating(name: str, value: Any) -> torch.dtype:
    """Return ``value`` if it is one of torch's floating-point types."""
    message = f"{name} must be a floating-point type of torch, got {value!r}"
    if not isinstance(value, torch.dtype):
        raise TypeError(message)
    if not value.is_floating_point:
        raise ValueError(message)
    return value


def check_floating_tensor(name: str, value: Any) -> torch.Tensor:
    """Return ``value`` if it is a tensor of 16, 32 or 64 bit floating-point numbers.

    Example:
        >>> check_floating_tensor("x", torch.tensor(1))
        Traceback (most recent call last):
        ...
        TypeError: x must be a tensor of dtype float16, bfloat16, float32 or float64, got int64
        >>> check_floating_tensor("x", [0.5])
        Traceback (most recent call last):
        ...
        TypeError: x must be a tensor of dtype float16, bfloat16, float32 or float64, got [0.5]
    """
    is_tensor = isinstance(value, torch.Tensor)
    if not is_tensor or value.dtype not in _FLOATING:
        raise TypeError(
            f"{name} must be a tensor of dtype float16, bfloat16, float32 or float64, "
            f"got {str(value.dtype).removeprefix('torch.') if is_tensor else repr(value)}"
        )
    return value


def check_flag(name: str, value: Any) -> bool:
    """Return ``value`` if it is True or False; a text such as ``"no"`` would count as true."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value
