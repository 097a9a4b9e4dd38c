"""All parameters of a method as one vector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import torch
from torch import Tensor

__all__ = ["FlatParameters"]


class FlatParameters:
    r"""Parameters of any shapes, read and written as one vector :math:`x` of :math:`n` numbers.

    The vector has the dtype that holds the numbers of all parameters. A complex number counts as
    two real ones.

    Args:
        params: at least one floating-point or complex tensor, all on one device.

    Raises:
        ValueError: there is no parameter, or they are on several devices, or two of their numbers
            are at one place in memory, or no parameter has the dtype that could hold all of them
            (float16 beside bfloat16).

    Example:
        >>> flat = FlatParameters([torch.ones(2, 2), torch.zeros(3)])
        >>> flat.size, flat.read()
        (7, tensor([1., 1., 1., 1., 0., 0., 0.]))
        >>> [tuple(part.shape) for part in flat.split(torch.arange(7.0))]
        [(2, 2), (3,)]
    """

    def __init__(self, params: Iterable[Tensor]) -> None:
        self.params = list(params)
        if not self.params:
            raise ValueError("params must hold at least one parameter, got none")
        devices = {p.device for p in self.params}
        if len(devices) > 1:
            raise ValueError(
                "params must be on one device, since they form one vector, got "
                f"{sorted(map(str, devices))}"
            )
        _check_apart(self.params)
        dtypes = [p.dtype.to_real() for p in self.params]
        self.dtype = reduce(torch.promote_types, dtypes)
        if self.dtype not in dtypes:
            raise ValueError(
                "params must have one dtype or dtypes one of which holds the others, got "
                f"{sorted(map(str, set(dtypes)))}"
            )
        self.owner = self.params[dtypes.index(self.dtype)]
        self.sizes = [_real(p).numel() for p in self.params]
        self.size = sum(self.sizes)

    def join(self, parts: Sequence[Tensor | None]) -> Tensor:
        """Return one new vector of shape (n,) from a tensor for each parameter; None is zero."""
        pieces = [
            torch.zeros(size, dtype=self.dtype, device=p.device)
            if part is None
            else _real(_dense(part)).reshape(-1).to(self.dtype)
            for part, p, size in zip(parts, self.params, self.sizes, strict=True)
        ]
        return torch.cat(pieces)

    def split(self, vector: Tensor) -> list[Tensor]:
        """Return the parts of a vector of shape (n,), each with its parameter's shape and dtype."""
        parts = []
        for part, p in zip(vector.split(self.sizes), self.params, strict=True):
            if p.is_complex():
                pairs = part.reshape(*p.shape, 2).to(p.dtype.to_real())
                parts.append(torch.view_as_complex(pairs.clone()))  # a pair may start anywhere
            else:
                parts.append(part.reshape(p.shape).to(p.dtype))
        return parts

    def read(self) -> Tensor:
        """Return the parameters as a new vector of shape (n,)."""
        return self.join([p.detach() for p in self.params])

    def gradient(self) -> Tensor:
        """Return the gradients of the parameters as a new vector of shape (n,)."""
        return self.join([p.grad for p in self.params])

    @torch.no_grad()
    def write(self, vector: Tensor) -> None:
        """Set the parameters to the numbers of a vector of shape (n,)."""
        for p, part in zip(self.params, self.split(vector), strict=True):
            p.copy_(part)


def _check_apart(params: list[Tensor]) -> None:
    """Check that no two numbers share a place in memory: one would undo what the other does."""
    of_storage: dict[int, list[Tensor]] = {}
    for p in params:
        of_storage.setdefault(p.untyped_storage()._cdata, []).append(p)
    for i, together in enumerate(of_storage.values()):
        stretched = any(0 in p.stride() for p in together)
        if (len(together) > 1 or stretched) and _overlap(together):
            shapes = [tuple(p.shape) for p in together]
            raise ValueError(
                f"params must have numbers at places of their own in memory, got shapes {shapes} "
                f"that share some (storage {i}): give one tensor where several are tied"
            )


def _overlap(params: list[Tensor]) -> bool:
    """Return whether a byte of the storage of all of these belongs to several numbers."""
    taken = []
    for p in params:
        size = p.element_size()
        first = torch.arange(p.untyped_storage().nbytes() // size) * size
        own = first.as_strided(p.shape, p.stride(), p.storage_offset()).reshape(-1, 1)
        taken.append((own + torch.arange(size)).reshape(-1))
    places = torch.cat(taken)
    return len(places.unique()) < len(places)


def _dense(part: Tensor) -> Tensor:
    part = part.detach()
    return part.to_dense() if part.layout != torch.strided else part


def _real(part: Tensor) -> Tensor:
    return torch.view_as_real(part) if part.is_complex() else part
