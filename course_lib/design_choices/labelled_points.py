"""Checks of samples with labels -1 and 1, and the points that carry their label as a sign."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

__all__ = ["check_labels", "signed_points"]


def check_labels(
    name: str, labels: Any, shape: torch.Size, of_what: str, *, values: bool = True
) -> Tensor:
    """Return ``labels`` if it is a tensor of that shape whose entries are -1 or 1."""
    if not isinstance(labels, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor of labels -1 and 1, got {labels!r}")
    if labels.dtype == torch.bool or labels.is_complex():
        raise ValueError(f"{name} must be labels -1 and 1 of a real dtype, got {labels.dtype}")
    if labels.shape != shape:
        raise ValueError(
            f"{name} must have shape {tuple(shape)}, one label for each of {of_what}, "
            f"got {tuple(labels.shape)}"
        )
    if values:
        wrong = labels[(labels != 1) & (labels != -1)]
        if wrong.numel():
            raise ValueError(f"{name} must be labels -1 and 1, got {wrong[0].item()!r}")
    return labels


def signed_points(x: Any, y: Any) -> tuple[Tensor, float]:
    r"""Check samples and labels; return the points :math:`y_ix_i/s` and the scale :math:`s`.

    The scale is a power of two, so that dividing by it is exact: the largest entry is then from
    1 to 2, and products neither overflow nor underflow, whatever the unit of ``x`` was.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a torch.Tensor of shape (m, n), got {x!r}")
    if x.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"x must be of dtype float32 or float64, got {x.dtype}")
    if x.dim() != 2 or x.numel() == 0:
        raise ValueError(f"x must have shape (m, n), neither of them 0, got {tuple(x.shape)}")
    check_labels("y", y, x.shape[:1], "the rows of x")
    if y.device != x.device:
        raise ValueError(f"y must be on the device of x, {x.device}, got {y.device}")
    x = x.detach()
    largest = x.abs().max().item()
    if not math.isfinite(largest):
        raise ValueError(f"x must be finite, got an entry of absolute value {largest}")
    scale = math.ldexp(1.0, math.frexp(largest)[1] - 1)
    return y.to(x.dtype)[:, None] * (x / scale), scale
