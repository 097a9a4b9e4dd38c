"""Which schedules meet the two sums that the convergence theory asks for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch

from course_lib.methods.learning_rate.counting import PerEpoch
from course_lib.methods.learning_rate.decay import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    Polynomial,
    Staircase,
)
from course_lib.methods.learning_rate.one_cycle import OneCycle
from course_lib.methods.learning_rate.plateau import ReduceOnPlateau
from course_lib.methods.learning_rate.schedule import check_schedule
from course_lib.methods.learning_rate.warm_up import WarmUp

__all__ = ["RobbinsMonro", "robbins_monro"]


@dataclass(frozen=True)
class RobbinsMonro:
    r"""Whether :math:`\sum_k t_k = \infty` and :math:`\sum_k t_k^2 < \infty`, and why.

    The first lets the iterates get anywhere, however far off they start. The second makes the
    noise that all steps together bring in finite.

    Attributes:
        sum_diverges: whether the first holds; None if that depends on the run.
        squares_converge: whether the second holds; None if that depends on the run.
        why: the reason.
    """

    sum_diverges: bool | None
    squares_converge: bool | None
    why: str

    @property
    def met(self) -> bool | None:
        """Whether both hold; None if that depends on the run."""
        both = (self.sum_diverges, self.squares_converge)
        if False in both:
            return False
        return None if None in both else True


@singledispatch
def robbins_monro(schedule: Callable[[int], float]) -> RobbinsMonro:
    r"""Tell whether a schedule meets the sums of Robbins and Monro.

    .. math:: \sum_{k=1}^\infty t_k = \infty, \qquad \sum_{k=1}^\infty t_k^2 < \infty

    The answer is about the formula, for real numbers and an endless run; no values are added up.
    A schedule that contains another one is asked about that one. For a schedule of your own,
    register the answer: ``@robbins_monro.register``.

    Args:
        schedule: one of the schedules of this package.

    Returns:
        A verdict on each sum, with its reason.

    Raises:
        TypeError: it is any other function. No finite number of values decides about a sum.

    Example:
        >>> robbins_monro(InverseTime(0.1, 0.01)).met
        True
        >>> verdict = robbins_monro(Exponential(0.1, 0.01))
        >>> verdict.met, verdict.sum_diverges, verdict.squares_converge
        (False, False, True)
        >>> print(verdict.why)
        a geometric series: all steps together, from k = 0 on, add up to 10.05 and no more

    Source: slide 22; Robbins and Monro, *A stochastic approximation method*, Annals of
    Mathematical Statistics 22 (1951). The conditions are sufficient in their theorem; they are not
    necessary for convergence in every setting.
    """
    check_schedule("schedule", schedule)
    raise TypeError(
        "schedule must be one whose formula is known, such as InverseTime, since finitely many "
        f"values of a function decide nothing about its sums, got {schedule!r}"
    )


def _bounded_below(rate: float, reason: str) -> RobbinsMonro:
    return RobbinsMonro(
        True, False, f"{reason}: infinitely many terms of at least {rate:.4g} have no finite sum, "
        "and neither have their squares",
    )  # fmt: skip


def _ends(reason: str) -> RobbinsMonro:
    return RobbinsMonro(False, True, f"{reason}: both sums have finitely many terms")


def _geometric(total: float) -> RobbinsMonro:
    return RobbinsMonro(
        False, True,
        f"a geometric series: all steps together, from k = 0 on, add up to {total:.4g} and no more",
    )  # fmt: skip


def _power(a: float) -> RobbinsMonro:
    """The rates fall like 1/kᵃ: compare the sums with the integrals of 1/kᵃ and 1/k²ᵃ."""
    first = "diverges, since a ≤ 1" if a <= 1 else "converges, since a > 1"
    second = "converge, since 2a > 1" if a > 0.5 else "diverge, since 2a ≤ 1"
    return RobbinsMonro(
        a <= 1, a > 0.5,
        f"it falls like 1/kᵃ with a = {a:.4g}: the sum {first}; the squares, like 1/k²ᵃ, {second}",
    )  # fmt: skip


@robbins_monro.register
def _(schedule: Constant) -> RobbinsMonro:
    return _bounded_below(schedule.alpha, "it never falls")


@robbins_monro.register
def _(schedule: InverseTime) -> RobbinsMonro:
    if schedule.beta == 0:
        return _bounded_below(schedule.alpha, "with beta = 0 it never falls")
    return _power(1.0)


@robbins_monro.register
def _(schedule: Polynomial) -> RobbinsMonro:
    if schedule.power == 0:
        return _bounded_below(schedule.alpha, "with power = 0 it never falls")
    return _power(schedule.power)


@robbins_monro.register
def _(schedule: Exponential) -> RobbinsMonro:
    if schedule.beta == 0:
        return _bounded_below(schedule.alpha, "with beta = 0 it never falls")
    return _geometric(schedule.alpha / -math.expm1(-schedule.beta))


@robbins_monro.register
def _(schedule: Staircase) -> RobbinsMonro:
    stair = schedule.alpha * schedule.every
    return _geometric(stair * schedule.factor / (schedule.factor - 1))


@robbins_monro.register
def _(schedule: Cosine) -> RobbinsMonro:
    if schedule.final == 0:
        return _ends(f"it is 0 from k = {schedule.steps} on")
    return _bounded_below(schedule.final, f"it stays where it is from k = {schedule.steps} on")


@robbins_monro.register
def _(schedule: OneCycle) -> RobbinsMonro:
    last = schedule.total_steps - 1
    return _bounded_below(schedule(last), f"it stays where it is from k = {last} on")


@robbins_monro.register
def _(schedule: WarmUp) -> RobbinsMonro:
    verdict = robbins_monro(schedule.then)
    why = f"the {schedule.steps} steps of the rise change neither sum's fate; then {verdict.why}"
    return RobbinsMonro(verdict.sum_diverges, verdict.squares_converge, why)


@robbins_monro.register
def _(schedule: PerEpoch) -> RobbinsMonro:
    verdict = robbins_monro(schedule.schedule)
    n = schedule.batches_per_epoch
    why = f"each epoch's rate is used {n} times, which multiplies both sums by {n}; {verdict.why}"
    return RobbinsMonro(verdict.sum_diverges, verdict.squares_converge, why)


@robbins_monro.register
def _(schedule: ReduceOnPlateau) -> RobbinsMonro:
    if schedule.min_lr > 0:
        return _bounded_below(schedule.min_lr, "it never falls below min_lr")
    if schedule.eps > 0:
        # A rate t is reduced to c t only if (1 − c) t > eps.
        least = min(schedule.alpha, schedule.factor * schedule.eps / (1 - schedule.factor))
        return _bounded_below(least, "a reduction by less than eps is not made")
    why = (
        "with no lower bound it depends on how often the run reaches a plateau: finitely often, "
        "and the squares have no finite sum; every so many steps, and the sum is a geometric series"
    )
    return RobbinsMonro(None, None, why)
