"""The data of a figure, read back from what is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import (
    Collection,
    LineCollection,
    PathCollection,
    PolyCollection,
    QuadMesh,
)
from matplotlib.container import BarContainer, Container
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import AxLine, Line2D
from matplotlib.patches import Patch, StepPatch
from matplotlib.quiver import Quiver
from matplotlib.ticker import FixedFormatter

__all__ = ["Panel", "Series", "read_panels"]


@dataclass(frozen=True)
class Series:
    """What one artist shows.

    Attributes:
        kind: ``line``, ``points``, ``arrows``, ``bars``, ``image``, ``band``, ``level`` (a line
            across the panel at one y), ``position`` (at one x), ``contours`` or ``shape``.
        label: the artist's label, empty if it has none.
        data: its numbers by name, each a flat float64 array without masked entries; ``x`` and ``y``
            are places in the panel, other names are values shown in another way.
        names: for bars with named places, the names.
    """

    kind: str
    label: str
    data: dict[str, np.ndarray]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One pair of axes: its words, its scales and what it shows."""

    title: str
    xlabel: str
    ylabel: str
    xlog: bool
    ylog: bool
    series: list[Series] = field(default_factory=list)


def read_panels(figure: Figure) -> list[Panel]:
    """Read the data of all panels of a figure in the order drawn, colour bars left out.

    Args:
        figure: any matplotlib figure.

    Returns:
        The panels that show data.

    Raises:
        ValueError: an artist shows data in a way that cannot be read back; the error names it.

    Example:
        >>> from matplotlib.figure import Figure
        >>> figure = Figure()
        >>> _ = figure.subplots().plot([0, 1], [2, 3], label="up")
        >>> read_panels(figure)[0].series[0].data["y"]
        array([2., 3.])
    """
    panels = []
    for axes in figure.axes:
        if axes.get_label() == "<colorbar>":
            continue
        series = list(_read_axes(axes))
        if series:
            panels.append(
                Panel(
                    title=axes.get_title(),
                    xlabel=axes.get_xlabel(),
                    ylabel=axes.get_ylabel(),
                    xlog=axes.get_xscale() != "linear",
                    ylog=axes.get_yscale() != "linear",
                    series=series,
                )
            )
    return panels


def _read_axes(axes: Axes) -> Iterator[Series]:
    bars = [container for container in axes.containers if isinstance(container, BarContainer)]
    in_bars = {id(patch) for container in bars for patch in container.patches}
    for container in bars:
        yield _bars(axes, container)
    for artist in axes.get_children():
        if not artist.get_visible() or artist in (axes.patch, *axes.spines.values()):
            continue
        if isinstance(artist, Line2D):
            yield _line(axes, artist)
        elif isinstance(artist, Collection):
            yield _collection(artist)
        elif isinstance(artist, AxesImage):
            yield _series("image", artist, values=artist.get_array())
        elif isinstance(artist, StepPatch):
            values, edges, _ = artist.get_data()
            yield _series("line", artist, x=edges[:-1], y=values)
        elif isinstance(artist, Patch) and id(artist) not in in_bars:
            corners = (
                artist.get_path().vertices @ artist.get_patch_transform().get_matrix()[:2, :2].T
            )
            corners = corners + artist.get_patch_transform().get_matrix()[:2, 2]
            yield _series("shape", artist, x=corners[:, 0], y=corners[:, 1])


def _series(
    kind: str, artist: Artist | Container, names: tuple[str, ...] = (), **data: Any
) -> Series:
    label = str(artist.get_label() or "")
    return Series(
        kind,
        "" if label.startswith("_") else label,
        {name: _numbers(values) for name, values in data.items()},
        names,
    )


def _numbers(values: Any) -> np.ndarray:
    return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan).ravel()


def _line(axes: Axes, line: Line2D) -> Series:
    if isinstance(line, AxLine):
        raise ValueError(f"{line!r} has no data to describe: draw it with ax.plot")
    x, y = np.asarray(line.get_xdata(orig=False)), np.asarray(line.get_ydata(orig=False))
    if line.get_transform() == axes.get_yaxis_transform(which="grid"):
        return _series("level", line, y=y[:1])
    if line.get_transform() == axes.get_xaxis_transform(which="grid"):
        return _series("position", line, x=x[:1])
    if line.get_linestyle() in ("None", "", " "):
        return _series("points", line, x=x, y=y)
    return _series("line", line, x=x, y=y)


def _collection(artist: Collection) -> Series:
    if isinstance(artist, ContourSet):
        span = [artist.zmin, artist.zmax]  # type: ignore[attr-defined]  # not in matplotlib's stubs
        return _series("contours", artist, values=span)
    if isinstance(artist, Quiver):
        return _series("arrows", artist, x=artist.X, y=artist.Y, u=artist.U, v=artist.V)
    if isinstance(artist, QuadMesh):
        return _series("image", artist, values=artist.get_array())
    if isinstance(artist, PathCollection):
        places = np.ma.filled(np.ma.asarray(artist.get_offsets(), dtype=np.float64), np.nan)
        return _series("points", artist, x=places[:, 0], y=places[:, 1])
    if isinstance(artist, LineCollection | PolyCollection):
        kind = "band" if isinstance(artist, PolyCollection) else "points"
        paths = [path.vertices for path in artist.get_paths()] or [np.empty((0, 2))]
        corners = np.concatenate(paths)
        return _series(kind, artist, x=corners[:, 0], y=corners[:, 1])
    raise ValueError(
        f"{artist!r} cannot be described: "
        "use lines, points, arrows, bars, bands, images or contours"
    )


def _bars(axes: Axes, container: BarContainer) -> Series:
    upright = container.orientation != "horizontal"
    if upright:
        places = [bar.get_x() + bar.get_width() / 2 for bar in container.patches]
        values = [bar.get_height() for bar in container.patches]
    else:
        places = [bar.get_y() + bar.get_height() / 2 for bar in container.patches]
        values = [bar.get_width() for bar in container.patches]
    formatter = (axes.xaxis if upright else axes.yaxis).get_major_formatter()
    names: tuple[str, ...] = ()
    if isinstance(formatter, StrCategoryFormatter | FixedFormatter):
        names = tuple(formatter.format_ticks(places))
    if names:
        return _series("bars", container, names, values=values)
    return _series("bars", container, x=places, values=values)
