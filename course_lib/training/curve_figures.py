"""What can be measured on a loss curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["CurveFigures", "rates_fell_early", "read_curve", "rise_of_validation"]

_PER_DECADE = 16  # windows for each factor of ten in the number of steps


@dataclass(frozen=True)
class CurveFigures:
    r"""Figures of a loss curve of :math:`T` steps that starts at :math:`s`.

    None depends on the unit of the loss. Means are over steps.

    Attributes:
        steps: :math:`T`.
        level: mean of the last tenth, over :math:`s`.
        lowest: smallest mean over a window, over :math:`s`.
        peak: largest mean over a window, over :math:`s`.
        first_tenth: steps :math:`b` until the smoothed loss first lay 10 % below :math:`s`, with
            the mean over :math:`(b, 4b]` below as well, so that a lucky batch does not count;
            infinite if it never did.
        next_tenths: half of the steps from there until it lay 30 % below, in the same sense; after
            a plateau they are fewer than those of the first tenth.
        late_share: what the last quarter lies below the third, as a share of all that was gained.
        late_fall: logarithm of the mean over :math:`(T/10, T/5]`, over that of the last tenth.
        roughness: standard deviation of the logarithm between neighbouring windows of the last
            three quarters, over :math:`\sqrt2`; each window is about a seventh longer than the one
            before, if the curve is fine enough.
    """

    steps: float
    level: float
    lowest: float
    peak: float
    first_tenth: float
    next_tenths: float
    late_share: float
    late_fall: float
    roughness: float

    @property
    def tenth(self) -> float:
        """Steps in which the loss fell by a tenth of the start, at first or after a plateau.

        A start of less than 20 steps is no plateau; the next tenths are too noisy then.
        """
        return min(self.first_tenth, max(self.next_tenths, 20.0))

    @property
    def length(self) -> float:
        """Length of the run in units of the time that a tenth took."""
        return self.steps / self.tenth


class _Means:
    """Means of a step function: loss j holds on the steps after ends j - 1 up to ends j."""

    def __init__(self, ends: NDArray[np.float64], losses: NDArray[np.float64]) -> None:
        self._ends = np.insert(ends, 0, 0.0)
        self._sums = np.insert(np.cumsum(losses * np.diff(self._ends)), 0, 0.0)

    def __call__(self, low: float, high: float) -> float:
        below, above = np.interp([low, high], self._ends, self._sums)
        return float(above - below) / (high - low)


def _windows(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ends of windows that grow geometrically and are nowhere finer than the curve."""
    first, last = ends[0], ends[-1]
    count = max(2, round(_PER_DECADE * math.log10(last / first)) + 1)
    wanted = np.geomspace(first, last, count)
    return np.unique(ends[np.minimum(np.searchsorted(ends, wanted * (1 - 1e-9)), len(ends) - 1)])


def read_curve(
    ends: NDArray[np.float64], losses: NDArray[np.float64], start: float
) -> CurveFigures:
    """Measure a curve of finite losses.

    Args:
        ends: step at which the window of each loss ends, increasing, shape (n,).
        losses: mean loss of each window, at least 0, shape (n,).
        start: loss before training, above 0.

    Example:
        >>> steps = np.arange(1.0, 1001)
        >>> figures = read_curve(steps, 2 * np.exp(-steps / 100), 2.0)
        >>> round(figures.first_tenth), figures.level < 1e-3
        (12, True)
    """
    # A zero has no logarithm; what is a trillion times below the start counts as a trillionth.
    relative = np.maximum(losses / start, 1e-12)
    mean, T = _Means(ends, relative), float(ends[-1])
    windows = _windows(ends)
    edges = np.insert(windows, 0, 0.0)
    values = np.array([mean(a, b) for a, b in pairwise(edges)])
    smooth = np.array([mean(0.7 * b if b > ends[0] else 0.0, b) for b in windows])
    after = np.array([mean(b, min(4 * b, T)) if b < T else 0.0 for b in windows])

    def first_below(share: float) -> float:
        under = windows[(smooth < share) & (after < share)]
        return float(under[0]) if len(under) else math.inf

    first, third_tenth = first_below(0.9), first_below(0.7)
    third, fourth = mean(T / 2, 3 * T / 4), mean(3 * T / 4, T)
    level = mean(0.9 * T, T)
    jumps = np.diff(np.log(values[windows > T / 4]))
    return CurveFigures(
        steps=T,
        level=level,
        lowest=float(min(smooth.min(), level)),
        peak=float(values.max()),
        first_tenth=first,
        next_tenths=(third_tenth - first) / 2 if third_tenth < math.inf else math.inf,
        late_share=(third - fourth) / max(1 - fourth, 0.01),
        late_fall=math.log(mean(T / 10, T / 5) / level),
        roughness=float(np.std(jumps) / math.sqrt(2)) if len(jumps) > 1 else 0.0,
    )


def rise_of_validation(
    ends: NDArray[np.float64],
    losses: NDArray[np.float64],
    looks: NDArray[np.float64],
    validation: NDArray[np.float64],
) -> tuple[float, float]:
    """Ratios since validation was best: of the validation loss, and of the training loss.

    The validation loss is smoothed by the median of three looks. What counts as its rise is the
    lowest look of the last third of those after the best: one high value is no rise.
    """
    padded = np.pad(validation, 1, mode="edge")
    smooth = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    best = int(smooth.argmin())
    after = validation[best + 1 :]
    if len(after) < 3:
        return 1.0, 1.0
    late = float(after[-(len(after) // 3) :].min())
    mean, T, at = _Means(ends, losses), float(ends[-1]), float(np.clip(looks[best], 1e-9, ends[-1]))
    training = mean(0.9 * T, T) / max(mean(0.8 * at, at), 1e-300)
    return late / max(float(smooth[best]), 1e-300), training


def rates_fell_early(
    ends: NDArray[np.float64],
    losses: NDArray[np.float64],
    rates: NDArray[np.float64],
    start: float,
) -> tuple[float, float]:
    """Say how far the learning rate fell, and how much the curve was gaining at that time.

    Returns:
        The largest rate over the last; and, with k the step at which the rate first lay below half
        of its largest, the mean over (k/4, k/2] less that over (k, 4k], as a share of all gained.
    """
    top = int(rates.argmax())
    fall = float(rates[top] / max(rates[-1], 1e-300))
    halved = np.flatnonzero(rates[top:] < rates[top] / 2)
    T, mean = float(ends[-1]), _Means(ends, losses)
    k = float(ends[top + halved[0]]) if len(halved) else T
    gained = start - mean(0.9 * T, T)
    if k >= T or gained <= 0:
        return fall, 0.0
    return fall, (mean(k / 4, k / 2) - mean(k, min(4 * k, T))) / gained
