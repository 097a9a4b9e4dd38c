"""Rows of numbers that the residuals of the test functions are made of."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["indices", "like", "together"]


def like(x: Tensor, values: list[float] | list[list[float]]) -> Tensor:
    """Return numbers as a tensor in the dtype and on the device of ``x``."""
    return torch.tensor(values, dtype=x.dtype, device=x.device)


def indices(x: Tensor, count: int) -> Tensor:
    """Return 1, …, ``count`` in the dtype and on the device of ``x``.

    Example:
        >>> indices(torch.zeros(1), 3)
        tensor([1., 2., 3.])
    """
    return torch.arange(1, count + 1, dtype=x.dtype, device=x.device)


def together(*residuals: Tensor) -> Tensor:
    """Return tensors of shape (…) as one of shape (…, number of them)."""
    return torch.stack(residuals, dim=-1)
