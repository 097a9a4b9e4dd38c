"""The data read back from a figure are the data that were drawn, for each kind of artist."""

import numpy as np
import pytest
from matplotlib.patches import Ellipse

from course_lib.plotting import figure, show
from course_lib.plotting.artists import read_panels
from course_lib.plotting.description import describe

X = np.linspace(1.0, 4.0, 4)
Y = np.array([0.5, 2.5, 1.5, 3.5])


def redrawn(draw, *values):
    """The series of a figure on which `draw` has drawn."""
    with figure() as (fig, ax):
        draw(ax, *values)
    return read_panels(fig)[0].series


DRAWINGS = {
    "line": lambda ax, y: ax.plot(X, y),
    "log line": lambda ax, y: ax.loglog(X, y),
    "markers": lambda ax, y: ax.plot(X, y, "o"),
    "scatter": lambda ax, y: ax.scatter(X, y),
    "quiver": lambda ax, y: ax.quiver(X, X, y, -y),
    "bars": lambda ax, y: ax.bar(["a", "b", "c", "d"], y),
    "bars across": lambda ax, y: ax.barh(["a", "b", "c", "d"], y),
    "many bars": lambda ax, y: ax.bar(np.arange(8), np.concatenate([y, y])),
    "histogram": lambda ax, y: ax.hist(y, bins=[0, 1, 3, 9]),
    "steps": lambda ax, y: ax.stairs(y),
    "image": lambda ax, y: ax.imshow(np.outer(y, y)),
    "mesh": lambda ax, y: ax.pcolormesh(np.outer(y, y)),
    "band": lambda ax, y: ax.fill_between(X, y - 1, y + 1),
    "error bars": lambda ax, y: ax.errorbar(X, y, yerr=0.5),
    "contours": lambda ax, y: ax.contour(np.outer(y, y)),
    "filled contours": lambda ax, y: ax.contourf(np.outer(y, y)),
    "level": lambda ax, y: ax.axhline(y[0]),
    "position": lambda ax, y: ax.axvline(y[0]),
    "span": lambda ax, y: ax.axhspan(y[0], y[1]),
    "ellipse": lambda ax, y: ax.add_patch(Ellipse((1, y[0]), 1, y[1])),
    "line segments": lambda ax, y: ax.vlines(X, 0, y),
    "many lines": lambda ax, y: [ax.plot(X, y + i) for i in range(30)],
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_change_of_what_is_drawn_changes_the_description(name):
    texts = []
    for scale in (1.0, 1.7):
        with figure() as (fig, ax):
            DRAWINGS[name](ax, scale * Y)
        texts.append(describe("Look.", read_panels(fig)))
    assert texts[0] != texts[1]


@pytest.mark.parametrize("name", DRAWINGS)
def test_noise_of_round_off_does_not_change_the_description(name):
    texts = []
    for noise in (0, 1e-13, -1e-13):
        with figure() as (fig, ax):
            DRAWINGS[name](ax, Y * (1 + noise))
        texts.append(describe("Look.", read_panels(fig)))
    assert len(set(texts)) == 1


def test_values_are_read_as_drawn():
    (line,) = redrawn(lambda ax: ax.plot(X, Y, label="y"))
    assert (line.kind, line.label) == ("line", "y")
    np.testing.assert_array_equal(line.data["y"], Y)
    (arrows,) = redrawn(lambda ax: ax.quiver(X, Y, Y, -Y))
    np.testing.assert_array_equal(arrows.data["v"], -Y)
    (bars,) = redrawn(lambda ax: ax.barh(["a", "b", "c", "d"], Y))
    assert bars.names == ("a", "b", "c", "d")
    np.testing.assert_array_equal(bars.data["values"], Y)


def test_masked_entries_are_read_as_missing():
    (line,) = redrawn(lambda ax: ax.plot(X, np.ma.masked_greater(Y, 3)))
    assert np.isnan(line.data["y"][-1])


def test_hidden_artists_and_colour_bars_are_left_out():
    with figure() as (fig, ax):
        fig.colorbar(ax.imshow(np.outer(X, Y)), ax=ax)
        ax.plot(X, Y, visible=False)
    assert [[s.kind for s in panel.series] for panel in read_panels(fig)] == [["image"]]


def test_a_line_without_data_of_its_own_is_refused():
    with figure() as (fig, ax):
        ax.axline((0, 0), slope=1)
    with pytest.raises(ValueError, match=r"ax\.plot"):
        show(fig, "Look.")
