"""The layers of a net: its modules with weights of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

__all__ = ["check_trains", "layers_of", "weights_of"]


def weights_of(module: nn.Module) -> list[nn.Parameter]:
    """Return the module's own parameters of two or more dimensions."""
    return [p for p in module.parameters(recurse=False) if p.dim() >= 2]


def layers_of(model: nn.Module, names: Iterable[str] | None = None) -> dict[str, nn.Module]:
    """Return the modules with weights of their own, all of them or those named, as they are held.

    Raises:
        TypeError, ValueError: there are none, or ``names`` are no names of such modules.

    Example:
        >>> list(layers_of(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))))
        ['0', '2']
    """
    if any(is_lazy(p) for p in model.parameters()):
        raise ValueError("model must know its sizes: pass data through its lazy modules first")
    there = {name: m for name, m in model.named_modules() if weights_of(m)}
    if not there:
        raise ValueError(
            "model must have a layer with weights of two or more dimensions, got a "
            f"{type(model).__name__} without any"
        )
    if names is None:
        return there
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"layers must be names of modules or None, got {names!r}")
    wanted = list(names)
    for name in wanted:
        if name not in there:
            raise ValueError(f"layers must be names out of {list(there)}, got {name!r}")
    if not wanted:
        raise ValueError(f"layers must be at least one name out of {list(there)}, got none")
    return {name: module for name, module in there.items() if name in wanted}


def check_trains(optimizer: Any, layers: Mapping[str, nn.Module]) -> None:
    """Refuse what is no optimizer, or one that trains none of the layers' weights."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer must be a torch.optim.Optimizer or None, got {optimizer!r}: make it from "
            "the model's parameters first"
        )
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in trained for layer in layers.values() for p in weights_of(layer)):
        raise ValueError(
            f"optimizer must train the model's weights, got a {type(optimizer).__name__} that "
            "holds none of those watched"
        )
