"""Run a method on a function of a vector and keep its trajectory."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_lib.arguments import check_callable, check_integer
from course_lib.training.function_closure import FunctionClosure
from course_lib.training.nonfinite import NonFiniteLossError
from course_lib.training.optimizer import optimizer_from, set_learning_rate
from course_lib.training.validation import check_reason

__all__ = ["Trajectory", "as_start", "minimize"]


def minimize(
    f: Callable[[Tensor], Tensor],
    x0: Tensor | NDArray[Any] | Sequence[float],
    method: Callable[[list[Tensor]], Any],
    *,
    steps: int,
    schedule: Callable[[int], float] | None = None,
    stop: Callable[[Trajectory], str | None] | None = None,
) -> Trajectory:
    r"""Minimise :math:`f` from :math:`x_0`: :math:`x_k = x_{k-1} + t_k d_k` for k = 1, …, steps.

    Args:
        f: differentiable function from a tensor of shape (n,) to one of shape ().
        x0: start, shape (n,); copied, its dtype and device are kept.
        method: function that makes an optimizer from a list of tensors, e.g.
            ``lambda params: torch.optim.SGD(params, lr=0.1)``. It may ask its closure for the value
            alone (``closure.value()``) or for products with the Hessian
            (``closure.with_hessian()``). If it has a ``reason`` after a step, it could not make it:
            the run ends with that reason.
        steps: largest number of steps.
        schedule: :math:`t_k` as a function of :math:`k = 1, 2, \dots`, set before step :math:`k`.
        stop: asked at every iterate, the start included: ``stop(trajectory)`` returns the reason to
            stop there, or None.

    Returns:
        Iterates, values, gradient norms, and the reason why it ended.

    Raises:
        TypeError, ValueError: an argument is not as described; nothing has been computed with it
            then.
        NonFiniteLossError: :math:`f(x_k)` is infinite or not a number; its ``record`` is the
            trajectory so far.

    Example:
        >>> path = minimize(lambda x: (x * x).sum(), [1.0, -2.0],
        ...                 lambda params: torch.optim.SGD(params, lr=0.25), steps=2)
        >>> path.x.tolist(), path.values.tolist()
        ([[1.0, -2.0], [0.5, -1.0], [0.25, -0.5]], [5.0, 1.25, 0.3125])

    Source: slide 14, the framework.
    """
    check_callable("f", f, "a function of a tensor")
    check_integer("steps", steps, low=0)
    if schedule is not None:
        check_callable("schedule", schedule, "a function of k that gives the learning rate t_k")
    if stop is not None:
        check_callable("stop", stop, "a function of the trajectory")
    x = as_start(x0)
    optimizer = optimizer_from(method, [x])
    closure = FunctionClosure(f, x)
    path = Trajectory(closure.touched)

    for k in range(steps + 1):
        path.visit(x, closure)  # f(x_k) and its gradient; the method gets them for free
        path.reason = check_reason(stop(path)) if stop is not None else None
        if path.reason is not None or k == steps:
            break
        if schedule is not None:
            set_learning_rate(optimizer, k + 1, schedule)
        optimizer.step(closure)
        path.reason = getattr(optimizer, "reason", None)
        if path.reason is not None:
            break

    path.reason = path.reason or f"all {steps} steps made"
    return path


class Trajectory:
    r"""Iterates :math:`x_0, \dots, x_K` of a run of :func:`minimize`.

    ``len(trajectory)`` is the number :math:`K` of steps made.

    Attributes:
        x: tensor of shape (K + 1, n), dtype and device of the start. It is where the parameters
            stood: with Nesterov's method, its :math:`y_k`, and with Schedule-Free, its
            :math:`y_k` too, where the gradients are asked and not the averages.
        values: :math:`f(x_k)`, float64 array of shape (K + 1,).
        gradient_norms: :math:`\|\nabla f(x_k)\|_2`, float64 array of shape (K + 1,).
        touched: how often the method evaluated :math:`f`: ``Counter`` of ``"gradient"`` (value and
            gradient at a new point), ``"value"`` and ``"hessian"`` (products with the Hessian).
        reason: why the run ended.
    """

    def __init__(self, touched: Counter[str]) -> None:
        self.touched = touched
        self.reason: str | None = None
        self._x: list[Tensor] = []
        self._values, self._gradient_norms = array("d"), array("d")

    def add(self, x: Tensor, *, value: Tensor) -> None:
        """Append the iterate ``x``, whose ``grad`` is the gradient there."""
        self._x.append(x.detach().clone())
        self._values.append(value.item())
        self._gradient_norms.append(torch.linalg.vector_norm(x.grad).item())

    def visit(self, x: Tensor, closure: FunctionClosure) -> None:
        """Append the iterate ``x``, its value and its gradient norm.

        Raises:
            NonFiniteLossError: the value is infinite or not a number.
        """
        self.add(x, value=closure())
        if not math.isfinite(self._values[-1]):
            raise _diverged(self, len(self))

    def __len__(self) -> int:
        """Return the number of steps made."""
        return len(self._x) - 1

    @property
    def x(self) -> Tensor:
        """Iterates, shape (steps + 1, n)."""
        return torch.stack(self._x)

    @property
    def values(self) -> NDArray[np.float64]:
        """Value at each iterate."""
        return np.array(self._values)

    @property
    def gradient_norms(self) -> NDArray[np.float64]:
        """Norm of the gradient at each iterate."""
        return np.array(self._gradient_norms)

    def __repr__(self) -> str:
        last = f", last value {self._values[-1]:.4g}" if self._x else ""
        return f"Trajectory({len(self)} steps{last}, reason={self.reason!r})"


def as_start(x0: Any) -> Tensor:
    """Return a start as a new leaf tensor of shape (n,) that requires gradients."""
    try:
        x = torch.as_tensor(x0).detach().clone()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"x0 must be a tensor, an array or a sequence of numbers, got {x0!r}: {error}"
        ) from None
    if x.dim() != 1 or x.numel() == 0 or not x.is_floating_point():
        raise ValueError(
            "x0 must be a floating-point vector of shape (n,), n at least 1, got shape "
            f"{tuple(x.shape)} and dtype {x.dtype}"
        )
    return x.requires_grad_()


def _diverged(path: Trajectory, k: int) -> NonFiniteLossError:
    cause = (
        "f is not finite at x0: start elsewhere"
        if k == 0
        else f"step {k} led there from f = {path.values[-2]:.4g}: lower the learning rate"
    )
    error = NonFiniteLossError(path.values[-1], cause=cause, step=k, record=path)
    path.reason = str(error)
    return error
