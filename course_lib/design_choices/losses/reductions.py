"""How the losses of the samples and outputs of a batch become one number."""

from __future__ import annotations

from typing import Any, Literal, get_args

from torch import Tensor

__all__ = ["Reduction", "check_reduction", "reduce"]

Reduction = Literal["mean", "batchmean", "sum", "none"]


def check_reduction(value: Any) -> Reduction:
    """Return ``value`` if it names a reduction.

    Example:
        >>> check_reduction("average")
        Traceback (most recent call last):
        ...
        ValueError: reduction must be one of 'mean', 'batchmean', 'sum', 'none', got 'average'
    """
    names = get_args(Reduction)
    message = f"reduction must be one of {', '.join(map(repr, names))}, got {value!r}"
    if not isinstance(value, str):
        raise TypeError(message)
    if value not in names:
        raise ValueError(message)
    return value  # type: ignore[return-value]


def reduce(values: Tensor, reduction: Reduction) -> Tensor:
    r"""Reduce losses, one for each sample (and output), to what ``reduction`` asks for.

    Args:
        values: losses; samples lie along the first dimension.
        reduction: ``"mean"``, over all elements, as in torch; ``"batchmean"``, the sum over
            everything divided by the number of samples, which makes of squares the lecture's
            :math:`\frac1m\sum_i\|\cdot\|_2^2`; ``"sum"``; or ``"none"``, as they are.

    Returns:
        Shape (), or that of ``values`` for ``"none"``.

    Raises:
        TypeError, ValueError: no such reduction, or ``"batchmean"`` of a single number.

    Example:
        >>> import torch
        >>> losses = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        >>> [reduce(losses, how).item() for how in ("mean", "batchmean", "sum")]
        [3.5, 10.5, 21.0]
    """
    check_reduction(reduction)
    if reduction == "none":
        return values
    if reduction == "sum":
        return values.sum()
    if reduction == "mean":
        return values.mean()
    if values.dim() == 0:
        raise ValueError("reduction 'batchmean' needs a dimension of samples, got a single loss")
    return values.sum() / len(values)
