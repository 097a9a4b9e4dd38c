"""Checks of hyper-parameters: each names the argument, the value given and what is allowed."""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

from torch import Tensor

Check = Callable[[str, Any], None]
"""A check takes an argument's name and its value, and raises if the value is not allowed."""


def number(value: Any) -> Any:
    """Return the Python number that a one-element tensor holds, and any other value as it is.

    Reading a tensor on a GPU makes the host wait for it, as ``torch.optim`` does too.
    """
    return value.item() if isinstance(value, Tensor) else value


def may_change(value: Any) -> bool:
    """Return whether a value can be changed in place: a tensor, a list, or what holds one.

    Example:
        >>> may_change(0.1), may_change((0.9, 0.99)), may_change([0.9, 0.99])
        (False, False, True)
    """
    if isinstance(value, tuple):
        return any(map(may_change, value))
    return isinstance(value, (Tensor, list))


def once_each(param_group: dict[str, Any]) -> None:
    """Keep the first of parameters that a group holds several times; torch would step each.

    Example:
        >>> import torch
        >>> w, v = torch.ones(1), torch.ones(2)
        >>> group = {"params": [w, v, w]}
        >>> once_each(group)
        >>> [p is q for p, q in zip(group["params"], [w, v], strict=True)]
        [True, True]
    """
    params = param_group["params"]
    first = {id(p): i for i, p in reversed(list(enumerate(params)))}.values()
    for key in ("params", "param_names"):
        if key in param_group:
            param_group[key] = [param_group[key][i] for i in sorted(first)]


def _finite(name: str, value: Any, allowed: str) -> float:
    """Return `value` as a float, or say that `name` must be `allowed`."""
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(
                f"Tensor {name} must be 1-element ({allowed}), got shape {tuple(value.shape)}"
            )
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {allowed}, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return float(value)


def finite(name: str, value: Any) -> None:
    """Allow finite numbers, and one-element tensors that hold one.

    Raises:
        ValueError: the number is infinite or NaN, or the tensor has several elements.
        TypeError: `value` is no number.

    Example:
        >>> finite("dampening", float("nan"))
        Traceback (most recent call last):
        ...
        ValueError: dampening must be a finite number, got nan
    """
    _finite(name, value, "a finite number")


def non_negative(name: str, value: Any) -> None:
    """Allow finite numbers from 0 on, and one-element tensors that hold one.

    Raises:
        ValueError: the number is negative, infinite or NaN, or the tensor has several elements.
        TypeError: `value` is no number.

    Example:
        >>> non_negative("lr", -0.1)
        Traceback (most recent call last):
        ...
        ValueError: lr must be a non-negative finite number, got -0.1
    """
    if _finite(name, value, "a non-negative finite number") < 0:
        raise ValueError(f"{name} must be a non-negative finite number, got {value!r}")


def fraction(name: str, value: Any) -> None:
    """Allow numbers in [0, 1), such as a rate of decay.

    Raises:
        ValueError: the number is outside [0, 1) or not finite.
        TypeError: `value` is no number.

    Example:
        >>> fraction("momentum", 1.0)
        Traceback (most recent call last):
        ...
        ValueError: momentum must be a number in [0, 1), got 1.0
    """
    if not 0 <= _finite(name, value, "a number in [0, 1)") < 1:
        raise ValueError(f"{name} must be a number in [0, 1), got {value!r}")


def flag(name: str, value: Any) -> None:
    """Allow True and False.

    Raises:
        TypeError: `value` is neither.

    Example:
        >>> flag("maximize", 1)
        Traceback (most recent call last):
        ...
        TypeError: maximize must be True or False, got 1
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def fractions(name: str, value: Any) -> None:
    """Allow a pair of numbers in [0, 1), such as Adam's two rates of decay.

    Both may be one-element tensors, as in ``torch.optim``; one of each kind is refused there too.

    Raises:
        ValueError: a number is outside [0, 1) or not finite, or there are not two.
        TypeError: `value` is no pair, or holds something that is no number, or mixes both kinds.

    Example:
        >>> fractions("betas", (0.9, 1.0))
        Traceback (most recent call last):
        ...
        ValueError: betas[1] must be a number in [0, 1), got 1.0
    """
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name} must be a pair of numbers in [0, 1), got {value!r}")
    if len(value) != 2:
        raise ValueError(f"{name} must be a pair of numbers in [0, 1), got {value!r}")
    for i, one in enumerate(value):
        fraction(f"{name}[{i}]", one)
    if len({isinstance(one, Tensor) for one in value}) == 2:
        raise ValueError(f"{name} must be either both floats or both Tensors, got {value!r}")
