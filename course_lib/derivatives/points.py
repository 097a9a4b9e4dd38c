"""What the derivatives of this room are taken at: checks, and the unit directions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_floating_tensor
from course_lib.derivatives.traced import Traced

__all__ = ["basis", "check_point", "check_same_form", "check_tensor"]


def check_tensor(name: str, value: Any) -> Tensor:
    """Return ``value`` if it is a floating-point tensor that torch does not follow."""
    check_floating_tensor(name, value)
    if value.requires_grad:
        raise ValueError(
            f"{name} must be a tensor that torch does not follow, got one that requires grad; "
            "pass .detach()"
        )
    return value


def check_point(name: str, value: Any) -> Any:
    """Return ``value`` if it is such a tensor, or traced from one by a derivative further out."""
    return value if isinstance(value, Traced) else check_tensor(name, value)


def check_same_form(name: str, value: Any, pattern: Any) -> Any:
    """Return ``value`` if it is a point with the shape and dtype of ``pattern``."""
    check_point(name, value)
    if value.shape != pattern.shape:
        raise ValueError(f"{name} must have shape {tuple(pattern.shape)}, got {tuple(value.shape)}")
    if value.dtype != pattern.dtype:
        raise TypeError(f"{name} must have dtype {pattern.dtype}, got {value.dtype}")
    return value


def basis(x: Tensor) -> Iterator[Tensor]:
    """Yield the unit directions of the shape of ``x``: zeros with a single one."""
    for i in range(x.numel()):
        direction = torch.zeros(x.numel(), dtype=x.dtype, device=x.device)
        direction[i] = 1
        yield direction.reshape(x.shape)
