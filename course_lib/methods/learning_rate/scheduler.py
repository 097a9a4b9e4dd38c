"""From a schedule to a scheduler of torch, which writes the rates into an optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from course_lib.arguments import check_integer
from course_lib.methods.hyperparameters import number
from course_lib.methods.learning_rate.schedule import (
    ComposedSchedule,
    Schedule,
    check_schedule,
    rate_of,
)

__all__ = ["Scheduler"]


class Scheduler(LRScheduler):
    r"""Sets an optimizer's learning rate to :math:`t_k` before its step :math:`k`.

    Made before the first step, it sets the rate of that step; called after each step of the
    optimizer, :meth:`step` sets that of the next. What a schedule gives is the rate itself, not a
    factor: the optimizer's own ``lr`` is replaced. A schedule that moves the momentum, as
    :class:`~course_lib.methods.OneCycle` can, replaces that too.

    Groups: one schedule gives all groups one rate. Groups that start from different rates need a
    list of schedules, one a group; one schedule alone would silently make them equal, and is
    refused. A group that is added later follows the one schedule, too.

    Args:
        optimizer: an optimizer whose groups have a learning rate ``lr``, a number or a tensor.
        schedule: a schedule or any function of :math:`k`; or a list of them, one a group. One that
            looks at the run itself, such as
            :class:`~course_lib.methods.ReduceOnPlateau`, has to be shown each value
            (``plateau.step(value)``) before :meth:`step`.
        first: the number of the optimizer's first step. With 1, as in
            :func:`~course_lib.training.fit`, the rates are :math:`t_1, t_2, \dots`; with 0, as in
            torch's schedulers, :math:`t_0, t_1, \dots`

    Attributes:
        schedules: the schedules, one a group, or one for all.
        first: as given.
        last_epoch: the number of calls of :meth:`step` so far, as torch calls it.

    Raises:
        TypeError, ValueError: an argument is not as described, or a rate is negative or not
            finite. The optimizer's rates are as they were then.

    Example:
        >>> import torch
        >>> from course_lib.methods.learning_rate import InverseTime
        >>> w = torch.ones(2, requires_grad=True)
        >>> optimizer = torch.optim.SGD([w], lr=1.0)
        >>> scheduler = Scheduler(optimizer, InverseTime(alpha=0.5, beta=1.0))
        >>> for k in range(3):
        ...     optimizer.zero_grad()
        ...     (w @ w).backward()
        ...     optimizer.step()
        ...     print(round(scheduler.get_last_lr()[0], 4))
        ...     scheduler.step()
        0.25
        0.1667
        0.125

    Source: slide 22. In torch: ``LambdaLR``, whose function gives a factor to each group's own
    rate. The state that is saved holds no schedule, but how it was written: loaded into a scheduler
    with another one it is refused, while torch's schedulers take over the saved options silently.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: Callable[[int], float] | Sequence[Callable[[int], float]],
        *,
        first: int = 1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be a torch.optim.Optimizer, got {optimizer!r}")
        self.optimizer = optimizer
        self.first = check_integer("first", first, low=0)
        self.schedules = _schedules(schedule, optimizer)
        self._rates(self.first)  # before torch writes anything into the optimizer
        self._set_momenta(self.first)
        super().__init__(optimizer)

    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the optimizer's next step; call it after the optimizer's step.

        Raises:
            TypeError, ValueError: a rate is none. That step does not count then.
        """
        counts = self.last_epoch, self._step_count
        try:
            super().step(epoch)
        except Exception:
            self.last_epoch, self._step_count = counts
            raise
        self._set_momenta(self.first + self.last_epoch)

    def get_lr(self) -> list[Any]:
        """Return the rate of each group at the present step."""
        return self._rates(self.first + self.last_epoch)

    def _rates(self, k: int) -> list[float]:
        groups = len(self.optimizer.param_groups)
        if len(self.schedules) == 1:
            return [rate_of(self.schedules[0], k)] * groups
        if len(self.schedules) != groups:
            raise ValueError(
                f"schedule must be one or a list of one a group, got {len(self.schedules)} for "
                f"{groups} groups"
            )
        return [rate_of(schedule, k) for schedule in self.schedules]

    def _set_momenta(self, k: int) -> None:
        groups = self.optimizer.param_groups
        one_a_group = self.schedules if len(self.schedules) > 1 else self.schedules * len(groups)
        for group, schedule in zip(groups, one_a_group, strict=True):
            if hasattr(schedule, "set_momentum"):
                schedule.set_momentum([group], k)

    def state_dict(self) -> dict[str, Any]:
        """Return the counts, the last rates, and the state of each schedule that has one.

        It holds numbers and texts, and tensors where the optimizer's rates are tensors: it can be
        loaded with ``torch.load(..., weights_only=True)``.
        """
        state = super().state_dict()
        del state["schedules"]
        state["schedules"] = [_written(schedule) for schedule in self.schedules]
        state["schedule_states"] = [_state(schedule) for schedule in self.schedules]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the scheduler that gave this state stood.

        The optimizer's state holds the rate of its next step: load that one, too.

        Raises:
            TypeError: it is no dict.
            ValueError: the state is not one of a scheduler with these schedules; nothing is
                changed then.
        """
        if not isinstance(state_dict, dict):
            raise TypeError(f"state_dict must be a dict that a Scheduler gave, got {state_dict!r}")
        state = dict(state_dict)
        missing = {"schedules", "schedule_states", "last_epoch", "first"} - set(state)
        if missing:
            raise ValueError(
                f"state_dict must be one that a Scheduler gave, got one without {sorted(missing)}"
            )
        saved, own = state.pop("schedules"), [_written(schedule) for schedule in self.schedules]
        if saved != own or state["first"] != self.first:
            raise ValueError(
                f"state_dict must be one of a scheduler with {own} and first={self.first}, got one "
                f"with {saved} and first={state['first']}: to go on with another schedule, make a "
                "new Scheduler whose first is the number of the next step"
            )
        for schedule, inner in zip(self.schedules, state.pop("schedule_states"), strict=True):
            if inner:
                schedule.load_state_dict(inner)  # type: ignore[attr-defined]
        super().load_state_dict(state)


def _schedules(schedule: Any, optimizer: Optimizer) -> list[Callable[[int], float]]:
    groups = optimizer.param_groups
    if any("lr" not in group for group in groups):
        raise ValueError(
            f"optimizer must have a learning rate lr in every group, but {type(optimizer).__name__}"
            " has none"
        )
    if isinstance(schedule, list | tuple):
        if len(schedule) != len(groups):
            raise ValueError(
                f"schedule must be one or a list of one a group, got {len(schedule)} for "
                f"{len(groups)} groups"
            )
        return [check_schedule(f"schedule[{i}]", one) for i, one in enumerate(schedule)]
    rates = [number(group["lr"]) for group in groups]
    if len(set(rates)) > 1:
        raise ValueError(
            "schedule must be a list of schedules, one a group, where groups have different "
            f"learning rates, here {rates}: a single one would make them equal"
        )
    return [check_schedule("schedule", schedule)]


def _written(schedule: Callable[[int], float]) -> str | None:
    """Return how a schedule is written, None for a function that does not tell what it does."""
    inmost = schedule
    while isinstance(inmost, ComposedSchedule):
        inmost = inmost.inner
    tells = isinstance(inmost, Schedule) and type(inmost).__repr__ is not object.__repr__
    return repr(schedule) if tells else None


def _state(schedule: Callable[[int], float]) -> dict[str, Any]:
    return schedule.state_dict() if hasattr(schedule, "state_dict") else {}
