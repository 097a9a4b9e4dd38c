"""Checks of tensors that are outputs, targets, probabilities or labels.

The first two look at type, shape, dtype and device only. The others read values on the host, which
makes a GPU wait: the functions that use them take ``validate=False``, as in torch.distributions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_floating_tensor

__all__ = [
    "check_alike",
    "check_dimension",
    "check_distributions",
    "check_labels",
    "check_log_distributions",
    "check_probabilities",
    "check_same_device",
    "check_same_place",
    "check_tensor",
    "distribution_tolerance",
    "in_working_precision",
]

_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_tensor(name: str, value: Any) -> Tensor:
    """Return ``value`` if it is a tensor of floating-point numbers, at least one.

    Example:
        >>> check_tensor("z", torch.ones(0))
        Traceback (most recent call last):
        ...
        ValueError: z must not be empty, got shape (0,)
    """
    check_floating_tensor(name, value)
    if value.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(value.shape)}")
    return value


def check_alike(name: str, value: Any, other_name: str, other: Tensor) -> Tensor:
    """Return ``value`` if it is a tensor of the shape, dtype and device of ``other``.

    Example:
        >>> check_alike("targets", torch.ones(3), "outputs", torch.ones(3, 1))
        Traceback (most recent call last):
        ...
        ValueError: targets must have the shape (3, 1) of outputs, got (3,)
    """
    check_tensor(name, value)
    if value.shape != other.shape:
        raise ValueError(
            f"{name} must have the shape {tuple(other.shape)} of {other_name}, "
            f"got {tuple(value.shape)}"
        )
    check_same_place(name, value, other_name, other)
    return value


def check_same_place(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Refuse ``value`` if its dtype or device is not that of ``other``."""
    if value.dtype != other.dtype:
        raise TypeError(
            f"{name} must have the dtype {other.dtype} of {other_name}, got {value.dtype}"
        )
    check_same_device(name, value, other_name, other)


def check_same_device(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """Refuse ``value`` if its device is not that of ``other``."""
    if value.device != other.device:
        raise ValueError(
            f"{name} must be on the device {other.device} of {other_name}, got {value.device}"
        )


def check_dimension(dim: Any, value: Tensor) -> int:
    """Return ``dim`` counted from 0 if the tensor ``value`` has such a dimension."""
    axes = value.dim()
    message = f"dim must be an integer from {-axes} to {axes - 1}, got {dim!r}"
    if isinstance(dim, bool) or not isinstance(dim, int):
        raise TypeError(message)
    if axes == 0:
        raise ValueError(f"a tensor without dimensions has no dim {dim!r}")
    if not -axes <= dim < axes:
        raise ValueError(message)
    return dim % axes


def check_probabilities(name: str, value: Tensor, *, allow_nan: bool = False) -> None:
    """Refuse values outside [0, 1]. Reads values on the host.

    With ``allow_nan`` NaN passes: from outputs it goes on into the loss, where a training loop
    finds it.
    """
    inside = (value >= 0) & (value <= 1)
    if allow_nan:
        inside = inside | value.isnan()
    if not bool(inside.all()):
        raise ValueError(f"{name} must be probabilities from 0 to 1, got {_range(value)}")


def distribution_tolerance(dtype: torch.dtype) -> float:
    """Return by how much the sum of a distribution of this dtype may miss 1."""
    return max(1e-5, 2 * torch.finfo(dtype).eps)


def check_distributions(name: str, value: Tensor, dim: int, *, allow_nan: bool = False) -> None:
    """Refuse what is no probability distribution along ``dim``. Reads values on the host."""
    check_probabilities(name, value, allow_nan=allow_nan)
    sums = in_working_precision(value.detach()).sum(dim)
    _check_sums(name, sums, dim, distribution_tolerance(value.dtype))


def check_log_distributions(name: str, value: Tensor, dim: int) -> None:
    """Refuse what is no logarithm of a distribution along ``dim``; NaN passes. Reads on the host.

    Rounding a logarithm changes the probability in proportion to the logarithm: the sum may miss 1
    by as much as that makes of the logarithms at hand.
    """
    if bool((value > 0).any()):
        raise ValueError(
            f"{name} must be log-probabilities, at most 0, got {value.max().item():.6g}"
        )
    logarithms = in_working_precision(value.detach())
    p = logarithms.exp()
    rounding = (p * -logarithms.masked_fill(p == 0, 0)).sum(dim) * torch.finfo(value.dtype).eps
    _check_sums(
        f"the exponentials of {name}", p.sum(dim), dim, rounding + distribution_tolerance(p.dtype)
    )


def _check_sums(name: str, sums: Tensor, dim: int, tolerance: float | Tensor) -> None:
    wrong = (sums - 1).abs() > tolerance
    if bool(wrong.any()):
        allowed = tolerance[wrong][0].item() if isinstance(tolerance, Tensor) else tolerance
        raise ValueError(
            f"{name} must sum to 1 along dim {dim}, within {allowed:.2g}, "
            f"got a sum of {sums[wrong][0].item():.6g}"
        )


def check_labels(name: str, value: Any, classes: int, *, validate: bool = True) -> Tensor:
    """Return ``value`` as int64 if it holds class labels from 0 to ``classes`` − 1.

    The labels' range is read on the host, if ``validate``.

    Example:
        >>> check_labels("labels", torch.tensor([0, 3]), 3)
        Traceback (most recent call last):
        ...
        ValueError: labels must be from 0 to 2 for 3 classes, got 3
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor of integers, got {value!r}")
    if value.dtype not in _INTEGERS:
        raise TypeError(f"{name} must be a tensor of integers, got dtype {value.dtype}")
    if value.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(value.shape)}")
    labels = value.long()
    if validate:
        wrong = (labels < 0) | (labels >= classes)
        if bool(wrong.any()):
            raise ValueError(
                f"{name} must be from 0 to {classes - 1} for {classes} classes, "
                f"got {labels[wrong][0].item()}"
            )
    return labels


def in_working_precision(value: Tensor) -> Tensor:
    """Return float16 and bfloat16 as float32, other dtypes unchanged: sums need the digits."""
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value


def _range(value: Tensor) -> str:
    if bool(value.isnan().any()):
        return "NaN"
    low, high = value.detach().aminmax()
    return f"values from {low.item():.6g} to {high.item():.6g}"
