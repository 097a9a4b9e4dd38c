"""States as they are saved and loaded: copied without their buckets, and checked before use."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def copied(states: Mapping[Any, Any]) -> Any:
    """Return `states` with each tensor copied, so that no view drags its bucket along."""
    copies: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for p, state in states.items():
        copies[p] = {
            key: value.clone() if isinstance(value, Tensor) else value
            for key, value in state.items()
        }
    return copies


def is_sparse(value: Any) -> bool:
    """Return whether a state is a sparse tensor, as torch's momentum of sparse gradients is."""
    return isinstance(value, Tensor) and value.layout is not torch.strided


def check_loaded(
    held: Mapping[str, Any], keys: Sequence[str], counted: bool, p: Tensor, index: int
) -> None:
    """Check what has been loaded for the parameter `p`, the one at `index` of all.

    It must be there as a whole, or nothing must be there: a part alone, and the state of another
    method, would start afresh without a word. Tensors must have the parameter's shape, and the
    count of steps must be a count.

    Args:
        held: The loaded state.
        keys: The tensors that the rule keeps.
        counted: Whether it keeps the count of steps too.
        p: The parameter.
        index: Its place, for the message.

    Raises:
        ValueError: a part is missing, of another shape, complex for a real parameter, or no count.
        TypeError: a part is no tensor.
    """
    wanted = [*keys, *(["step"] if counted else [])]
    missing = [key for key in wanted if key not in held]
    if missing and len(missing) < len(wanted):
        raise ValueError(
            f"state_dict must hold all of {wanted} for a parameter, or none, got "
            f"parameter {index} without {missing}"
        )
    if missing and held:
        raise ValueError(
            f"state_dict must hold {wanted} for a parameter, or nothing, got parameter {index} "
            f"with {list(held)}, as of another method"
        )
    if missing:
        return
    for key in keys:
        value = held[key]
        if not isinstance(value, Tensor):
            raise TypeError(
                f"state_dict must hold {key!r} of parameter {index} as a tensor, got {value!r}"
            )
        if value.shape != p.shape:
            raise ValueError(
                f"state_dict must hold {key!r} in the shape of parameter {index}, "
                f"{tuple(p.shape)}, got {tuple(value.shape)}"
            )
    if counted and not _is_count(held["step"]):
        raise ValueError(
            f"state_dict must hold 'step' of parameter {index} as a non-negative integer, "
            f"got {held['step']!r}"
        )


def _is_count(value: Any) -> bool:
    if isinstance(value, Tensor):
        if value.numel() != 1:
            return False
        value = value.item()
    return isinstance(value, int | float) and value >= 0 and value == value // 1
