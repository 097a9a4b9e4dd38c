"""Names stand beside their lines and not on each other."""

from itertools import pairwise

import pytest

from course_lib.plotting import figure, label_line
from course_lib.plotting.labels import spread_labels


def test_names_at_ends_that_meet_are_moved_apart():
    with figure() as (fig, ax):
        labels = [
            label_line(ax.plot([0, 1], [0, end])[0], f"ends at {end}")
            for end in (1.0, 1.01, 1.02, 0.2)
        ]
        spread_labels(fig)
        fig.draw_without_rendering()
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    assert all(lower.y1 <= upper.y0 + 0.5 for lower, upper in pairwise(boxes))


def test_a_name_has_its_line_colour_and_the_line_its_name():
    with figure() as (_, ax):
        (line,) = ax.plot([0, 1, 2], [3, 4, 5])
        label = label_line(line, "rise", at=0.9)
    assert label.get_color() == line.get_color()
    assert line.get_label() == "rise"
    assert label.xy == (1, 4)


def test_a_line_without_a_name_or_data_is_refused():
    with figure() as (_, ax):
        with pytest.raises(ValueError, match="text must be"):
            label_line(ax.plot([0, 1])[0])
        with pytest.raises(ValueError, match="must have data"):
            label_line(ax.plot([], [])[0], "nothing")


def test_a_name_stands_at_the_last_point_that_is_drawn():
    with figure() as (_, ax):
        (line,) = ax.plot([0, 1, 2, 3], [3, 4, float("nan"), float("inf")], label="lost")
        assert label_line(line).xy == (1, 4)
        assert label_line(line, at=2.9).xy == (1, 4)
        with pytest.raises(ValueError, match="line must have a finite point"):
            label_line(ax.plot([0, 1], [float("nan")] * 2, label="nowhere")[0])


@pytest.mark.parametrize("text", [5, " "])
def test_a_name_that_is_no_text_is_refused(text):
    with figure() as (_, ax), pytest.raises(ValueError, match="text must be the line's name, got"):
        label_line(ax.plot([0, 1])[0], text)


def test_a_list_of_lines_is_refused():
    with figure() as (_, ax), pytest.raises(TypeError, match="line must be one line"):
        label_line(ax.plot([0, 1], label="all"))
