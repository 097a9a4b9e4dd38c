"""Figures are readable on white and on dark, by colour-blind readers, and on a phone."""

from itertools import combinations

import matplotlib
import numpy as np
import pytest

from course_lib.plotting import COLORS, figure
from course_lib.plotting.style import FONT_POINTS, LEGIBLE_PIXELS, PHONE_PIXELS, WIDEST

BACKGROUNDS = ("#ffffff", "#121212", "#14181e")
# Machado, Oliveira and Fernandes (2009): how colours look without one kind of cones.
SIGHTS = {
    "all cones": np.eye(3),
    "no red cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no blue cones": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(color):
    """Linear RGB of a colour such as #ff8000."""
    values = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """The ratio of WCAG 2."""
    lights = sorted(linear(color) @ [0.2126, 0.7152, 0.0722] + 0.05 for color in (one, other))
    return lights[1] / lights[0]


def lab(rgb):
    """CIELAB of linear RGB."""
    xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ) @ np.clip(rgb, 0, 1)
    f = np.cbrt(xyz / [0.95047, 1, 1.08883])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("name", COLORS._fields)
def test_colours_stand_out(name, background):
    assert contrast(getattr(COLORS, name), background) >= 3


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_of_curves_are_told_apart(sight):
    for one, other in combinations(COLORS[:5], 2):
        seen = [lab(SIGHTS[sight] @ linear(color)) for color in (one, other)]
        assert np.linalg.norm(seen[0] - seen[1]) > 20, (one, other)


def test_text_of_the_widest_figure_is_legible_on_a_phone():
    assert FONT_POINTS / 72 * PHONE_PIXELS / WIDEST >= LEGIBLE_PIXELS - 1e-9
    with pytest.raises(ValueError, match="wider figures have"), figure(width=WIDEST + 0.1):
        pass


@pytest.mark.parametrize("value", [0, -1.5, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["width", "height"])
def test_sizes_that_are_not_positive_and_finite_are_refused(name, value):
    message = rf"^{name} must be positive and .*, got {value!r}"
    with pytest.raises(ValueError, match=message), figure(**{name: value}):
        pass


@pytest.mark.parametrize("name", ["width", "height"])
def test_sizes_that_are_no_numbers_are_refused(name):
    for value in ("4", True, [4.0]):
        with pytest.raises(TypeError, match=f"^{name} must be positive"), figure(**{name: value}):
            pass


def test_the_reader_settings_neither_matter_nor_change():
    with matplotlib.rc_context({"lines.linewidth": 17, "axes.facecolor": "red"}):
        with figure() as (_, ax):
            (line,) = ax.plot([0, 1])
        assert line.get_linewidth() == 2
        assert ax.get_facecolor()[3] == 0
        assert matplotlib.rcParams["lines.linewidth"] == 17


def test_panels_come_as_an_array():
    with figure(2, 3) as (_, axes):
        assert axes.shape == (2, 3)
