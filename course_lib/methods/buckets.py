"""Buckets: small tensors laid end to end in one vector, so that a rule runs on all at once."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor


class Bucket:
    """Small parameters of one dtype, device and step count, gathered into flat vectors.

    ``x`` and ``g`` are copies of the parameters and gradients; nothing aliases them. The state
    lives in the flat vectors, and ``state[p]`` holds views of these. Each step compares what
    ``state[p]`` holds with the views, and takes in what somebody else has put there.

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
        self._states: dict[str, tuple[Tensor, list[Tensor]]] = {}

    def _vector(self) -> tuple[Tensor, list[Tensor]]:
        """Return an empty vector for all parameters, and its parts in their shapes."""
        first = self.params[0]
        flat = torch.empty(sum(self._sizes), dtype=first.dtype, device=first.device)
        return flat, self._parts(flat)

    def _parts(self, flat: Tensor) -> list[Tensor]:
        parts = zip(flat.split(self._sizes), self._shapes, strict=True)
        return [part.view(shape) for part, shape in parts]

    def fits(self, params: Sequence[Tensor]) -> bool:
        """Return whether the bucket was laid out for these parameters as they are now."""
        return (
            len(params) == len(self.params)
            and all(map(operator.is_, params, self.params))
            and (params[0].dtype, params[0].device) == (self.x.dtype, self.x.device)
            and [p.shape for p in params] == self._shapes
        )

    def gather(self, grads: Sequence[Tensor]) -> None:
        """Copy the parameters and `grads` into ``x`` and ``g``."""
        torch._foreach_copy_(self._x_parts, self.params)
        torch._foreach_copy_(self._g_parts, list(grads))

    def scatter(self) -> None:
        """Copy ``x`` back into the parameters."""
        torch._foreach_copy_(self.params, self._x_parts)

    def state(self, key: str, states: Iterable[dict[str, Any]]) -> Tensor:
        """Return the vector of the state `key`, after taking in what is new in `states`.

        Args:
            key: Name of a tensor in each ``state[p]``.
            states: ``state[p]`` for each parameter of the bucket.

        Raises:
            ValueError: a tensor in `states` has not its parameter's shape.
        """
        if key not in self._states:
            self._states[key] = self._vector()
        flat, parts = self._states[key]
        own = flat.untyped_storage()._cdata
        if [part for part in parts if part.untyped_storage()._cdata != own]:
            # Somebody has replaced the .data of a part: it is a state put in by hand.
            parts = self._parts(flat)
            self._states[key] = flat, parts
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


def check_shape(key: str, held: Tensor, p: Tensor) -> None:
    """Raise unless the state `key` has its parameter's shape: copying would broadcast it."""
    if held.shape != p.shape:
        raise ValueError(
            f"state {key!r} must have its parameter's shape {tuple(p.shape)}, "
            f"got {tuple(held.shape)}"
        )
