"""How large gradients are in each layer, and whether they vanish or explode on their way back."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from course_lib.arguments import check_flag, check_integer
from course_lib.training.flow_verdict import FlowVerdict, judge_flow
from course_lib.training.layer_passes import LayerPasses, norm_of
from course_lib.training.layers import check_trains, layers_of, weights_of

__all__ = ["FlowProfile", "GradientFlow"]

_OF_WEIGHTS = ("gradients", "weights", "relative", "per_weight")
_OF_OUTPUTS = ("activations", "activation_gradients")


class FlowProfile(NamedTuple):
    """A quantity layer by layer, ready to be drawn: a line with a band over the steps.

    Attributes:
        layers: names, in the order in which the data pass through.
        places: 1, 2, …, L.
        low: smallest value over the steps.
        middle: median over the steps.
        high: largest value over the steps.
    """

    layers: tuple[str, ...]
    places: NDArray[Any]
    low: NDArray[np.float64]
    middle: NDArray[np.float64]
    high: NDArray[np.float64]


class GradientFlow:
    r"""Record, layer by layer and step by step, how large the gradients of a net are.

    For the weights :math:`W_l` of layer :math:`l` it records :math:`\lVert\nabla_{W_l}F\rVert` and
    :math:`\lVert W_l\rVert`, both Frobenius norms. A layer is a module with weights of its own:
    trainable parameters of two or more dimensions. Biases and the scales of normalisation are not
    counted. If asked to, it also records the layer's outputs :math:`a_l` and
    :math:`\lVert\nabla_{a_l}F\rVert`.

    With ``optimizer`` it records at every step by itself, in ``fit`` and in any loop: weights as
    they are before the step, gradients as the method was given them (the last ones, if it asked
    its closure more than once). Without, call :meth:`record` between ``backward()`` and
    ``step()``. Norms stay on the device until they are read, so that no step waits for them.

    Args:
        model: the net to watch.
        optimizer: record at each of its steps; None leaves that to :meth:`record`.
        layers: names of the modules to watch, as in ``named_modules``; None watches all layers.
        activations: record the layers' outputs and the gradients with respect to them as well.
            They are those of the last pass through ``model`` with gradients enabled.
        every: record at steps 1, 1 + ``every``, …

    Raises:
        TypeError, ValueError: an argument is not as described, or the model has no such layers.

    The object ends watching at the end of a ``with`` block, or when :meth:`close` is called; what
    it has recorded stays. Copies of a watched model are not watched.

    Example:
        >>> from course_lib.problems import mlp
        >>> model = mlp([3, 4, 4, 1], nn.Sigmoid)
        >>> x = torch.linspace(-1, 1, 30).reshape(10, 3)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with GradientFlow(model, optimizer) as flow:
        ...     for _ in range(5):
        ...         optimizer.zero_grad()
        ...         model(x).square().mean().backward()
        ...         optimizer.step()
        >>> flow.layers, flow.gradients.shape
        (('0', '2', '4'), (5, 3))
        >>> bool((flow.gradients[:, 0] < flow.gradients[:, 2]).all())
        True

    Source: slide 33; Glorot and Bengio 2010 compare layers in this way.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: Optimizer | None = None,
        *,
        layers: Iterable[str] | None = None,
        activations: bool = False,
        every: int = 1,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
        self._measured: tuple[str, ...] = _OF_WEIGHTS
        if check_flag("activations", activations):
            self._measured += _OF_OUTPUTS
        self._every = check_integer("every", every, low=1)
        self._layers = layers_of(model, layers)
        self._count = 0
        self._recorded_at: list[int] = []
        self._weights_before: Tensor | None = None
        self._norms: dict[str, list[Tensor]] = {}
        self._handles: list[Any] = []
        if optimizer is not None:
            check_trains(optimizer, self._layers)
            self._handles.append(optimizer.register_step_pre_hook(self._before_step))
            self._handles.append(optimizer.register_step_post_hook(self._after_step))
        self._passes = LayerPasses(model, self._layers, measure=activations)

    def record(self) -> None:
        """Record the gradients that the weights hold now; the call counts as a step.

        Raises:
            ValueError: no watched layer has a gradient.
        """
        if all(p.grad is None for layer in self._layers.values() for p in weights_of(layer)):
            raise ValueError("no watched layer has a gradient to record: call backward() first")
        self._before_step()
        self._after_step()

    def _before_step(self, *_: Any) -> None:
        if self._count % self._every == 0:
            self._weights_before = _in_one(norm_of(weights_of(m)) for m in self._layers.values())

    def _after_step(self, *_: Any) -> None:
        self._count += 1
        weights, self._weights_before = self._weights_before, None
        if weights is None:
            return
        self._recorded_at.append(self._count)
        self._add("weights", weights)
        gradients = ([p.grad for p in weights_of(layer)] for layer in self._layers.values())
        self._add("gradients", _in_one(map(norm_of, gradients)))
        if "activations" in self._measured:
            self._add("activations", _in_one(self._passes.outputs()))
            self._add("activation_gradients", _in_one(self._passes.gradients()))

    def _add(self, quantity: str, values: Tensor) -> None:
        self._norms.setdefault(quantity, []).append(values)

    def close(self) -> None:
        """Stop watching and take all hooks off the model and the optimizer."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._passes.close()

    def __enter__(self) -> GradientFlow:
        """Return the object itself; it has been watching since it was made."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop watching."""
        self.close()

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers in the order in which the data passed through them first.

        Before the first pass, and for modules that are never called themselves, the order is that
        in which the model holds them.
        """
        names = list(self._layers)
        return tuple(names[i] for i in self._passes.order())

    @property
    def steps(self) -> NDArray[Any]:
        """The steps recorded, counted from 1, shape (S,)."""
        return np.array(self._recorded_at, dtype=np.int64)

    @property
    def sizes(self) -> NDArray[Any]:
        """Number of weights of each layer, shape (L,)."""
        sizes = [sum(p.numel() for p in weights_of(layer)) for layer in self._layers.values()]
        return np.array(sizes, dtype=np.int64)[self._passes.order()]

    @property
    def gradients(self) -> NDArray[np.float64]:
        r"""Norms :math:`\lVert\nabla_{W_l}F\rVert`, shape (S, L).

        NaN where a layer had no gradient, infinite where an entry was infinite or not a number.
        """
        return self._read("gradients")

    @property
    def weights(self) -> NDArray[np.float64]:
        r"""Norms :math:`\lVert W_l\rVert` before each step, shape (S, L)."""
        return self._read("weights")

    @property
    def relative(self) -> NDArray[np.float64]:
        r"""Ratios :math:`\lVert\nabla_{W_l}F\rVert / \lVert W_l\rVert`, shape (S, L).

        Times the learning rate, this is the share of its weights that SGD changes in a step.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.gradients / self.weights

    @property
    def per_weight(self) -> NDArray[np.float64]:
        """Root mean squares of the gradients, shape (S, L), fair to layers of any size."""
        with np.errstate(invalid="ignore"):  # a layer of no weights has no mean
            return self.gradients / np.sqrt(self.sizes)

    @property
    def activations(self) -> NDArray[np.float64]:
        """Root mean square of each layer's outputs, shape (S, L); NaN where it was not called."""
        return self._read("activations")

    @property
    def activation_gradients(self) -> NDArray[np.float64]:
        r"""Norms :math:`\lVert\nabla_{a_l}F\rVert` over the batch, shape (S, L)."""
        return self._read("activation_gradients")

    def _read(self, quantity: str) -> NDArray[np.float64]:
        if quantity not in self._measured:
            raise ValueError(f"{quantity} are recorded with activations=True only")
        if quantity not in self._norms:
            return np.empty((0, len(self._layers)))
        values: NDArray[np.float64] = torch.stack(self._norms[quantity]).cpu().double().numpy()
        return values[:, self._passes.order()]

    def profile(self, quantity: str = "gradients") -> FlowProfile:
        """Return a quantity layer by layer: its median over the steps, and its range.

        Args:
            quantity: ``gradients``, ``weights``, ``relative``, ``per_weight``, ``activations`` or
                ``activation_gradients``.

        Raises:
            ValueError: there is no such quantity, or no step has been recorded.
        """
        if quantity not in _OF_WEIGHTS + _OF_OUTPUTS:
            allowed = ", ".join(_OF_WEIGHTS + _OF_OUTPUTS)
            raise ValueError(f"quantity must be one of {allowed}, got {quantity!r}")
        values: NDArray[np.float64] = getattr(self, quantity)
        self._check_recorded()
        places = np.arange(1, len(self.layers) + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a layer that never had a value
            summary = (f(values, axis=0) for f in (np.nanmin, np.nanmedian, np.nanmax))
            return FlowProfile(self.layers, places, *summary)

    def table(self) -> dict[str, NDArray[Any]]:
        """Return all that was recorded as a tidy table, a row for each step and layer.

        The columns, ``step``, ``layer`` (1, …, L), ``name`` and the quantities, are arrays of
        length S · L. ``pandas.DataFrame(flow.table())`` makes a data frame of it.
        """
        L, S = len(self.layers), len(self.steps)
        columns = {
            "step": np.repeat(self.steps, L),
            "layer": np.tile(np.arange(1, L + 1), S),
            "name": np.tile(np.array(self.layers), S),
        }
        return columns | {name: getattr(self, name).reshape(-1) for name in self._measured}

    def verdict(self, *, factor: float = 100.0) -> FlowVerdict:
        r"""Say whether gradients vanish or explode on their way from the last layer to the first.

        Compared are the root mean squares of the entries of :math:`\nabla_{W_l}F`, medians over the
        steps recorded.

        Args:
            factor: a gradient that is this many times smaller in the first layer than in the last
                is called vanishing, one that is as many times larger exploding. Above 1.

        Raises:
            TypeError, ValueError: ``factor`` is not above 1, nothing has been recorded, or fewer
                than two layers have a gradient.
        """
        self._check_recorded()
        return judge_flow(self.layers, self.per_weight, factor)

    def _check_recorded(self) -> None:
        if not self._recorded_at:
            raise ValueError("nothing has been recorded yet: make a step, or call record()")

    def __repr__(self) -> str:
        return f"GradientFlow({len(self._layers)} layers, {len(self._recorded_at)} steps)"


def _in_one(norms: Iterable[Tensor]) -> Tensor:
    """Put the layers' norms into one tensor, on one device, without waiting for them."""
    values = list(norms)
    home = next((v.device for v in values if v.device.type != "cpu"), values[0].device)
    return torch.stack([value.to(home, non_blocking=True) for value in values])
