"""The table of slides 7 to 10: what is wanted of a hidden activation, computed from each one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.arguments import check_number
from course_lib.design_choices.activation_catalogue import ACTIVATIONS, Activation
from course_lib.design_choices.slopes import (
    FAR,
    Jump,
    Kink,
    check_interval,
    find_jumps,
    find_kinks,
    find_range,
    values_at,
)
from course_lib.operation_count import OperationCount
from course_lib.rounding import significant

__all__ = ["Cost", "Desiderata", "desiderata", "desiderata_table"]

Interval = tuple[float, float]

_CELLS = 4001  # odd, so that 0 lies in the middle of a cell of a symmetric interval


class Cost(NamedTuple):
    """Operations for each entry of a tensor, as the implementation makes them.

    Attributes:
        total: all of them; a comparison or a choice counts as much as a product.
        transcendental: those that are exponentials, logarithms and the like.
    """

    total: int
    transcendental: int


@dataclass(frozen=True)
class Desiderata:
    """What one activation offers, computed in float64 on an interval.

    Attributes:
        name: the activation's.
        interval: where it was looked at, in 4001 cells.
        threshold: below which a slope counts as small.
        jumps: points where it is not continuous.
        kinks: points where it is continuous, with two one-sided slopes.
        flat: intervals where the slope is exactly 0.
        flat_share: the share of the interval that they make up.
        small: intervals where the slope is below the threshold in absolute value.
        small_share: the share of the interval that they make up.
        slopes: smallest and largest slope.
        slope_far_left: slope at -1e6, which is what is left of it for very negative inputs.
        slope_far_right: slope at 1e6.
        values: smallest and largest value, infinite where it grows for ever.
        mean: its mean for standard Gaussian inputs.
        even: whether f(-x) = f(x).
        odd: whether f(-x) = -f(x).
        increasing: whether it nowhere decreases.
        cost: operations for each entry.
    """

    name: str
    interval: Interval
    threshold: float
    jumps: tuple[Jump, ...]
    kinks: tuple[Kink, ...]
    flat: tuple[Interval, ...]
    flat_share: float
    small: tuple[Interval, ...]
    small_share: float
    slopes: Interval
    slope_far_left: float
    slope_far_right: float
    values: Interval
    mean: float
    even: bool
    odd: bool
    increasing: bool
    cost: Cost

    @property
    def differentiable(self) -> bool:
        """Whether there is a derivative everywhere on the interval."""
        return not self.jumps and not self.kinks

    @property
    def zero_centred(self) -> bool:
        """Whether symmetric inputs give values with mean zero."""
        return abs(self.mean) < 1e-9

    def row(self) -> dict[str, str]:
        """Return the row of the table: heading and text.

        ``mean`` is for standard Gaussian inputs; ``far slopes`` are left and right; of the
        ``operations`` the transcendental ones stand in parentheses.
        """
        kinds = [kind for kind in ("even", "odd", "increasing") if getattr(self, kind)]
        breaks = [f"{_text(jump.x)} (jump)" for jump in self.jumps]
        breaks += [f"{_text(kink.x)} (kink)" for kink in self.kinks]
        return {
            "activation": self.name,
            "no derivative at": ", ".join(breaks) or "–",
            "slope zero": _share(self.flat, self.flat_share),
            f"slope below {self.threshold:g}": _share(self.small, self.small_share),
            "slopes": " to ".join(map(_text, self.slopes)),
            "far slopes": f"{_text(self.slope_far_left)}, {_text(self.slope_far_right)}",
            "values": " to ".join(map(_text, self.values)),
            "mean": "0" if self.zero_centred else _text(self.mean),
            "kind": ", ".join(kinds) or "–",
            "operations": f"{self.cost.total} ({self.cost.transcendental})",
        }


def desiderata(
    activations: Mapping[str, Activation] | Iterable[Activation] | None = None,
    *,
    interval: Interval = (-10.0, 10.0),
    threshold: float = 1e-4,
) -> list[Desiderata]:
    r"""Compute what each activation offers of what slide 7 wants.

    The slide asks for three things: a derivative (almost) everywhere, one that is not zero
    (almost) everywhere, and a low cost. Nothing is looked up: jumps and kinks are found in the
    function's values by one-sided slopes, zero and small slopes in its derivative on the cells of
    a grid, operations by watching it run. Resolution is a cell, 1/4001 of the interval: of two
    kinks within one cell only one is seen.

    Args:
        activations: those wanted; all of :data:`ACTIVATIONS` by default.
        interval: where to look, two numbers from -1e6 to 1e6, apart by at least 0.001 and by 0.0001
            of the larger one in absolute value: float64 resolves no finer cells.
        threshold: positive number; slopes below it count as small.

    Returns:
        One entry for each activation, in their order.

    Raises:
        TypeError, ValueError: an argument or what an activation returns is not as said, or there is
            no activation.

    Example:
        >>> relu, = desiderata([ACTIVATIONS["relu"]])
        >>> relu.kinks[0].x, relu.flat, relu.flat_share, relu.cost.total
        (0.0, ((-10.0, 0.0),), 0.5, 1)

    Source: slides 7 to 10.
    """
    chosen = _activations(activations)
    low, high = check_interval(interval)
    check_number("threshold", threshold, above=0)
    return [_desiderata(activation, low, high, float(threshold)) for activation in chosen]


def desiderata_table(entries: Iterable[Desiderata], columns: Sequence[str] | None = None) -> str:
    """Return a table in Markdown with a row for each entry.

    Args:
        entries: what :func:`desiderata` returns; all of one threshold.
        columns: headings of the columns wanted, of those of :meth:`Desiderata.row`; all of them
            by default.

    Raises:
        ValueError: there is no entry, their thresholds differ, or there is no such column.

    Example:
        >>> relu = desiderata([ACTIVATIONS["relu"]])
        >>> print(desiderata_table(relu, ["activation", "no derivative at", "slope zero"]))
        | activation | no derivative at | slope zero |
        | --- | --- | --- |
        | ReLU | 0 (kink) | −10 to 0 (50%) |
    """
    rows = [entry.row() for entry in entries]
    if not rows or any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("entries must be at least one, and all of the same threshold")
    chosen = list(rows[0]) if columns is None else list(columns)
    for column in chosen:
        if column not in rows[0]:
            raise ValueError(f"columns must be some of {list(rows[0])}, got {column!r}")
    lines = [chosen, ["---"] * len(chosen), *([row[column] for column in chosen] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _desiderata(activation: Activation, low: float, high: float, threshold: float) -> Desiderata:
    f = activation.function
    steps = torch.arange(-_CELLS, _CELLS + 1, 2, dtype=torch.float64, device="cpu") / _CELLS
    edges = (low + high) / 2 + (high - low) / 2 * steps  # exactly symmetric if the interval is
    x = (edges[:-1] + edges[1:]) / 2
    y, mirrored = values_at(x, f, f"the function of {activation.name}"), f(-x)
    slopes = values_at(x, activation.derivative, f"the derivative of {activation.name}", steep=True)
    jumps = find_jumps(f, edges)
    kinks = find_kinks(f, edges, jumps)
    breaks = x.new_tensor([jump.x for jump in jumps] + [kink.x for kink in kinks])
    smooth = ((x[:, None] - breaks).abs() > (high - low) / _CELLS).all(1)
    far = activation.derivative(x.new_tensor([-FAR, FAR])).tolist()
    odd_error = (y + mirrored).abs().max()
    even_error = (y - mirrored).abs().max()
    flat = _runs(edges, slopes == 0, smooth, breaks)
    small = _runs(edges, slopes.abs() < threshold, smooth, breaks)
    return Desiderata(
        name=activation.name,
        interval=(low, high),
        threshold=threshold,
        jumps=tuple(jumps),
        kinks=tuple(kinks),
        flat=flat,
        flat_share=(slopes == 0)[smooth].double().mean().item(),
        small=small,
        small_share=(slopes.abs() < threshold)[smooth].double().mean().item(),
        slopes=(slopes[smooth].min().item(), slopes[smooth].max().item()),
        slope_far_left=far[0],
        slope_far_right=far[1],
        values=find_range(f, y),
        mean=_gaussian_mean(f),
        even=bool(even_error < 1e-12),
        odd=bool(odd_error < 1e-12),
        increasing=bool((y.diff() > -1e-12).all()),
        cost=_cost(f),
    )


def _cost(f: Callable[[Tensor], Tensor]) -> Cost:
    entries = 1000  # more than there are operations on single numbers, which round down to none
    x = torch.linspace(-2.0, 2.0, entries, dtype=torch.float64, device="cpu")
    with OperationCount() as count:
        f(x)
    return Cost(count.total // entries, count.transcendental // entries)


def _runs(edges: Tensor, where: Tensor, smooth: Tensor, breaks: Tensor) -> tuple[Interval, ...]:
    """The intervals made of neighbouring cells in which ``where`` holds.

    An interval ends at the edge of a cell, or at the break that lies in the cell after it.
    """
    runs: list[list[float]] = []
    inside = (where & smooth).tolist()
    for i, holds in enumerate(inside):
        if holds and i and inside[i - 1]:
            runs[-1][1] = edges[i + 1].item()
        elif holds:
            runs.append([edges[i].item(), edges[i + 1].item()])
    reach = 2 * (edges[1] - edges[0]).item()
    for run in runs:
        for side in (0, 1):
            for point in breaks.tolist():
                if abs(run[side] - point) < reach:
                    run[side] = point
    return tuple((start + 0.0, end + 0.0) for start, end in runs)


def _gaussian_mean(f: Callable[[Tensor], Tensor]) -> float:
    """The mean of f for standard Gaussian inputs, by the trapezoid rule."""
    z = torch.arange(-12000, 12001, dtype=torch.float64, device="cpu") / 1000
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    return torch.trapezoid(f(z) * density, z).item()


def _share(intervals: tuple[Interval, ...], share: float) -> str:
    if not intervals:
        return "–"
    return f"{', '.join(' to '.join(map(_text, ends)) for ends in intervals)} ({share:.0%})"


def _text(number: float) -> str:
    """Write a number with three significant digits, without zeros at the end."""
    text = significant(number, 3)
    if "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("inf", "∞").replace("-", "−")


def _activations(
    activations: Mapping[str, Activation] | Iterable[Activation] | None,
) -> list[Activation]:
    if activations is None:
        activations = ACTIVATIONS
    if isinstance(activations, Mapping):
        activations = activations.values()
    if not isinstance(activations, Iterable):
        raise TypeError(f"activations must be some Activation objects, got {activations!r}")
    chosen = list(activations)
    for activation in chosen:
        if not isinstance(activation, Activation):
            raise TypeError(f"activations must be Activation objects, got {activation!r}")
    if not chosen:
        raise ValueError("activations must be at least one, got none")
    return chosen
