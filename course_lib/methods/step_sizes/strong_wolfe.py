"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from course_lib.arguments import check_integer, check_number
from course_lib.methods.point import NoStepError, Point
from course_lib.methods.step_sizes.interpolation import cubic_minimizer
from course_lib.methods.step_sizes.line import Line, Trial

__all__ = ["StrongWolfe"]


@dataclass(frozen=True)
class StrongWolfe:
    r"""A step that falls enough and after which the slope is small: strong Wolfe conditions.

    .. math::

        F(x + td) \le F(x) + c_1\,t\,g^\top d, \qquad
        |\nabla F(x + td)^\top d| \le c_2\,|g^\top d|

    The first is Armijo's: not too long a step. The second keeps it from being too short: where
    :math:`F` still falls steeply one should go on. Together with :math:`c_2 < 1` they give
    :math:`s^\top y > 0` for :math:`s = td` and :math:`y = \nabla F(x + td) - g`, which is what
    quasi-Newton methods live on.

    The search has two phases. *Bracketing* makes the step longer until an interval is known to
    hold a good one: its far end is too high or rises again. *Zoom* then shrinks the interval.
    Both choose the next trial where the cubic through two values and two slopes has its minimum,
    kept away from the ends. A trial costs a gradient.

    Args:
        c1: share of the slope by which the value must fall, above 0 and below `c2`.
        c2: share of the slope that may remain, below 1: 0.9 for quasi-Newton methods, 0.1 for
            nonlinear conjugate gradients.
        max_trials: largest number of trials after the first one.
        first_trial: ``"lr"``: the first trial is the method's ``lr``. ``"decrease"``: it is where
            a quadratic with the slope of now would fall by as much as the last step did,
            :math:`t_0 = 2.02\,(F_k - F_{k-1}) / g_k^\top d_k`, but no more than ``lr``; before the
            first step :math:`F_0 - F_{-1} = -\frac12\|g_0\|`, as scipy has it.
        tolerance: give up an interval within which no variable changes by this much; torch has
            1e-9, which is a lot where the variables themselves are of that size.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Where trials are infinite or not a number, the search halves its interval and goes no further.
    Values that differ by no more than their round-off are told apart by their slopes (see
    ``step_sizes.Line``).

    If no trial meets both conditions, the search returns the lowest of those that meet the first
    by more than round-off, and counts that in ``memory["unfinished_searches"]``; then
    :math:`s^\top y` may be negative. If there is none, it raises
    :class:`~course_lib.methods.NoStepError`.

    Example:
        >>> from course_lib.methods import GradientDescent
        >>> from course_lib.training import minimize
        >>> path = minimize(lambda x: (x - 3).square().sum(), [0.0], steps=1, method=lambda params:
        ...     GradientDescent(params, lr=0.01, step_size=StrongWolfe(c2=0.1)))
        >>> path.x[1].round(decimals=4), path.touched["gradient"]  # 0, t = 0.01, 0.1 and 0.5
        (tensor([3.]), 4)

    Source: Nocedal and Wright, *Numerical Optimization* (2006), algorithms 3.5 and 3.6, with the
    safeguards of Schmidt's minFunc (2005). ``torch.optim.LBFGS(line_search_fn="strong_wolfe")``
    makes the same trials, and differs where things go wrong: it does not tell when it fails, looks
    at values even where they are all round-off, goes on from values that are not numbers, and may
    zoom in on a step that does not fall enough because its value is lower than the start's.
    """

    c1: float = 1e-4
    c2: float = 0.9
    max_trials: int = 25
    first_trial: Literal["lr", "decrease"] = "lr"
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        check_number("c2", self.c2, above=0, below=1)
        check_number("c1", self.c1, above=0, below=self.c2)
        check_integer("max_trials", self.max_trials, low=1)
        if self.first_trial not in ("lr", "decrease"):
            raise ValueError(f'first_trial must be "lr" or "decrease", got {self.first_trial!r}')
        check_number("tolerance", self.tolerance, low=0)

    def __call__(
        self, point: Point, d: Tensor, memory: dict[str, Any], /, *, first: float
    ) -> float:
        """Return the step size from `point` along `d`; the first trial is at most `first`.

        Raises:
            NoStepError: `d` does not go down, or no trial falls enough.
        """
        check_number("first", first, above=0)
        line = Line(point, d)
        if self.first_trial == "decrease":
            first = _from_last_decrease(line, memory, first)
        good, trials = self._search(line, first)
        if good is None:
            good = self._lowest(line, trials)
            memory["unfinished_searches"] = memory.get("unfinished_searches", 0) + 1
        return good.t

    def _search(self, line: Line, t: float) -> tuple[Trial | None, list[Trial]]:
        """Return the trial that meets both conditions, None if there is none, and all trials."""
        before, trial = line.start, line.at(t)
        trials = [trial]

        # Bracketing: go outwards until a good step lies between `before` and `trial`.
        while not self._too_high(line, trial):
            if len(trials) > 2 and line.higher(trial, before):
                break
            if line.flat(trial, self.c2):
                return trial, trials
            if trial.slope >= 0:
                break
            if len(trials) > self.max_trials:
                return None, trials
            nearest, farthest = trial.t + 0.01 * (trial.t - before.t), 10 * trial.t
            t = cubic_minimizer(before, trial, nearest, farthest)
            before, trial = trial, line.at(t)
            trials.append(trial)

        # Zoom: `low` is the lowest step that falls enough, and from it F falls towards `high`.
        low, high = before, trial
        if not self._too_high(line, trial) and not line.higher(trial, before):
            low, high = trial, before
        cramped = False
        while len(trials) <= self.max_trials and line.length(low, high) >= self.tolerance:
            t, cramped = _between(low, high, cramped)
            trial = line.at(t)
            trials.append(trial)
            if self._too_high(line, trial) or line.higher(trial, low):
                high = trial
            elif line.flat(trial, self.c2):
                return trial, trials
            elif trial.slope * (high.t - low.t) >= 0:
                low, high = trial, low
            else:
                low = trial
        return None, trials

    def _too_high(self, line: Line, trial: Trial) -> bool:
        return trial.value == math.inf or not line.armijo(trial.t, self.c1)

    def _lowest(self, line: Line, trials: list[Trial]) -> Trial:
        fall = [trial for trial in trials if line.higher(line.start, trial)]
        low_enough = [trial for trial in fall if not self._too_high(line, trial)]
        if not low_enough:
            raise NoStepError(
                f"the line search found no step that falls enough in {len(trials)} trials, down "
                f"to t = {min(trial.t for trial in trials):.3g}: either F is not smooth here or "
                "its values are not exact enough"
            )
        return min(low_enough, key=lambda trial: trial.value)


def _between(low: Trial, high: Trial, cramped: bool) -> tuple[float, bool]:
    """Return the next trial within the interval, and whether it is close to an end.

    An interval of which only a sliver is cut off each time shrinks too slowly. So the second
    time in a row that the trial comes close to an end, and when it is an end, it moves inwards.
    """
    left, right = sorted((low.t, high.t))
    t = cubic_minimizer(low, high, left, right)
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if not cramped and left < t < right:
        return t, True
    return (right - margin if right - t < t - left else left + margin), False


def _from_last_decrease(line: Line, memory: dict[str, Any], lr: float) -> float:
    """Return the first trial by the decrease of the last step, and keep the value for the next."""
    value, slope = line.start.value, line.start.slope
    before = memory.get("value")
    if before is None:
        before = value + float(torch.linalg.vector_norm(line.point.gradient)) / 2
    memory["value"] = value
    t = 2.02 * (value - before) / slope  # 1.01 of it, so that in the end lr itself is tried
    return t if 0 < t < lr else lr
