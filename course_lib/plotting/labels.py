"""Names written beside lines, in the lines' colours."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from course_lib.plotting.style import FONT_POINTS

__all__ = ["label_line", "spread_labels"]

_AT_END = "label at the end of a line"


def label_line(
    line: Line2D, text: str | None = None, *, at: float | None = None, above: bool = True
) -> Annotation:
    """Write a line's name beside it in its colour, which reads more easily than a legend.

    Args:
        line: the line, as ``ax.plot`` returned it.
        text: its name; by default the line's label.
        at: the x at whose nearest data point the name stands; by default right of the last point.
            Points that are not finite are not drawn and do not count.
        above: with ``at``, whether the name stands above the line or below it.

    Returns:
        The annotation.

    Raises:
        TypeError: ``line`` is no line.
        ValueError: the line is empty, nowhere finite or in no axes, or there is no text.
    """
    if not isinstance(line, Line2D):
        raise TypeError(
            f"line must be one line, such as the first of those that ax.plot returns, got {line!r}"
        )
    if text is None:
        text = str(line.get_label())
    if not isinstance(text, str) or not text.strip() or text.startswith("_"):
        raise ValueError(f"text must be the line's name, got {text!r}: the line has no label")
    x, y = np.asanyarray(line.get_xdata()), np.asanyarray(line.get_ydata())
    if len(x) == 0:
        raise ValueError(f"line must have data to label it {text!r}, got an empty line")
    axes = line.axes
    if not isinstance(axes, Axes):
        raise ValueError(f"line must be drawn in axes to be labelled, got {line!r}")
    if str(line.get_label()).startswith("_"):
        line.set_label(text)
    drawn = _drawn(line)
    if at is None:
        index, offset, horizontal, vertical = drawn[-1], (6, 0), "left", "center"
    else:
        index = min(drawn, key=lambda i: abs(x[i] - at))
        offset, horizontal = (0, 6 if above else -6), "center"
        vertical = "bottom" if above else "top"
    label = axes.annotate(
        text,
        (x[index], y[index]),
        xytext=offset,
        textcoords="offset points",
        color=line.get_color(),
        ha=horizontal,
        va=vertical,
        annotation_clip=False,
        fontsize=FONT_POINTS,
    )
    label.set_gid(_AT_END if at is None else None)
    return label


def _drawn(line: Line2D) -> list[int]:
    """The positions of the line's points that are finite, at least one."""
    places = np.ma.filled(np.ma.asarray(line.get_xydata(), dtype=np.float64), np.nan)
    drawn = np.flatnonzero(np.isfinite(places).all(axis=1)).tolist()
    if not drawn:
        raise ValueError(f"line must have a finite point to be labelled, got none in {line!r}")
    return drawn


def spread_labels(figure: Figure) -> None:
    """Move names at the ends of lines up or down until none lies on another.

    Args:
        figure: the figure, complete but for this.
    """
    figure.draw_without_rendering()
    points_per_pixel = 72 / figure.dpi
    for axes in figure.axes:
        labels = [text for text in axes.texts if text.get_gid() == _AT_END]
        if len(labels) < 2:
            continue
        boxes = {label: label.get_window_extent() for label in labels}
        labels.sort(key=lambda label: boxes[label].y0)
        floor = -float("inf")
        shifts = []
        for label in labels:
            shift = max(floor - boxes[label].y0, 0.0)
            shifts.append(shift)
            floor = boxes[label].y1 + shift
        # Half of the push goes the other way, so that names stay near their lines on both sides.
        for run in _runs(shifts):
            back = shifts[run[-1]] / 2 if len(run) > 1 else 0.0
            for index in run:
                x, y = labels[index].get_position()
                labels[index].set_position((x, y + (shifts[index] - back) * points_per_pixel))


def _runs(shifts: list[float]) -> list[list[int]]:
    """Groups of neighbours of which all but the first were pushed."""
    runs: list[list[int]] = []
    for index, shift in enumerate(shifts):
        if shift > 0 and runs:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs
