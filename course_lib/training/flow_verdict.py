"""Do gradients vanish or explode on their way from the last layer to the first?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_lib.arguments import check_number

__all__ = ["FlowVerdict", "judge_flow"]


@dataclass(frozen=True)
class FlowVerdict:
    """What has become of the gradient between the last layer and the first.

    ``str(verdict)`` says it in a sentence.

    Attributes:
        name: ``vanishing``, ``exploding``, ``even`` or ``not finite``.
        first: name of the first layer that has a gradient.
        last: name of the last one.
        ratio: size of the gradient in the first layer over that in the last.
        per_layer: by which factor it changes from a layer to the one before, on geometric average.
    """

    name: str
    first: str
    last: str
    ratio: float
    per_layer: float

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.name == "not finite":
            return "not finite: a gradient is infinite or not a number"
        return (
            f"{self.name}: a typical entry of the gradient in layer {self.first} is "
            f"{self.ratio:.2g} times one in layer {self.last}, "
            f"a factor of {self.per_layer:.2g} for each layer on the way back"
        )


def judge_flow(layers: Sequence[str], sizes: NDArray[np.float64], factor: float) -> FlowVerdict:
    """Judge how sizes of gradients change from the last layer to the first.

    Args:
        layers: names, in the order in which the data pass through.
        sizes: size of the gradient by step and layer, shape (S, L); NaN where there was none.
        factor: a ratio of the first to the last layer below 1 / ``factor`` is called vanishing, one
            above ``factor`` exploding.

    Raises:
        TypeError, ValueError: ``factor`` is not above 1, or fewer than two layers have a gradient.

    Example:
        >>> judge_flow(["a", "b", "c"], np.array([[1e-6, 1e-3, 1.0]]), factor=100).name
        'vanishing'
    """
    factor = check_number("factor", factor, above=1)
    seen = np.flatnonzero(~np.isnan(sizes).all(axis=0))
    if len(seen) < 2:
        raise ValueError(f"a verdict needs gradients in two layers or more, got {len(seen)}")
    first, last = layers[seen[0]], layers[seen[-1]]
    middle = np.nanmedian(sizes[:, seen], axis=0)
    if not np.isfinite(middle).all():
        return FlowVerdict("not finite", first, last, math.nan, math.nan)
    if middle[-1] > 0:
        ratio = float(middle[0] / middle[-1])
    else:
        ratio = math.inf if middle[0] > 0 else math.nan
    if ratio < 1 / factor or not middle.any():
        name = "vanishing"
    else:
        name = "exploding" if ratio > factor else "even"
    return FlowVerdict(name, first, last, ratio, ratio ** (1 / (len(seen) - 1)))
