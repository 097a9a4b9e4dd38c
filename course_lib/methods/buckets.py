"""Buckets: small tensors laid end to end in one vector, so that a rule runs on all at once."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Bucket:
    """Small parameters of one dtype, device and step count, gathered into flat vectors.

    ``x`` and ``g`` are copies of the parameters and gradients; nothing aliases them. The state
    lives in the flat vectors, and ``state[p]`` holds views of these. Each step compares what
    ``state[p]`` holds with the views, and takes in what somebody else has put there. A bucket is
    for parameters as they are: where one gets another place or shape, a new one is due.

    Args:
        params: Parameters of one dtype and device, in the order of their group.
    """

    def __init__(self, params: Sequence[Tensor]) -> None:
        """Lay out vectors for `params`; nothing is copied yet."""
        self.params = list(params)
        self._shapes = [p.shape for p in params]
        self._sizes = [p.numel() for p in params]
        self.x, self._x_parts = self._vector()
        self.g, self._g_parts = self._vector()
        self._flat_params = _flat_views(self.params)
        self._states: dict[str, tuple[Tensor, list[Tensor], list[Any]]] = {}

    def _vector(self) -> tuple[Tensor, list[Tensor]]:
        """Return an empty vector for all parameters, and its parts in their shapes."""
        first = self.params[0]
        flat = torch.empty(sum(self._sizes), dtype=first.dtype, device=first.device)
        return flat, self._parts(flat)

    def _parts(self, flat: Tensor) -> list[Tensor]:
        parts = zip(flat.split(self._sizes), self._shapes, strict=True)
        return [part.view(shape) for part, shape in parts]

    def gather(self, grads: Sequence[Tensor]) -> None:
        """Copy the parameters and `grads` into ``x`` and ``g``."""
        if self._flat_params is None:
            torch._foreach_copy_(self._x_parts, self.params)
        else:
            torch.cat(self._flat_params, out=self.x)
        torch._foreach_copy_(self._g_parts, list(grads))

    def scatter(self) -> None:
        """Copy ``x`` back into the parameters."""
        torch._foreach_copy_(self.params, self._x_parts)

    def release(self, states: Sequence[dict[str, Any]]) -> None:
        """Clone what each of `states` still holds of this bucket's vectors."""
        for key, (_, parts, _) in self._states.items():
            for state, part in zip(states, parts, strict=True):
                if state.get(key) is part:
                    state[key] = part.clone()

    def state(self, key: str, states: Sequence[dict[str, Any]]) -> Tensor:
        """Return the vector of the state `key`, after taking in what is new in `states`.

        Args:
            key: Name of a tensor in each ``state[p]``.
            states: ``state[p]`` for each parameter of the bucket.

        Raises:
            ValueError: a tensor in `states` has not its parameter's shape.
        """
        if key not in self._states:
            flat, parts = self._vector()
            self._states[key] = flat, parts, _places(parts)
        flat, parts, places = self._states[key]
        if _places(parts) != places:
            # Somebody has replaced the .data of a part: it is a state put in by hand.
            parts = self._parts(flat)
            self._states[key] = flat, parts, places
        new = [(s, part) for s, part in zip(states, parts, strict=True) if s[key] is not part]
        if new:
            for state, part in new:
                check_shape(key, state[key], part)
            # Cloned, since what somebody put in may be another part of this vector.
            held = [state[key].clone() for state, _ in new]
            torch._foreach_copy_([part for _, part in new], held)
            for state, part in new:
                state[key] = part
        return flat


def _flat_views(params: Sequence[Tensor]) -> list[Tensor] | None:
    """Return each parameter as a vector, if all are plain, real and contiguous: faster to copy."""
    plain = {type(p) for p in params} <= {Tensor, torch.nn.Parameter}
    if not plain or params[0].is_complex() or not all(p.is_contiguous() for p in params):
        return None
    return [p.detach().view(-1) for p in params]


def _places(parts: Sequence[Tensor]) -> list[Any]:
    """Return where `parts` lie in memory; for fake tensors, which lie nowhere, their storages."""
    if type(parts[0]) is Tensor:
        return [part.data_ptr() for part in parts]
    return [part.untyped_storage()._cdata for part in parts]


def check_shape(key: str, held: Tensor, p: Tensor) -> None:
    """Raise unless the state `key` has its parameter's shape: copying would broadcast it."""
    if held.shape != p.shape:
        raise ValueError(
            f"state {key!r} must have its parameter's shape {tuple(p.shape)}, "
            f"got {tuple(held.shape)}"
        )
