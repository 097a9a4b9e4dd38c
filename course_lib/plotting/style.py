"""One style for all figures: readable on a white and on a dark page, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

__all__ = ["COLORS", "FONT_POINTS", "PIXELS_PER_INCH", "Palette", "figure", "style"]

# A page shows a figure PIXELS_PER_INCH wide an inch, a phone shrinks it to PHONE_PIXELS.
PIXELS_PER_INCH = 100
PHONE_PIXELS = 360
FONT_POINTS = 11.5
LEGIBLE_PIXELS = 8
WIDEST = FONT_POINTS / 72 * PHONE_PIXELS / LEGIBLE_PIXELS


class Palette(NamedTuple):
    """Colours that stand out on white and near black, and that colour-blind readers tell apart."""

    blue: str = "#2f6df0"
    orange: str = "#c08305"
    teal: str = "#2aa198"
    red: str = "#cb1640"
    purple: str = "#9a50b8"
    grey: str = "#767676"


COLORS = Palette()
"""The colours, by name (``COLORS.blue``) or in order; grey is for what only gives context."""

_STYLE: dict[RcKeyType, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": COLORS.grey,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": COLORS.grey,
    "axes.labelsize": FONT_POINTS,
    "axes.prop_cycle": cycler(color=COLORS[:5]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": COLORS.grey,
    "axes.titlesize": FONT_POINTS,
    "figure.edgecolor": "none",
    "figure.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": FONT_POINTS,
    "grid.alpha": 0.25,
    "grid.color": COLORS.grey,
    "grid.linewidth": 0.7,
    "image.cmap": "cividis",
    "legend.facecolor": "none",
    "legend.fontsize": FONT_POINTS,
    "legend.frameon": False,
    "legend.labelcolor": COLORS.grey,
    "lines.linewidth": 2.0,
    "lines.markersize": 6,
    "savefig.facecolor": "none",
    "text.color": COLORS.grey,
    "xtick.color": COLORS.grey,
    "xtick.labelsize": FONT_POINTS,
    "ytick.color": COLORS.grey,
    "ytick.labelsize": FONT_POINTS,
}


@contextmanager
def style() -> Iterator[None]:
    """Use the course's style inside the block, whatever the reader's own settings are.

    Example:
        >>> with style():
        ...     matplotlib.rcParams["lines.linewidth"]
        2.0
    """
    with matplotlib.rc_context():
        matplotlib.rcParams.update(
            {
                key: value
                for key, value in matplotlib.rcParamsDefault.items()
                if key not in ("backend", "interactive", "toolbar", "timezone")
            }
        )
        matplotlib.rcParams.update(_STYLE)
        yield


@contextmanager
def figure(
    rows: int = 1, columns: int = 1, *, width: float = 6.0, height: float | None = None, **axes: Any
) -> Iterator[tuple[Figure, Any]]:
    """Draw a figure in the course's style.

    Text has 11.5 points, so that it stays legible when a phone shrinks the figure to 360 pixels;
    that bounds the width. Put panels below each other rather than more than two side by side.

    Args:
        rows: number of panels below each other.
        columns: number of panels side by side.
        width: in inches, at most 7.1; a page shows 100 pixels an inch.
        height: in inches; by default 3.6 for each row.
        **axes: passed to :meth:`matplotlib.figure.Figure.subplots`, for instance ``sharex=True``.

    Yields:
        The figure and its axes: one ``Axes``, or an array of them if there are several panels.

    Raises:
        ValueError: ``width`` is so large that text would be too small on a phone, or ``width`` or
            ``height`` is not positive and finite.
        TypeError: ``width`` or ``height`` is not a number.

    Example:
        >>> with figure() as (fig, ax):
        ...     _ = ax.plot([0, 1, 2], [1.0, 0.5, 0.25])
        ...     _ = ax.set(xlabel="step", ylabel="error")
    """
    _check_inches("width", width, WIDEST, ": wider figures have illegible text on a phone")
    if height is None:
        height = 3.6 * rows
    _check_inches("height", height)
    with style():
        fig = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(fig)
        yield fig, fig.subplots(rows, columns, **axes)


def _check_inches(name: str, value: Any, most: float | None = None, why: str = "") -> None:
    limit = "finite" if most is None else f"at most {most:.1f} inches"
    message = f"{name} must be positive and {limit}, got {value!r}{why}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(message)
    if not (0 < float(value) < inf and (most is None or float(value) <= most)):
        raise ValueError(message)
