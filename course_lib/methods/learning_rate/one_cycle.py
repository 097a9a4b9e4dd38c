"""One cycle: up to a large learning rate, down to a very small one; momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from course_lib.arguments import check_flag, check_integer, check_number
from course_lib.methods.hyperparameters import fraction
from course_lib.methods.learning_rate.schedule import Schedule

__all__ = ["OneCycle"]

_LONGEST = 2**53  # up to here floats hold every step


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


def _linear(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


_ANNEALING: dict[str, Callable[[float, float, float], float]] = {"cos": _cosine, "linear": _linear}


@dataclass(frozen=True)
class OneCycle(Schedule):
    r"""The one-cycle policy: from :math:`t_\text{max}/d` up to :math:`t_\text{max}`, then down.

    Two phases: a rise during a share :math:`p` of the :math:`K` steps, then a fall to
    :math:`t_\text{max}/(d\,d_\text{end})`. Three phases: the same rise, a fall back to
    :math:`t_\text{max}/d` that takes as long, then the rest of the way to the end. Each phase
    follows half a cosine wave or a straight line. The phases end at the steps :math:`pK - 1`,
    :math:`2pK - 2` and :math:`K - 1`, as in torch; after the last the rate stays as it is.

    With `cycle_momentum` the momentum goes the other way: from :math:`\beta_\text{max}` down to
    :math:`\beta_\text{base}` while the rate rises, and back to :math:`\beta_\text{max}` in the next
    phase. :class:`Scheduler`, ``fit`` and ``minimize`` write it into the groups, as ``momentum``,
    ``beta``, or the first of ``betas``.

    Args:
        max_lr: :math:`t_\text{max}`, a finite number above 0.
        total_steps: :math:`K`, the length of the cycle, a whole number of at least 1. The cycle
            takes the steps :math:`k = 0, \dots, K - 1`; ``fit`` and ``minimize`` begin at
            :math:`k = 1`, so that a run of theirs of :math:`K - 1` steps ends with the cycle.
        pct_start: :math:`p`, a share from 0 to 1 (to 0.5 if there are three phases).
        anneal_strategy: ``"cos"`` or ``"linear"``.
        div_factor: :math:`d`, a finite number of at least 1.
        final_div_factor: :math:`d_\text{end}`, a finite number of at least :math:`1/d`.
        three_phase: whether the fall is made in two.
        cycle_momentum: whether the momentum is moved, too.
        base_momentum: :math:`\beta_\text{base}`, a number in [0, 1).
        max_momentum: :math:`\beta_\text{max}`, a number in [0, 1).

    Raises:
        TypeError, ValueError: an option is not as described.

    Example:
        >>> schedule = OneCycle(1.0, total_steps=9, pct_start=0.5, anneal_strategy="linear",
        ...                     div_factor=8, final_div_factor=1000)
        >>> [round(schedule(k), 3) for k in (0, 2, 4, 6, 8)]
        [0.125, 0.625, 0.889, 0.445, 0.0]

    Source: Smith and Topin, *Super-convergence: very fast training of neural networks using large
    learning rates*, 2018. In torch: ``OneCycleLR``, with the same names; it moves the momentum
    unless told otherwise, raises an error after the cycle and divides by zero if :math:`pK = 1`,
    and lets three phases with :math:`p > 0.5` stop before the end.
    """

    max_lr: float
    total_steps: int
    pct_start: float = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False
    cycle_momentum: bool = False
    base_momentum: float = 0.85
    max_momentum: float = 0.95

    def __post_init__(self) -> None:
        if not isinstance(self.anneal_strategy, str) or self.anneal_strategy not in _ANNEALING:
            raise ValueError(
                f"anneal_strategy must be 'cos' or 'linear', got {self.anneal_strategy!r}"
            )
        three = check_flag("three_phase", self.three_phase)
        self._keep(
            max_lr=check_number("max_lr", self.max_lr, above=0),
            total_steps=check_integer("total_steps", self.total_steps, low=1, high=_LONGEST),
            pct_start=check_number("pct_start", self.pct_start, low=0, high=0.5 if three else 1),
            div_factor=check_number("div_factor", self.div_factor, low=1),
        )
        check_flag("cycle_momentum", self.cycle_momentum)
        for name in ("base_momentum", "max_momentum"):
            fraction(name, getattr(self, name))
            self._keep(**{name: float(getattr(self, name))})
        least = 1 / self.div_factor
        final_div_factor = check_number("final_div_factor", self.final_div_factor, low=least)
        self._keep(final_div_factor=final_div_factor)

    @property
    def initial_lr(self) -> float:
        """The rate before the rise."""
        return self.max_lr / self.div_factor

    @property
    def final_lr(self) -> float:
        """The rate at the end of the last fall."""
        return self.initial_lr / self.final_div_factor

    def rate(self, k: int) -> float:
        """Return t_k."""
        return self._annealed(k, self.initial_lr, self.max_lr, self.final_lr)

    def momentum(self, k: int) -> float | None:
        """Return the momentum at step k, None without `cycle_momentum`."""
        if not self.cycle_momentum:
            return None
        return self._annealed(k, self.max_momentum, self.base_momentum, self.max_momentum)

    def _annealed(self, k: int, start: float, top: float, last: float) -> float:
        """Return the value at step k on the way from start to top, and on to last."""
        rise = self.pct_start * self.total_steps - 1
        phases = [(rise, top), (float(self.total_steps - 1), last)]
        if self.three_phase:
            phases.insert(1, (2 * self.pct_start * self.total_steps - 2, start))
        k, begin = min(k, self.total_steps - 1), 0.0
        anneal = _ANNEALING[self.anneal_strategy]
        for end, target in phases:
            if k <= end:
                break
            begin, start = end, target
        share = (k - begin) / (end - begin) if end > begin else 1.0
        return anneal(start, target, share)
