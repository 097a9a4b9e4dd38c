"""Armijo's rule for stochastic gradients: value and slope of one batch decide on its step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_integer, check_number
from course_lib.methods.closure_method import ClosureMethod
from course_lib.methods.hyperparameters import Check, number
from course_lib.methods.point import Point
from course_lib.methods.step_sizes import Line
from course_lib.training.closure import BatchClosure
from course_lib.training.function_closure import FunctionClosure

__all__ = ["StochasticLineSearch"]

TINY_STEP = 1e-6
"""Largest step size that is taken untried, where no trial falls enough."""


class StochasticLineSearch(ClosureMethod):
    r"""SGD whose step size is searched on each batch by itself.

    .. math::

        x_k = x_{k-1} - \eta_k\,g_k, \qquad
        F_{J_k}(x_k) \le F_{J_k}(x_{k-1}) - c\,\eta_k\,\|g_k\|^2, \qquad
        g_k = \nabla F_{J_k}(x_{k-1})

    Both values and the gradient are those of the same batch :math:`J_k`. The search starts at
    :math:`\eta_{k-1}\gamma^{|J|/m}`, so that within an epoch of trials that succeed at once the
    step grows by the factor :math:`\gamma`, and shortens it by `factor` until the condition holds.

    If one :math:`x^*` minimises the loss of every sample (*interpolation*), the noise of the
    gradients vanishes there, and the method converges like gradient descent: linearly for strongly
    convex functions. If there is none, each batch pulls to a minimum of its own, and a search on
    the batch follows it: the step sizes do not decrease, and the error stays large.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``, on one
            device.
        lr: The step size :math:`\eta_0` before the first search. The search forgets it, so a
            schedule has no effect, but that 0 moves nothing.
        c: Share of :math:`\|g_k\|^2` by which the value must fall, above 0 and below 1.
        factor: By which a step that does not fall enough is shortened, above 0 and below 1.
        growth: :math:`\gamma`, by which the step may grow in an epoch, at least 1.
        batches_per_epoch: :math:`m/|J|`. Needed with closures of one's own: that of ``fit`` knows
            it, and that of ``minimize`` asks for the whole function each time.
        max_trials: Largest number of trials in a step.
        tiny_gradient: A batch with :math:`\|g_k\|` up to this is left out: it is fitted.

    Attributes:
        step_size: :math:`\eta_k` of the last step, None before.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group; or, in a step,
            nobody has told how many batches an epoch has.
        TypeError: an argument is of the wrong type.

    Where no trial falls enough, the step is :math:`10^{-6}`, or the last trial if that is less.
    Trials that are infinite or not a number do not fall enough. A step costs a gradient and as many
    values as there are trials.

    Example: each sample is fitted by :math:`w = 2`; four passes through five batches.

        >>> import torch
        >>> from course_lib.training import fit
        >>> x = torch.linspace(-1, 1, 10)[:, None]
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> history = fit(model, (x, 2 * x), torch.nn.functional.mse_loss, StochasticLineSearch,
        ...               epochs=4, batch_size=2)
        >>> f"{model.weight.item():.4f}"
        '2.0000'

    Source: slide 21 says that line search is not for SGD; Vaswani, Mishkin, Laradji, Schmidt, Gidel
    and Lacoste-Julien, *Painless stochastic gradient: interpolation, line-search, and convergence
    rates*, NeurIPS 2019. Their code lets :math:`\eta` grow on steps that it leaves out as well.
    """

    checks: ClassVar[Mapping[str, Check]] = {
        "c": lambda name, value: _check_number(name, value, above=0, below=1),
        "factor": lambda name, value: _check_number(name, value, above=0, below=1),
        "growth": lambda name, value: _check_number(name, value, low=1),
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        *,
        c: float = 0.1,
        factor: float = 0.9,
        growth: float = 2.0,
        batches_per_epoch: int | None = None,
        max_trials: int = 100,
        tiny_gradient: float = 1e-8,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        if batches_per_epoch is not None:
            check_integer("batches_per_epoch", batches_per_epoch, low=1)
        check_integer("max_trials", max_trials, low=1)
        check_number("tiny_gradient", tiny_gradient, low=0)
        super().__init__(params, {"lr": lr, "c": c, "factor": factor, "growth": growth})
        self.batches_per_epoch, self.max_trials = batches_per_epoch, max_trials
        self.tiny_gradient = tiny_gradient

    def advance(self, point: Point, memory: dict[str, Any], group: dict[str, Any]) -> Point:
        r"""Return the point :math:`x_{k-1} - \eta_k g_k`."""
        eta = memory.get("step_size", group["lr"])
        eta = min(eta * group["growth"] ** self._share(point.closure), sys.float_info.max)
        g = point.gradient
        if group["lr"] == 0 or float(g @ g) <= self.tiny_gradient**2:
            return point
        line = Line(point, -g)
        for _ in range(self.max_trials):
            if line.armijo(eta, group["c"]):
                memory["step_size"] = eta
                return point.move(eta, line.d)
            eta *= group["factor"]
        memory["step_size"] = eta
        return point.move(min(eta, TINY_STEP), line.d)

    @property
    def step_size(self) -> float | None:
        r""":math:`\eta_k` of the last step, None before the first."""
        for state in self.state.values():
            if "step_size" in state.get("memory", {}):
                return float(state["memory"]["step_size"])
        return None

    def _share(self, closure: Callable[[], Any]) -> float:
        """Return the share of the data that the closure's batch is."""
        if self.batches_per_epoch is not None:
            return 1 / self.batches_per_epoch
        if isinstance(closure, BatchClosure):
            return closure.size / len(closure.data)
        if isinstance(closure, FunctionClosure):
            return 1.0
        raise ValueError(
            "batches_per_epoch must be given (1 for the whole function), since the closure does "
            f"not tell which share of the data it sees, got {self.batches_per_epoch!r}"
        )


def _check_number(name: str, value: Any, **bounds: float) -> None:
    check_number(name, number(value), **bounds)
