"""The course's figures: one style, described in words, readable in light and dark."""

from course_lib.plotting.labels import label_line
from course_lib.plotting.shown import ShownFigure, show
from course_lib.plotting.style import COLORS, figure

__all__ = ["COLORS", "ShownFigure", "figure", "label_line", "show"]
