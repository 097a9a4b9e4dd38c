"""Reduce the learning rate when what is watched has stopped improving."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from course_lib.arguments import check_integer, check_number
from course_lib.methods.hyperparameters import number
from course_lib.methods.learning_rate.schedule import Schedule

if TYPE_CHECKING:
    from course_lib.training.history import History

__all__ = ["ReduceOnPlateau"]

_STATE = ("current", "best", "bad", "cooling")


class ReduceOnPlateau(Schedule):
    r"""A constant learning rate, multiplied by a factor when a plateau is reached.

    A value that is watched is better than the best so far, :math:`b`, if it is below
    :math:`b\,(1 - \theta)`; then it is the new :math:`b`. After more than `patience` values in a
    row that are not, the rate :math:`t` becomes :math:`\max(c\,t, t_\text{min})`, and counting
    begins anew.

    In :func:`~course_lib.training.fit`, as its ``schedule``, it looks at the run whenever ``fit``
    evaluates: at the evaluation called `monitor`, such as a validation error, or, without a
    `monitor`, at the objective: the mean of the batch losses since it last looked. The look before
    the first step is left out. In a loop of one's own, :meth:`step` takes a value.

    Args:
        alpha: :math:`\alpha`, the rate at the start, a finite number above 0.
        monitor: name of an evaluation, or None for the objective.
        mode: ``"min"`` if smaller is better, ``"max"`` if larger is, as for an accuracy.
        factor: :math:`c`, what the rate is multiplied by, above 0 and below 1.
        patience: number of values without improvement that are let pass, at least 0.
        threshold: :math:`\theta`, how much better is better, at least 0.
        threshold_mode: ``"rel"`` for :math:`b\,(1 - \theta)`, or :math:`b\,(1 + \theta)` with
            ``mode="max"``; ``"abs"`` for :math:`b - \theta` and :math:`b + \theta`. The first
            means what it says for positive values only: use the second if they can be negative.
        cooldown: number of values after a reduction that are not counted as bad, at least 0.
        min_lr: :math:`t_\text{min}`, from 0 to ``alpha``.
        eps: a reduction by no more than this is not made, at least 0.

    Attributes:
        current: the learning rate now.
        best: the best value so far; infinite before the first.
        bad: how many values in a row have brought no improvement.
        cooling: for how many more values the cool-down lasts.

    Raises:
        TypeError, ValueError: an option is not as described.

    A value that is NaN is no improvement, as in torch: a run that is lost has its rate reduced.

    Example:
        >>> schedule = ReduceOnPlateau(0.1, factor=0.5, patience=1)
        >>> for error in (3.0, 2.0, 2.0, 2.0, 2.0):
        ...     schedule.step(error)
        ...     print(schedule.current, end=" ")
        0.1 0.1 0.1 0.05 0.05

    Source: slide 22. In torch: ``ReduceLROnPlateau``, which holds an optimizer and writes the rate
    into it; here :class:`~course_lib.methods.Scheduler` does that.
    """

    def __init__(
        self,
        alpha: float,
        *,
        monitor: str | None = None,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if monitor is not None and not (isinstance(monitor, str) and monitor):
            raise TypeError(
                f"monitor must be the name of an evaluation, or None for the objective, got "
                f"{monitor!r}"
            )
        self.monitor = monitor
        self.mode = _one_of("mode", mode, "min", "max")
        self.threshold_mode = _one_of("threshold_mode", threshold_mode, "rel", "abs")
        self.alpha = check_number("alpha", alpha, above=0)
        self.factor = check_number("factor", factor, above=0, below=1)
        self.patience = check_integer("patience", patience, low=0)
        self.threshold = check_number("threshold", threshold, low=0)
        self.cooldown = check_integer("cooldown", cooldown, low=0)
        self.min_lr = check_number("min_lr", min_lr, low=0, high=self.alpha)
        self.eps = check_number("eps", eps, low=0)
        self.current = self.alpha
        self.best = math.inf if mode == "min" else -math.inf
        self.bad, self.cooling = 0, 0
        self._watched: weakref.ref[History] | None = None
        self._seen = 0

    def rate(self, k: int) -> float:
        """Return the learning rate now, whatever ``k`` is."""
        return self.current

    def step(self, value: float | Tensor) -> None:
        """Take notice of a value, and reduce the rate if it was one too many.

        Args:
            value: a number or a tensor with one element; it may be infinite or NaN.

        Raises:
            TypeError: it is neither.
        """
        value = _float(value)
        if self._improves(value):
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        if self.cooling > 0:
            self.cooling, self.bad = self.cooling - 1, 0
        if self.bad > self.patience:
            reduced = max(self.factor * self.current, self.min_lr)
            if self.current - reduced > self.eps:
                self.current = reduced
            self.cooling, self.bad = self.cooldown, 0

    def _improves(self, value: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            bound = self.best * (1 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return value > bound if self.mode == "max" else value < bound

    def observe(self, history: History) -> None:
        """Look at the steps made since the last look, or since the start of another run.

        Raises:
            ValueError: there is no evaluation called `monitor`.
        """
        if self._watched is None or self._watched() is not history:
            self._watched, self._seen = weakref.ref(history), 0
        losses = history.losses[self._seen :]
        if len(losses) == 0:
            return
        value = losses.mean() if self.monitor is None else self._evaluation(history)
        self._seen = len(history)
        self.step(float(value))

    def _evaluation(self, history: History) -> float:
        if self.monitor not in history.evaluations:
            names = ", ".join(map(repr, history.evaluations)) or "none"
            raise ValueError(
                f"monitor must be the name of an evaluation of the run, which has {names}, got "
                f"{self.monitor!r}"
            )
        return history.evaluations[self.monitor][-1]

    def state_dict(self) -> dict[str, Any]:
        """Return what changes in the course of a run: the rate, the best value and the counts."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave.

        The next look is at a run's history from its start, as :func:`~course_lib.training.fit`
        begins a new one.

        Raises:
            TypeError, ValueError: it is no such state; nothing is changed then.
        """
        if not isinstance(state_dict, dict) or set(state_dict) != set(_STATE):
            raise ValueError(f"state_dict must hold {', '.join(_STATE)}, got {state_dict!r}")
        current = check_number("current", state_dict["current"], low=0)
        best = _float(state_dict["best"])
        bad = check_integer("bad", state_dict["bad"], low=0)
        cooling = check_integer("cooling", state_dict["cooling"], low=0)
        self.current, self.best, self.bad, self.cooling = current, best, bad, cooling
        self._watched, self._seen = None, 0

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and deep-copied: all but the run it looks at."""
        return {**self.__dict__, "_watched": None, "_seen": 0}

    def __repr__(self) -> str:
        names = (
            "monitor", "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown",
            "min_lr", "eps",
        )  # fmt: skip
        options = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"ReduceOnPlateau({self.alpha!r}, {options})"


def _one_of(name: str, value: Any, first: str, second: str) -> str:
    if not isinstance(value, str) or value not in (first, second):
        raise ValueError(f"{name} must be {first!r} or {second!r}, got {value!r}")
    return value


def _float(value: Any) -> float:
    message = f"value must be a number or a tensor with one element, got {value!r}"
    if isinstance(value, Tensor) and value.numel() != 1:
        raise TypeError(message)
    value = number(value)
    if isinstance(value, bool | str):
        raise TypeError(message)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(message) from None
