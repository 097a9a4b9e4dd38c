"""Read a loss curve: which case is it, why, and what to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from course_lib.arguments import check_number
from course_lib.training.curve_figures import (
    CurveFigures,
    rates_fell_early,
    read_curve,
    rise_of_validation,
)
from course_lib.training.history import History
from course_lib.training.nonfinite import NonFiniteLossError

__all__ = ["CASES", "Diagnosis", "diagnose"]

Series = Sequence[float] | NDArray[Any] | Tensor
"""Numbers of a curve, one after the other."""

#: The cases, and what each asks for.
CASES = {
    "diverged": "Lower the learning rate by a factor of ten, or look for what overflows.",
    "very high": "Lower the learning rate by a factor of three to ten.",
    "high": (
        "Halve the learning rate, or let it fall in steps (the staircase), and look again. "
        "If the floor stays, it is not the rate: it is what this net can do on these data."
    ),
    "good": "Keep the rate. A staircase at the end may still gain a little.",
    "low": "Raise the learning rate by a factor of three to ten. More epochs would do, slowly.",
    "flattened early": "Let the learning rate fall later or less: the loss was still falling.",
    "stopped too early": "Train for more epochs with the same rate.",
    "overfitting": (
        "Stop where the validation loss was lowest; more data or regularisation, not more epochs."
    ),
}
_FEWEST = 10  # losses
# Bounds of the rules, set on the development set. All but _SLOW are shares or ratios.
_ABOVE, _NOTHING_LEARNED, _PEAK, _CAME_BACK = 1.05, 0.8, 1.3, 0.05
_RISE, _TRAINING_FALL = 0.04, 0.1
_SLOW, _LONG, _SHORT = 100, 30, 10
_GAINING, _SLOPING, _STILL_STEEP, _FALLING = 0.2, 0.025, 0.1, 0.25
_FLOOR, _FLAT, _ROUGH, _DOWN = 1 / 3, 0.1, 0.06, 0.05


@dataclass(frozen=True)
class Diagnosis:
    """What a loss curve shows.

    Attributes:
        case: a key of ``CASES``.
        reasons: in words, with the figures that they rest on.
        advice: what to do next.
        figures: the figures measured, None where the losses are not finite.
    """

    case: str
    reasons: tuple[str, ...]
    advice: str
    figures: CurveFigures | None

    def __str__(self) -> str:
        """Say it in a few lines."""
        return "\n".join([self.case, *(f"- {r}" for r in self.reasons), f"=> {self.advice}"])


def diagnose(
    history: History | NonFiniteLossError | None = None,
    *,
    losses: Series | None = None,
    steps: Series | None = None,
    start: float | None = None,
    validation: Series | str | None = None,
    validation_steps: Series | None = None,
    learning_rates: Series | None = None,
) -> Diagnosis:
    r"""Name the case that a loss curve shows, with reasons.

    All is judged relative to the loss :math:`s` at the start. The rules, in this order:

    - **diverged**: a loss is infinite or not a number, or too large to be compared with the start.
    - **very high** learning rate: ends above :math:`1.05 s`; or above :math:`0.8 s` after it was
      above :math:`1.3 s` or had been lower.
    - **high**: ends above a third of :math:`s` after it was above :math:`1.3 s`.
    - **overfitting**: the validation loss ends more than 4 % above its best, and the training loss
      has fallen by more than 10 % since, in a run at least 30 times as long as a tenth took.
    - **flattened early**: the learning rate has fallen tenfold; more than a fifth of all gain was
      made around the step at which it had halved, and none to speak of is made at the end.
    - **low**: a tenth took more than 100 steps, and the run is not 30 times as long. Near the
      largest rate that works, the steepest directions are done with in a few steps.
    - **stopped too early**: less than 10 times as long as a tenth took (an exponential has then
      still a third of its way to go), less than 30 times and still sloping, or steep at the end.
    - **high**: flat, with two of: a floor above a third of :math:`s`, a peak above :math:`1.3 s`,
      hardly any fall since the first fifth of the run, a rough curve.
    - **good**: the rest.

    *A tenth* is a tenth of :math:`s`: the steps that it took to come that far below :math:`s`, or,
    if there was a plateau before, the pace of the two tenths that came next.

    One curve cannot tell everything. A floor of the task itself looks like a high rate. The
    curves of a low rate and of a good one that was stopped differ by their scale in steps, so give
    ``steps`` if a loss is a mean over many, and do not trust the answer on a plateau or across a
    long warm-up. A rate that fell too far is told from one that is too high only by
    ``learning_rates``. Whether half or twice a good rate would be better is not to be seen at all.

    Args:
        history: of :func:`fit`, whose batch losses are read; or the error that ended it.
        losses: the curve without a history, shape (n,), at least 10 values of at least 0: batch
            losses, or means over windows of steps.
        steps: the step at which the window of each loss ends, increasing, shape (n,); by default 1,
            2, ….
        start: loss before training, such as :math:`\ln 10` for ten classes; by default the
            first loss.
        validation: losses on other samples, shape (v,); or the name of an evaluation of
            ``history``.
        validation_steps: the steps after which they were measured; by default evenly spaced.
        learning_rates: the rate at each loss, shape (n,).

    Returns:
        Case, reasons, advice and figures; ``print`` shows it.

    Raises:
        TypeError, ValueError: neither or both of ``history`` and ``losses`` are given, or shapes
            and values do not fit.

    Example:
        >>> k = np.arange(1, 1001)
        >>> diagnose(losses=2.3 * np.exp(-k / 2000)).case
        'low'
        >>> print(diagnose(losses=2.3 * np.exp(-k / 20), start=2.3))
        good
        - a tenth of the start took 3 steps
        - it ends at 0.000 of the start, where it slopes little
        => Keep the rate. A staircase at the end may still gain a little.

    Source: slide 32, after the notes of Stanford's CS231n. Rules and bounds are ours; they were set
    on the development set of the record ``loss_curves`` and judged on its other tasks.
    """
    if (history is None) == (losses is None):
        raise TypeError("exactly one of history and losses must be given")
    if isinstance(history, NonFiniteLossError):
        return Diagnosis("diverged", (str(history),), CASES["diverged"], None)
    if history is not None:
        if not isinstance(history, History):
            raise TypeError(
                f"history must be a History, got {type(history).__name__}; "
                "losses of a loop of your own are given as diagnose(losses=...)"
            )
        losses = history.losses
        if isinstance(validation, str):
            if validation not in history.evaluations:
                raise ValueError(
                    f"validation must be one of {sorted(history.evaluations)}, got {validation!r}"
                )
            if validation_steps is not None:
                raise TypeError("validation_steps are those of history where it is given by name")
            validation, validation_steps = history.evaluations[validation], history.evaluated_at
    if validation is None and validation_steps is not None:
        raise TypeError("validation_steps need validation, got none")
    values = _series("losses", losses, None, _FEWEST)
    ends = _increasing("steps", steps, len(values))
    if not np.isfinite(values).all():
        at = ends[np.flatnonzero(~np.isfinite(values))[0]]
        reason = f"the loss is not finite at step {at:.0f}"
        return Diagnosis("diverged", (reason,), CASES["diverged"], None)
    if (values < 0).any():
        raise ValueError(
            f"losses must be at least 0, got {values.min():.4g}: shift them by a bound"
        )
    if start is None and values[0] == 0:
        raise ValueError("losses must begin above 0 unless start is given, got 0.0")
    s = check_number("start", float(values[0]) if start is None else start, above=0)
    if math.isinf(float(values.max()) / s * float(ends[-1])):
        reason = f"the loss is up to {values.max():.3g}, from {s:.3g} at the start"
        return Diagnosis("diverged", (reason,), CASES["diverged"], None)
    figures = read_curve(ends, values, s)
    rise = fell = None
    if validation is not None:
        new = _series("validation", validation, None, 1)
        looks = _increasing("validation_steps", validation_steps, len(new), ends[-1])
        if looks[-1] > ends[-1]:
            raise ValueError(
                f"validation_steps must be at most the last step, {ends[-1]:.6g}, got "
                f"{looks[-1]:.6g}"
            )
        rise = rise_of_validation(ends, values, looks, new)
    if learning_rates is not None:
        rates = _series("learning_rates", learning_rates, len(values), 1)
        fell = rates_fell_early(ends, values, rates, s)
    case, reasons = _judge(figures, rise, fell)
    return Diagnosis(case, tuple(reasons), CASES[case], figures)


def _judge(
    f: CurveFigures, rise: tuple[float, float] | None, fell: tuple[float, float] | None
) -> tuple[str, list[str]]:
    """Go through the rules in their order."""
    ends_at = f"ends at {f.level:.3f} of the start"
    if f.level > _ABOVE:
        return "very high", [f"{ends_at}, above it"]
    if f.level > _NOTHING_LEARNED and f.peak > _PEAK:
        return "very high", [ends_at, f"was at {f.peak:.2f} times the start"]
    if f.level > _NOTHING_LEARNED and f.level - f.lowest > _CAME_BACK:
        return "very high", [ends_at, f"had been at {f.lowest:.3f} before"]
    jumped = f"it was at {f.peak:.2f} times the start"
    floor = f"it ends at {f.level:.3f} of the start, above a third"
    if f.level > _FLOOR and f.peak > _PEAK:
        return "high", [floor, jumped]
    if rise and rise[0] > 1 + _RISE and rise[1] < 1 - _TRAINING_FALL and f.length >= _LONG:
        return "overfitting", [
            f"the validation loss ends at {rise[0]:.2f} times its best",
            f"the training loss has since gone on to {rise[1]:.2g} times what it was",
        ]
    if fell and fell[0] >= 10 and fell[1] > _GAINING and f.late_share < _SLOPING:
        return "flattened early", [
            f"{fell[1]:.0%} of all gain was made around the step at which the rate had halved",
            f"it then fell {fell[0]:.3g}-fold and the curve is flat, at {f.level:.3f} of the start",
        ]
    tenth = f"a tenth of the start took {f.tenth:.0f} steps"
    if f.tenth > _SLOW and f.length < _LONG and f.peak <= _PEAK:
        if math.isinf(f.tenth):
            return "low", [f"in {f.steps:.0f} steps it did not come a tenth below the start"]
        return "low", [tenth, f"the run is only {f.length:.1f} times as long"]
    if f.length < _SHORT:
        return "stopped too early", [tenth, f"the run is only {f.length:.1f} times as long"]
    if f.length < _LONG and f.late_fall > _FALLING:
        return "stopped too early", [
            f"the end is at {math.exp(-f.late_fall):.2f} times the first fifth",
            f"the run is only {f.length:.0f} times as long as a tenth of the start took",
        ]
    if f.late_share > _STILL_STEEP and f.late_fall > _FALLING:
        return "stopped too early", [f"the last quarter still made {f.late_share:.0%} of all gain"]
    signs = {
        floor: f.level > _FLOOR,
        jumped: f.peak > _PEAK,
        f"its end is at {math.exp(-f.late_fall):.2f} times its first fifth": f.late_fall < _FLAT,
        f"it is rough: neighbouring means differ by {f.roughness:.1%}": f.roughness > _ROUGH,
    }
    seen = [words for words, there in signs.items() if there]
    if len(seen) >= 2 and f.level > _DOWN:
        return "high", seen
    return "good", [tenth, f"it {ends_at}, where it slopes little"]


def _series(name: str, values: Any, length: int | None, fewest: int) -> NDArray[np.float64]:
    """Return a series of numbers as float64, or say what is wrong with it."""
    wanted = f"of length {length}" if length else f"of at least {fewest} numbers"
    if isinstance(values, Tensor) and values.is_floating_point():
        values = values.detach().double().cpu()
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must be a series {wanted}, got {values!r}") from error
    if array.dtype.kind not in "iuf" or np.ma.is_masked(values):
        raise TypeError(f"{name} must be a series {wanted}, real and none masked, got {values!r}")
    array = array.astype(np.float64)
    if array.ndim != 1 or len(array) < fewest or (length and len(array) != length):
        raise ValueError(f"{name} must be a series {wanted}, got shape {array.shape}")
    if name != "losses" and not (np.isfinite(array).all() and (array >= 0).all()):
        raise ValueError(f"{name} must be finite and at least 0, got {values!r}")
    return array


def _increasing(name: str, values: Any, length: int, last: float = 0.0) -> NDArray[np.float64]:
    """Return numbers of steps, by default even ones up to ``last``, or 1, 2, … without it."""
    if values is None:
        return np.arange(1.0, length + 1) * (last / length if last else 1.0)
    array = _series(name, values, length, 1)
    if (np.diff(array) <= 0).any():
        raise ValueError(f"{name} must increase, got {values!r}")
    if name == "steps" and array[0] <= 0:
        raise ValueError(f"steps must be above 0, got {array[0]}")
    return array
