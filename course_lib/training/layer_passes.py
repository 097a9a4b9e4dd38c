"""What passes through the layers of a net: in which order, how large, with which gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["LayerPasses", "norm_of"]


def norm_of(tensors: Sequence[Tensor | None]) -> Tensor:
    """Return the Euclidean norm of all entries of several tensors, shape (), on their device.

    It is computed in float64 where the device has it, so that squares of small float32 gradients do
    not vanish. It is infinite if an entry is infinite or not a number. None stands for no tensor;
    without any tensor there is no norm, and the result is NaN.

    Example:
        >>> f"{norm_of([torch.tensor([3e-30]), torch.tensor([[4e-30]]), None]):.3g}"
        '5e-30'
    """
    squares = [_square_sum(tensor) for tensor in tensors if tensor is not None]
    if not squares:
        return torch.tensor(torch.nan)
    return (
        torch.stack([square.to(squares[0].device) for square in squares])
        .sum()
        .sqrt()
        .nan_to_num(torch.inf, torch.inf)
    )


def _square_sum(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    if tensor.is_sparse:
        tensor = tensor.coalesce().values()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    dtype = torch.float32 if tensor.device.type == "mps" else torch.float64
    return torch.linalg.vector_norm(tensor, dtype=dtype).square()


class LayerPasses:
    """Hooks on a net that note when its layers are called, with which outputs and gradients.

    A pass begins when ``model`` is called with gradients enabled; what was noted of the pass before
    is forgotten then, but for the order. A module called several times in a pass, or one with
    several outputs, is seen as one layer with all these outputs.

    Args:
        model: the whole net.
        layers: the modules to watch, by name.
        measure: note outputs and their gradients, not only the order.
    """

    def __init__(self, model: nn.Module, layers: Mapping[str, nn.Module], measure: bool) -> None:
        self._names = list(layers)
        self._called: dict[str, int] = {}  # when each layer was first called
        self._outputs: dict[str, list[tuple[Tensor, int]]] = {}
        self._gradients: dict[str, list[Tensor]] = {}
        self._handles = [model.register_forward_pre_hook(_Hook(self._begin))]
        for name, module in layers.items():
            see = _Hook(self._see, name, measure)
            self._handles.append(module.register_forward_hook(see))

    def _begin(self, *_: Any) -> None:
        if torch.is_grad_enabled():
            self._outputs, self._gradients = {}, {}

    def _see(self, name: str, measure: bool, module: nn.Module, inputs: Any, outputs: Any) -> None:
        if not torch.is_grad_enabled():
            return
        self._called.setdefault(name, len(self._called))
        if not measure:
            return
        gradients = self._gradients.setdefault(name, [])
        for tensor in _tensors_in(outputs):
            entry = norm_of([tensor]), tensor.numel()
            self._outputs.setdefault(name, []).append(entry)
            if tensor.requires_grad:
                # The list, not the object, so that a late gradient of an old pass goes nowhere.
                tensor.register_hook(_Hook(_append_norm, gradients))

    def outputs(self) -> list[Tensor]:
        """Return the root mean square of each layer's outputs in the last pass."""
        return [_root_mean_square(self._outputs.get(name, [])) for name in self._names]

    def gradients(self) -> list[Tensor]:
        """Return the norm of the gradient with respect to each layer's outputs."""
        return [norm_of(self._gradients.get(name, [])) for name in self._names]

    def order(self) -> list[int]:
        """Return the layers' indices in the order of their first call.

        A module that was never called comes after the one before which it is held.
        """
        place, places = -1, []
        for index, name in enumerate(self._names):
            place = self._called.get(name, place)
            places.append((place, index))
        return [index for _, index in sorted(places)]

    def close(self) -> None:
        """Take all hooks off the modules."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy keeps: the order. A copy watches nothing."""
        return {**self.__dict__, "_handles": [], "_outputs": {}, "_gradients": {}}


class _Hook:
    """A function with its first arguments; its copies, in copies of a model, do nothing."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._function, self._arguments = function, arguments

    def __call__(self, *arguments: Any) -> None:
        self._function(*self._arguments, *arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Hook, (_do_nothing,)


def _do_nothing(*_: Any) -> None:
    pass


def _append_norm(norms: list[Tensor], gradient: Tensor) -> None:
    norms.append(norm_of([gradient]))


def _tensors_in(outputs: Any) -> Iterator[Tensor]:
    if isinstance(outputs, Tensor):
        if outputs.is_floating_point() or outputs.is_complex():
            yield outputs
    elif isinstance(outputs, Mapping):
        for part in outputs.values():
            yield from _tensors_in(part)
    elif isinstance(outputs, (tuple, list)):
        for part in outputs:
            yield from _tensors_in(part)


def _root_mean_square(norms_and_sizes: list[tuple[Tensor, int]]) -> Tensor:
    count = sum(size for _, size in norms_and_sizes)
    return norm_of([norm for norm, _ in norms_and_sizes]) / max(count, 1) ** 0.5
