"""Words for one series, for several of a kind, and for the panel around them."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from course_lib.plotting.artists import Panel, Series
from course_lib.rounding import significant

__all__ = ["PLURALS", "tell_group", "tell_place", "tell_series"]

PLURALS = {
    "line": "lines",
    "band": "bands",
    "level": "levels",
    "position": "positions",
    "shape": "shapes",
    "image": "images",
}
"""Kinds of series whose name counts one thing."""

# Smaller than this times the largest number beside it, a number is round-off, not a result.
_ROUND_OFF = 1e-12
_FEW = 5


def tell_place(panels: list[Panel], *, named: bool) -> str:
    """Say what the panels show over which x, for instance ``error over step 0 to 100``.

    Args:
        panels: one panel, or several that are told together.
        named: whether the first panel's words are used.
    """
    places = [s.data["x"] for panel in panels for s in panel.series if _lies_along_x(s)]
    name = _plain(panels[0].title or panels[0].ylabel) if named else f"{len(panels)} panels"
    if not places:
        return name or "Shown"
    axis = (_plain(panels[0].xlabel) if named else "") or "x"
    span = _span(_finite(np.concatenate(places)), _position)
    return f"{name} over {axis} {span}" if name else f"{axis} {span}"


def tell_series(series: Series, panel: Panel, *, thorough: bool) -> str:
    """Say what one series shows.

    Args:
        series: the series.
        panel: the panel it is in; numbers far below the panel's largest are told as round-off.
        thorough: tell also how low and how high a line goes between its ends.
    """
    label = _plain(series.label)
    number = _number_in(panel)
    if series.kind == "line":
        return f"{label} {_tell_line(series, number, thorough)}".strip()
    if series.kind == "bars" and len(series.data["values"]) <= _FEW:
        names = series.names or [""] * len(series.data["values"])
        told = ", ".join(
            f"{_plain(n)} {number(v)}".strip()
            for n, v in zip(names, series.data["values"], strict=True)
        )
        return f"{label or 'bars'} {told}"
    return f"{label} {tell_group([(series, panel)])}".strip()


def _tell_line(series: Series, number: Callable[[float], str], thorough: bool) -> str:
    x, y = series.data["x"], series.data["y"]
    shown = np.isfinite(x) & np.isfinite(y)
    if not shown.any():
        return "nowhere finite"
    lost = "" if np.isfinite(y[-1]) else ", then not finite"
    x, y = x[shown], y[shown]
    if not (np.diff(x) >= 0).all():
        start, end = (f"({_position(x[i])}, {number(y[i])})" for i in (0, -1))
        return f"from {start} to {end}{lost}"
    start, end, low, high = (number(v) for v in (y[0], y[-1], y.min(), y.max()))
    if start == end == low == high:
        return f"stays {start}{lost}"
    told = f"from {start} to {end}"
    if thorough and low not in (start, end):
        told += f", lowest {low}"
    if thorough and high not in (start, end):
        told += f", highest {high}"
    return told + lost


def tell_group(members: list[tuple[Series, Panel]]) -> str:
    """Say what several series of one kind show, as ranges.

    Args:
        members: the series, each with its panel.
    """
    kind = members[0][0].kind
    number = _number_in(*(panel for _, panel in members))

    def span(name: str, pick: slice = slice(None)) -> str:
        parts = [_finite(series.data[name])[pick] for series, _ in members]
        return _span(np.concatenate(parts), number)

    several = "" if len(members) == 1 else f"{len(members)} {PLURALS.get(kind, kind)} "
    if kind == "line":
        return f"{several}from {span('y', slice(1))} to {span('y', slice(-1, None))}"
    if kind == "arrows":
        u, v = (np.concatenate([s.data[name] for s, _ in members]) for name in "uv")
        mean = f"({number(np.nanmean(u))}, {number(np.nanmean(v))})"
        length = _span(_finite(np.hypot(u, v)), number)
        start = f"({span('x')}, {span('y')})"
        return f"{u.size} arrows from {start}, lengths {length}, mean {mean}"
    if kind == "points":
        count = sum(series.data["y"].size for series, _ in members)
        return f"{count} points, y {span('y')}"
    if kind == "bars":
        count = sum(series.data["values"].size for series, _ in members)
        return f"{count} bars, {span('values')}"
    if kind == "contours":
        return f"{several or 'contours '}of values {span('values')}"
    if kind == "image":
        values = np.concatenate([_finite(s.data["values"]) for s, _ in members])
        mean = number(values.mean()) if values.size else "none"
        return f"{several or kind + ' '}of values {span('values')}, mean {mean}"
    if kind == "position":
        return f"{several or 'line '}at x {span('x')}"
    if kind == "level":
        return f"{several or 'line '}at {span('y')}"
    return f"{several or kind + ' '}between {span('y').replace(' to ', ' and ')}"


def _number_in(*panels: Panel) -> Callable[[float], str]:
    """A function that writes a number as it can be read in these panels."""
    told = [
        np.abs(_finite(values))
        for panel in panels
        for series in panel.series
        for name, values in series.data.items()
        if name != "x"
    ]
    floor = _ROUND_OFF * max((values.max(initial=0) for values in told), default=0)
    log = any(panel.ylog for panel in panels)

    def number(value: float) -> str:
        if abs(value) >= floor or value == 0:
            return _short(value)
        return f"below {significant(floor, 1)}" if log else "0"

    return number


def _position(value: float) -> str:
    """A place on the x axis: a whole number is a count and told in full."""
    if abs(value) < 1e6 and abs(value - round(value)) < 1e-9 * max(1, abs(value)):
        return str(round(value))
    return _short(value)


def _short(value: float) -> str:
    """Two significant digits, zeros at the end left out: 1 rather than 1.0."""
    mantissa, e, exponent = significant(value).partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa + e + exponent


def _span(values: np.ndarray, write: Callable[[float], str]) -> str:
    if values.size == 0:
        return "nothing finite"
    low, high = write(values.min()), write(values.max())
    return low if low == high else f"{low} to {high}"


def _lies_along_x(series: Series) -> bool:
    return "x" in series.data and series.kind not in ("position", "arrows")


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _plain(text: str) -> str:
    """A label without the marks of mathematical typesetting."""
    text = re.sub(r"\\(?:mathrm|text|mathbf|mathcal|operatorname)\b|[${}]", "", text)
    return re.sub(r"\s+", " ", text.replace("\\", "")).strip()
