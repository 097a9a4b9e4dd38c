"""Warm-up: a few steps with small learning rates before any other schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from course_lib.arguments import check_integer, check_number
from course_lib.methods.learning_rate.momentum import momentum_of
from course_lib.methods.learning_rate.schedule import (
    ComposedSchedule,
    check_schedule,
    rate_of,
)

__all__ = ["WarmUp"]


@dataclass(frozen=True)
class WarmUp(ComposedSchedule):
    r"""A straight rise to the first rate :math:`s_0` of a schedule :math:`s`, then that schedule.

    .. math::

        t_k = \Bigl(c + (1 - c)\frac{k}{K}\Bigr)\, s_0 \quad (k < K),
        \qquad t_k = s_{k-K} \quad (k \ge K)

    Where the objective is steeper at the start than later on, a rate that is right later would
    throw the parameters off in the first steps.

    Args:
        steps: :math:`K`, the length of the rise, a whole number of at least 1.
        then: :math:`s`, a schedule or any function of :math:`k`. If it observes the run, as
            :class:`~course_lib.methods.ReduceOnPlateau` does, it does so from the
            start, and the rise leads to its current rate.
        start_factor: :math:`c`, the share of :math:`s_0` at :math:`k = 0`, from 0 to 1. With 0, a
            run whose first step is :math:`k = 1` begins with :math:`s_0 / K`.

    Raises:
        TypeError, ValueError: an option is not as described, or ``then`` gives no learning rate.

    Example:
        >>> from course_lib.methods.learning_rate import Constant
        >>> schedule = WarmUp(4, then=Constant(0.8))
        >>> [round(schedule(k), 12) for k in range(6)]
        [0.0, 0.2, 0.4, 0.6, 0.8, 0.8]

    Source: Goyal et al., *Accurate, large minibatch SGD: training ImageNet in 1 hour*, 2017. In
    torch: ``SequentialLR`` of ``LinearLR`` with ``start_factor`` (1/3 unless given, never 0) and
    ``total_iters=steps``, and another scheduler, with ``milestones=[steps]``.
    """

    steps: int
    then: Callable[[int], float]
    start_factor: float = 0.0

    def __post_init__(self) -> None:
        self._keep(
            steps=check_integer("steps", self.steps, low=1),
            then=check_schedule("then", self.then),
            start_factor=check_number("start_factor", self.start_factor, low=0, high=1),
        )

    @property
    def inner(self) -> Callable[[int], float]:
        """The schedule after the rise."""
        return self.then

    def momentum(self, k: int) -> float | None:
        """Return what the schedule after the rise wants; during the rise, what it begins with."""
        return momentum_of(self.then, max(k - self.steps, 0))

    def rate(self, k: int) -> float:
        """Return t_k."""
        if k >= self.steps:
            return rate_of(self.then, k - self.steps)
        share = self.start_factor + (1 - self.start_factor) * (k / self.steps)
        return share * rate_of(self.then, 0)
