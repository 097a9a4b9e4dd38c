"""A shown figure has a picture and a description, the same at every run."""

import base64
import io
import sys

import numpy as np
import pytest
from PIL import Image

from course_lib.plotting import figure, label_line, show


def drawn():
    with figure() as (fig, ax):
        for power in (1, 2):
            (line,) = ax.plot([0, 1, 2], np.arange(3.0) ** power, label=f"power {power}")
            label_line(line)
    return show(fig, "Squares grow faster")


def test_both_forms_are_given():
    shown = drawn()
    forms, metadata = shown._repr_mimebundle_()
    assert forms["text/plain"] == repr(shown) == shown.description
    assert base64.b64decode(forms["image/png"]) == shown.png
    picture = Image.open(io.BytesIO(shown.png))
    assert picture.size == (2 * shown.width, 2 * shown.height) == (1200, 720)
    assert metadata["image/png"] == {"width": 600}


def test_the_bytes_are_the_same_again():
    assert drawn().png == drawn().png


def test_the_background_is_transparent():
    picture = np.asarray(Image.open(io.BytesIO(drawn().png)).convert("RGBA"))
    assert picture[0, 0, 3] == 0
    assert (picture[..., 3] == 0).mean() > 0.5


def test_lines_are_stored_in_few_colours_and_soft_shades_in_all():
    with figure() as (fig, ax):
        height = np.add.outer(np.linspace(-1, 1, 50) ** 2, np.linspace(-1, 1, 50) ** 2)
        for depth in range(12):
            ax.contourf(height, [0, 2 / (depth + 1)], colors=["blue"], alpha=0.03)
    glow = show(fig, "The glow is strongest in the middle")
    modes = [Image.open(io.BytesIO(shown.png)).mode for shown in (drawn(), glow)]
    assert modes == ["P", "RGBA"]


@pytest.mark.parametrize("message", ["", "  ", "long " * 30])
def test_messages_out_of_range_are_refused(message):
    with figure() as (fig, ax):
        ax.plot([0, 1])
    with pytest.raises(ValueError, match="message must have"):
        show(fig, message)


def test_arguments_of_the_wrong_type_are_refused():
    with figure() as (fig, ax):
        ax.plot([0, 1])
    with pytest.raises(TypeError, match="message must be a text, got None"):
        show(fig, None)
    with pytest.raises(TypeError, match="figure must be a matplotlib Figure, got <Axes"):
        show(ax, "A line.")


def test_a_figure_of_pyplot_is_closed():
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    ax.plot([0, 1])
    show(fig, "Up.")
    assert "matplotlib.pyplot" in sys.modules
    assert not plt.get_fignums()
