"""Momentum that a schedule moves along with the learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["momentum_of", "set_momentum"]

_KEYS = ("momentum", "beta", "betas")


def momentum_of(schedule: Callable[[int], float], k: int) -> float | None:
    """Return the momentum that a schedule wants at step k, None if it leaves it alone.

    Example:
        >>> from course_lib.methods.learning_rate import OneCycle
        >>> momentum_of(OneCycle(1.0, 10, cycle_momentum=True), 0)
        0.95
        >>> momentum_of(lambda k: 0.1, 0) is None
        True
    """
    momentum = getattr(schedule, "momentum", None)
    return momentum(k) if callable(momentum) else None


def set_momentum(groups: Iterable[dict[str, Any]], momentum: float) -> None:
    """Write a momentum into groups: as ``momentum``, ``beta``, or the first of ``betas``.

    Raises:
        ValueError: a group has none of these; nothing has been written then.

    Example:
        >>> adam, ball = {"betas": (0.9, 0.999)}, {"beta": 0.9}
        >>> set_momentum([adam, ball], 0.5)
        >>> adam, ball
        ({'betas': (0.5, 0.999)}, {'beta': 0.5})
    """
    found: list[tuple[dict[str, Any], str]] = []
    for group in groups:
        keys = [key for key in _KEYS if key in group]
        if not keys:
            raise ValueError(
                "schedule moves the momentum and needs a method with momentum, beta or betas in "
                f"every group, got one with {sorted(set(group) - {'params', 'param_names'})}"
            )
        found.append((group, keys[0]))
    for group, key in found:
        if key == "betas":
            first, *others = group[key]
            group[key] = (_like(first, momentum), *others)
        else:
            group[key] = _like(group[key], momentum)


def _like(old: Any, new: float) -> Any:
    """Return the number as a tensor where there was one."""
    return torch.full_like(old, new) if isinstance(old, Tensor) else new
