"""What all schedules have in common: a learning rate t_k for every step k."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from course_lib.arguments import check_callable, check_integer, check_number
from course_lib.methods.hyperparameters import number
from course_lib.methods.learning_rate.momentum import set_momentum

if TYPE_CHECKING:
    from course_lib.training.history import History

__all__ = ["ComposedSchedule", "Schedule", "check_schedule", "rate_of"]

_LARGEST_STEP = 2**1000  # a float holds it; no step of any run comes near


class Schedule(ABC):
    r"""Base of the schedules: a function :math:`k \mapsto t_k` for :math:`k = 0, 1, 2, \dots`

    A subclass states its options and their checks, and its formula in :meth:`rate`. It is a frozen
    dataclass: its options never change, two schedules with the same options are equal, and it can
    be pickled.

    :func:`~course_lib.training.fit` and :func:`~course_lib.training.minimize` ask for ``t_k`` right
    before step :math:`k = 1, 2, \dots`, so the lecture's :math:`\alpha`, the rate at :math:`k = 0`,
    is one step before their first. torch's schedulers begin at :math:`k = 0`.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Halved(Schedule):
        ...     alpha: float
        ...
        ...     def rate(self, k):
        ...         return self.alpha / 2**k
        >>> schedule = Halved(0.8)
        >>> [schedule(k) for k in range(4)]
        [0.8, 0.4, 0.2, 0.1]
        >>> schedule(-1)
        Traceback (most recent call last):
        ...
        ValueError: k must be an integer of at least 0, got -1

    Source: slide 22.
    """

    def __call__(self, k: int) -> float:
        """Return the learning rate :math:`t_k`.

        Raises:
            TypeError: ``k`` is not a whole number.
            ValueError: ``k`` is negative.
        """
        return self.rate(min(check_integer("k", k, low=0), _LARGEST_STEP))

    @abstractmethod
    def rate(self, k: int) -> float:
        """Return the formula's value for a whole number ``k`` of at least 0."""

    def momentum(self, k: int) -> float | None:
        """Return the momentum at step ``k``, None if the schedule leaves it alone."""
        return None

    def set_momentum(self, groups: Sequence[dict[str, Any]], k: int) -> None:
        """Write the momentum at step ``k``, if there is one, into groups of an optimizer.

        Raises:
            ValueError: a group has no momentum; nothing has been written then.
        """
        momentum = self.momentum(k)
        if momentum is not None:
            set_momentum(groups, momentum)

    def observe(self, history: History) -> None:  # noqa: B027 — most have nothing to do
        """Look at the run so far. A schedule that depends on k alone has no use for it."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a run needs to go on; nothing for a schedule that depends on k alone."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave.

        Raises:
            ValueError: it is the state of another kind of schedule.
        """
        if state_dict:
            raise ValueError(
                f"state_dict must be empty, since {type(self).__name__} keeps no state, got "
                f"{state_dict!r}"
            )

    def _keep(self, **options: Any) -> None:
        """Store checked options, numbers as Python's own, although the dataclass is frozen."""
        for name, value in options.items():
            object.__setattr__(self, name, value)


class ComposedSchedule(Schedule):
    """Base of the schedules around another one, whose state is that of the one inside."""

    @property
    @abstractmethod
    def inner(self) -> Callable[[int], float]:
        """The schedule inside."""

    def observe(self, history: History) -> None:
        """Show the run so far to the schedule inside."""
        if hasattr(self.inner, "observe"):
            self.inner.observe(history)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the schedule inside."""
        return self.inner.state_dict() if hasattr(self.inner, "state_dict") else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Hand the state to the schedule inside."""
        if hasattr(self.inner, "load_state_dict"):
            self.inner.load_state_dict(state_dict)
        else:
            super().load_state_dict(state_dict)


def check_schedule(name: str, value: Any) -> Callable[[int], float]:
    """Return ``value`` if it can be asked for a rate.

    Example:
        >>> check_schedule("then", 0.1)
        Traceback (most recent call last):
        ...
        TypeError: then must be a function of k that gives the learning rate t_k, got 0.1
    """
    return check_callable(name, value, "a function of k that gives the learning rate t_k")


def rate_of(schedule: Callable[[int], float], k: int) -> float:
    """Return ``schedule(k)`` as a Python float, if it is a learning rate.

    Example:
        >>> rate_of(lambda k: -0.1, 3)
        Traceback (most recent call last):
        ...
        ValueError: schedule(3) must be a finite number of at least 0, got -0.1
    """
    return check_number(f"schedule({k})", number(schedule(k)), low=0)
