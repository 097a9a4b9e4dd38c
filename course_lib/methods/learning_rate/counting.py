"""Which counter a schedule means: a schedule stated in epochs, asked in every iteration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from course_lib.arguments import check_integer
from course_lib.methods.learning_rate.momentum import momentum_of
from course_lib.methods.learning_rate.schedule import (
    ComposedSchedule,
    check_schedule,
    rate_of,
)

__all__ = ["PerEpoch", "per_epoch"]


@dataclass(frozen=True)
class PerEpoch(ComposedSchedule):
    r"""A schedule :math:`s` that is stated in epochs: :math:`t_k = s_{e(k)}`.

    .. math:: e(k) = \Bigl\lfloor \frac{k - k_1}{n} \Bigr\rfloor

    is the number of epochs finished before step :math:`k`, for :math:`n` batches an epoch and a
    first step :math:`k_1`; before the first step it is 0. :func:`per_epoch` makes it.

    Args:
        schedule: :math:`s`, a schedule or any function of the number of finished epochs.
        batches_per_epoch: :math:`n`, a whole number of at least 1.
        first: :math:`k_1`, the number of the first step, a whole number of at least 0.

    Raises:
        TypeError, ValueError: an option is not as described.

    Example:
        >>> from course_lib.methods.learning_rate import Staircase
        >>> PerEpoch(Staircase(1.0, 10, every=1), batches_per_epoch=2)(3)
        0.1

    Source: slide 22. In torch: calling ``scheduler.step()`` once an epoch.
    """

    schedule: Callable[[int], float]
    batches_per_epoch: int
    first: int = 1

    def __post_init__(self) -> None:
        self._keep(
            schedule=check_schedule("schedule", self.schedule),
            batches_per_epoch=check_integer("batches_per_epoch", self.batches_per_epoch, low=1),
            first=check_integer("first", self.first, low=0),
        )

    @property
    def inner(self) -> Callable[[int], float]:
        """The schedule that is stated in epochs."""
        return self.schedule

    def rate(self, k: int) -> float:
        """Return t_k."""
        finished_epochs = max(k - self.first, 0) // self.batches_per_epoch
        return rate_of(self.schedule, finished_epochs)

    def momentum(self, k: int) -> float | None:
        """Return the momentum after the same number of finished epochs."""
        finished_epochs = max(k - self.first, 0) // self.batches_per_epoch
        return momentum_of(self.schedule, finished_epochs)


def per_epoch(
    schedule: Callable[[int], float], batches_per_epoch: int, *, first: int = 1
) -> PerEpoch:
    r"""Return a schedule of the step :math:`k` from one that is stated in epochs.

    A loop that asks for a learning rate before every step counts in iterations. Ten epochs of a
    hundred batches are a thousand of them: given to such a loop as it is, a schedule in epochs
    decays a hundred times too fast.

    Args:
        schedule: function of the number of epochs finished before.
        batches_per_epoch: number of batches in an epoch, a whole number of at least 1.
        first: number of the first step: 1 in :func:`~course_lib.training.fit`, 0 in a loop that
            counts from 0.

    Returns:
        The schedule, constant within an epoch.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> from course_lib.methods.learning_rate import Staircase
        >>> schedule = per_epoch(Staircase(1.0, factor=10, every=2), batches_per_epoch=3)
        >>> [schedule(k) for k in (1, 6, 7, 12, 13)]
        [1.0, 1.0, 0.1, 0.1, 0.01]

    Source: slide 22.
    """
    return PerEpoch(schedule, batches_per_epoch, first)
