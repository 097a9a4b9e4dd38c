"""What a closure can be asked about the function at any place, not only where it is now."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from course_lib.derivatives.hessian_operator import HessianOperator
from course_lib.methods.flat import FlatParameters

__all__ = ["Oracle"]


class Oracle:
    """Answers questions about the function behind a closure, by moving the parameters.

    All answers belong to one function: each question sees the random numbers that the first one
    saw, so that for instance dropout drops the same units.

    Args:
        closure: a closure of torch: it sets the gradients and returns the loss. If it has
            ``value()``, that answers where the loss alone is wanted; if it has ``with_hessian()``,
            that answers products with the Hessian. Without it, the graph of the closure's own
            ``loss.backward()`` does.
        flat: the parameters.

    Attributes:
        start: where the parameters were when the oracle was made, shape (n,).
        writes: how often the parameters have been moved.
    """

    def __init__(self, closure: Callable[[], Any], flat: FlatParameters) -> None:
        self.closure, self.flat = closure, flat
        self.writes = 0
        self.start = flat.read()
        self._at = self.start
        self._random = _RandomState(flat.params[0].device)

    def go_to(self, x: Tensor) -> None:
        """Set the parameters to ``x``, unless they are there."""
        if self._at is not x:
            self.flat.write(x)
            self._at = x
            self.writes += 1

    @property
    def tells_value(self) -> bool:
        """Whether the closure can tell the loss without the gradient."""
        return hasattr(self.closure, "value")

    def value(self, x: Tensor) -> Any:
        """Return the loss at ``x`` alone."""
        self.go_to(x)
        with self._random, torch.enable_grad():
            return self.closure.value()  # type: ignore[attr-defined]

    def look(self, x: Tensor, *, hessian: bool) -> tuple[Any, Tensor, HessianOperator | None]:
        """Return loss, gradient and, if asked for, Hessian operator at ``x``.

        The operator can be used until the parameters move, which ``writes`` tells.

        Raises:
            ValueError: the closure has set no gradient at all.
        """
        self.go_to(x)
        for p in self.flat.params:  # a closure that forgets to would add up the gradients of trials
            p.grad = None
        with self._random, torch.enable_grad():
            if not hessian:
                loss, operator = self.closure(), None
            elif hasattr(self.closure, "with_hessian"):
                loss, operator = self.closure.with_hessian(self.flat.params)
            else:
                loss, operator = _with_hessian(self.closure, self.flat.params)
        if all(p.grad is None for p in self.flat.params):
            raise ValueError(
                "closure must set the gradient of at least one parameter, as loss.backward() does, "
                "got None for all of them"
            )
        return loss, self.flat.gradient(), operator


def _with_hessian(closure: Callable[[], Any], params: list[Tensor]) -> tuple[Any, HessianOperator]:
    """Call a plain closure and keep the graph of the gradients that its backward computes."""
    mode = _KeepGraph()
    with mode, warnings.catch_warnings():
        # The cycle of which torch warns is cut below, where the gradients are detached.
        warnings.filterwarnings("ignore", message=r"Using backward\(\) with create_graph=True")
        loss = closure()
    if not mode.seen:
        raise TypeError(
            "closure must compute its gradients by loss.backward() or have with_hessian(), since "
            "this method needs products with the Hessian, got a closure that does neither"
        )
    gradients = [p.grad for p in params]
    for p in params:
        p.grad = None if p.grad is None else p.grad.detach()
    if isinstance(loss, Tensor):
        loss = loss.detach()
    return loss, HessianOperator(gradients, params)


class _KeepGraph(TorchFunctionMode):
    """Lets ``loss.backward()`` keep the graph of the gradients."""

    seen = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.backward:
            self.seen = True
            kwargs["create_graph"] = True
        return func(*args, **kwargs)


class _RandomState:
    """A block in which the random numbers are those of the first such block.

    After it the generators are where the first block left them.
    """

    def __init__(self, device: torch.device) -> None:
        module = None if device.type == "cpu" else torch.get_device_module(device)
        self._sources: list[Any] = [torch.random]
        if module is not None and hasattr(module, "get_rng_state") and module.is_available():
            self._sources.append(module)
        self._before: list[Any] | None = None
        self._after: list[Any] = []

    def __enter__(self) -> None:
        if self._before is None:
            self._before = self._states()
        else:
            self._set(self._before)

    def __exit__(self, *error: Any) -> None:
        if not self._after:
            self._after = self._states()
        else:
            self._set(self._after)

    def _states(self) -> list[Any]:
        return [source.get_rng_state() for source in self._sources]

    def _set(self, states: list[Any]) -> None:
        for source, state in zip(self._sources, states, strict=True):
            source.set_rng_state(state)
