"""What a method may ask about the loss of a batch at the current parameters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.derivatives.hessian_operator import HessianOperator
from course_lib.training.batches import draw_distinct
from course_lib.training.data import Data, as_data
from course_lib.training.nonfinite import NonFiniteLossError, likely_cause

__all__ = ["BatchClosure"]


class BatchClosure:
    r"""A torch closure over one batch :math:`J`: :math:`\frac1{|J|}\sum_{j\in J}\ell_j(w)`.

    Called, it sets the gradients of all parameters to those of the batch loss and returns the
    loss, as ``torch.optim`` expects of a closure. A method that needs more asks for more; every
    question is counted in samples.

    Args:
        model: module, or any callable, from inputs to outputs.
        loss: ``loss(outputs, targets)``, the mean over the batch, a tensor of shape ().
        data: ``(x, y)`` or an object with ``len`` and ``batch(indices)``.
        indices: int64 tensor of shape ``(|J|,)`` or slice: the batch.
        parameters: tensors whose gradients are set; the model's and the loss's own by default.
        generator: the source of the batches of :meth:`sample`.

    Attributes:
        touched: ``Counter`` of samples by kind, ``"gradient"``, ``"value"`` and ``"hessian"``
            (products), shared by all closures that come from this one.
        first_loss: the first loss it computed, None before.

    Example:
        >>> x, y = torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [4.0]])
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.zeros_(model.weight)
        >>> closure = BatchClosure(model, nn.functional.mse_loss, (x, y), slice(0, 2))
        >>> closure().item(), model.weight.grad.item()
        (10.0, -14.0)
        >>> closure.on(torch.tensor([0])).value().item()
        4.0
        >>> dict(closure.touched)
        {'gradient': 2, 'value': 1}

    Source: slides 17–18.
    """

    __slots__ = (
        "_batch", "_device", "_guarded", "data", "first_loss", "generator", "indices", "loss",
        "model", "parameters", "touched",
    )  # fmt: skip

    def __init__(
        self,
        model: Callable[..., Any],
        loss: Callable[[Any, Tensor], Tensor],
        data: Data | tuple[Any, Any],
        indices: Tensor | slice,
        *,
        parameters: Iterable[Tensor] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        if parameters is None:
            owners = [part for part in (model, loss) if isinstance(part, nn.Module)]
            parameters = [p for owner in owners for p in owner.parameters()]
        self.parameters: Sequence[Tensor] = tuple(parameters)
        if not self.parameters:
            raise ValueError("parameters must hold at least one tensor, got none")
        self.model, self.loss, self.data, self.indices = model, loss, as_data(data), indices
        self.generator = generator
        self.touched: Counter[str] = Counter(gradient=0, value=0)
        self.first_loss: float | None = None
        self._device = self.parameters[0].device
        self._batch: tuple[Tensor, Tensor] | None = None
        self._guarded = False

    def __call__(self) -> Tensor:
        """Set the gradients to those of the batch loss and return the loss, a tensor of shape ().

        Gradients that were there are replaced, not added to.
        """
        for p in self.parameters:
            p.grad = None
        x, y = self.batch
        with torch.enable_grad():
            loss = self.loss(self.model(x), y)
        self._see(loss)
        loss.backward()
        self.touched["gradient"] += len(y)
        return loss.detach()

    def with_hessian(
        self, parameters: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, HessianOperator]:
        r"""Set the gradients, and return the loss and the map :math:`v \mapsto \nabla^2F_J(w)\,v`.

        The map is that of the batch loss in ``parameters``, by default the closure's own. It can
        be used until they change. Each product counts the batch as ``"hessian"`` samples.

        Example:
            >>> x, y = torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [4.0]])
            >>> model = nn.Linear(1, 1, bias=False)
            >>> closure = BatchClosure(model, nn.functional.mse_loss, (x, y), slice(0, 2))
            >>> loss, product = closure.with_hessian()
            >>> product([torch.ones(1, 1)]), closure.touched["hessian"]
            ([tensor([[10.]])], 2)
        """
        parameters = self.parameters if parameters is None else tuple(parameters)
        free = [p for p in self.parameters if p.requires_grad]
        x, y = self.batch
        with torch.enable_grad():
            loss = self.loss(self.model(x), y)
            self._see(loss)
            gradients = torch.autograd.grad(loss, free, create_graph=True, allow_unused=True)
        self.touched["gradient"] += len(y)
        for p in self.parameters:
            p.grad = None
        for p, g in zip(free, gradients, strict=True):
            p.grad = None if g is None else g.detach()
        found = {id(p): g for p, g in zip(free, gradients, strict=True)}
        in_order = [found.get(id(p)) for p in parameters]
        return loss.detach(), HessianOperator(in_order, parameters, count=self._count_product)

    def _count_product(self) -> None:
        self.touched["hessian"] += self.size

    def value(self) -> Tensor:
        """Return the batch loss alone, shape (), and leave the gradients as they are."""
        with torch.no_grad():
            loss = self.loss(self.outputs(), self.batch[1])
        self._see(loss)
        return loss

    def _see(self, loss: Tensor) -> None:
        # Only a step's first question is guarded: it is asked at the iterate itself, while a line
        # search may well meet an infinite value further out and turn back.
        if self.first_loss is None:
            self.first_loss = loss.item()
            if self._guarded and not math.isfinite(self.first_loss):
                cause = likely_cause(self.batch[0], self.parameters)
                raise NonFiniteLossError(self.first_loss, cause=cause)

    def outputs(self) -> Any:
        """Return the model's outputs on the batch; they carry a graph if gradients are enabled."""
        x, y = self.batch
        self.touched["value"] += len(y)
        return self.model(x)

    @property
    def batch(self) -> tuple[Tensor, Tensor]:
        """The batch ``(x, y)`` on the device of the parameters."""
        if self._batch is None:
            _check_indices(self.indices)
            x, y = self.data.batch(self.indices)
            self._batch = x.to(self._device), y.to(self._device)
        return self._batch

    @property
    def size(self) -> int:
        """Number of samples in the batch."""
        return len(self.batch[1])

    def on(self, indices: Tensor | slice, *, guarded: bool = False) -> BatchClosure:
        """Return the closure of another batch: same model, loss, data and counter.

        A ``guarded`` closure raises :class:`NonFiniteLossError` if its first loss is not finite.
        """
        other = BatchClosure.__new__(BatchClosure)
        other.model, other.loss, other.data, other.indices = (
            self.model, self.loss, self.data, indices,
        )  # fmt: skip
        other.parameters, other.generator = self.parameters, self.generator
        other.touched, other._device = self.touched, self._device
        other.first_loss, other._batch, other._guarded = None, None, guarded
        return other

    def sample(self, n: int) -> BatchClosure:
        """Return the closure of a fresh batch of ``n`` different samples.

        Raises:
            ValueError: the closure has no generator, or ``n`` is not in 1, …, m.
        """
        if self.generator is None:
            raise ValueError("sample(n) needs a closure made with generator=…, got None")
        return self.on(draw_distinct(len(self.data), n, self.generator))


def _check_indices(indices: Any) -> None:
    if isinstance(indices, slice):
        return
    allowed = "a batch must be a slice or an int64 tensor of shape (B,), B at least 1"
    if not isinstance(indices, Tensor):
        raise TypeError(f"{allowed}, got {indices!r}")
    if indices.dtype != torch.int64 or indices.dim() != 1 or len(indices) == 0:
        raise ValueError(f"{allowed}, got dtype {indices.dtype} and shape {tuple(indices.shape)}")
