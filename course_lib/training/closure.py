"""Closures: what a method may ask about the function at the current parameters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.training.batches import draw_distinct
from course_lib.training.data import Data, as_data
from course_lib.training.nonfinite import NonFiniteLossError, likely_cause

__all__ = ["BatchClosure", "FunctionClosure"]


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
        touched: ``Counter`` of samples by kind, ``"gradient"`` and ``"value"``, shared by all
            closures that come from this one.
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


class FunctionClosure:
    r"""A torch closure over a function :math:`f` of one tensor :math:`x`.

    Called, it sets ``x.grad`` to :math:`\nabla f(x)` and returns :math:`f(x)`. Asked again at the
    same point it answers from memory, so that a loop can look at a point without making the
    method pay for it.

    Args:
        f: function from a tensor shaped like ``x`` to a tensor of shape ().
        x: leaf tensor that requires gradients.

    Attributes:
        touched: ``Counter`` of evaluations by kind, ``"gradient"`` and ``"value"``.

    Example:
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> closure = FunctionClosure(lambda x: (x * x).sum(), x)
        >>> closure().item(), x.grad.tolist(), closure().item(), closure.touched["gradient"]
        (5.0, [2.0, 4.0], 5.0, 1)
    """

    def __init__(self, f: Callable[[Tensor], Tensor], x: Tensor) -> None:
        self.f, self.x = f, x
        self.touched: Counter[str] = Counter(gradient=0, value=0)
        self._known: tuple[Tensor, Tensor, Tensor] | None = None

    def __call__(self) -> Tensor:
        """Set ``x.grad`` to the gradient and return the value, a tensor of shape ()."""
        if self._known is None or not torch.equal(self._known[0], self.x):
            with torch.enable_grad():
                value = self.f(self.x)
                _check_value(value)
                (gradient,) = torch.autograd.grad(value, self.x)
            self.touched["gradient"] += 1
            self._known = self.x.detach().clone(), value.detach(), gradient
        _, value, gradient = self._known
        self.x.grad = gradient.clone()  # a method may write into it
        return value

    def value(self) -> Tensor:
        """Return the value alone and leave ``x.grad`` as it is."""
        self.touched["value"] += 1
        with torch.no_grad():
            return self.f(self.x)


def _check_indices(indices: Any) -> None:
    if isinstance(indices, slice):
        return
    allowed = "a batch must be a slice or an int64 tensor of shape (B,), B at least 1"
    if not isinstance(indices, Tensor):
        raise TypeError(f"{allowed}, got {indices!r}")
    if indices.dtype != torch.int64 or indices.dim() != 1 or len(indices) == 0:
        raise ValueError(f"{allowed}, got dtype {indices.dtype} and shape {tuple(indices.shape)}")


def _check_value(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"f(x) must be a tensor of shape (), got {type(value).__name__}")
    if value.dim() != 0 or not value.requires_grad:
        raise ValueError(
            "f(x) must be a tensor of shape () that depends on x, got shape "
            f"{tuple(value.shape)} and requires_grad={value.requires_grad}"
        )
