"""A finished figure: the picture and its description."""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

import numpy as np
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from PIL import Image

from course_lib.plotting.artists import read_panels
from course_lib.plotting.description import describe
from course_lib.plotting.labels import spread_labels
from course_lib.plotting.style import PIXELS_PER_INCH, style

__all__ = ["ShownFigure", "show"]

_LONGEST_MESSAGE = 120


class ShownFigure:
    """A picture with its description, to be the last expression of a notebook's cell.

    Attributes:
        description: the figure in words.
        png: the picture, with a transparent background.
        width: width in pixels on a page; the picture has twice as many.
        height: height in pixels on a page.
    """

    def __init__(self, description: str, png: bytes, width: int, height: int) -> None:
        """Keep the forms of the figure."""
        self.description = description
        self.png = png
        self.width = width
        self.height = height

    def __repr__(self) -> str:
        """Give the description."""
        return self.description

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        forms: dict[str, Any] = {
            "image/png": base64.b64encode(self.png).decode("ascii"),
            "text/plain": self.description,
        }
        # Without a height, so that a page narrower than the picture shrinks both sides alike.
        return forms, {"image/png": {"width": self.width}}


def show(figure: Figure, message: str) -> ShownFigure:
    """Finish a figure: draw it, close it and describe it in words.

    The description has at most 250 characters: first the message, then ranges and end values made
    from the data of what is drawn. It is the figure's text output, which tests compare, and the
    alternative text of the picture on the website, so that it must depend on the data.

    Args:
        figure: a figure made with :func:`course_lib.plotting.figure`, or any other.
        message: what the reader should see in it, in one short sentence without numbers that come
            from the data; at most 120 characters.

    Returns:
        An object that a notebook displays.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: the message is empty or too long; the figure shows no data, or draws in a way
            that cannot be described; the description would not change with the data.

    Example:
        >>> from course_lib.plotting import figure
        >>> with figure() as (fig, ax):
        ...     _ = ax.semilogy([0, 1, 2, 3], [1, 0.1, 0.01, 0.001], label="GD")
        ...     _ = ax.set(xlabel="step", ylabel="excess risk")
        >>> show(fig, "Gradient descent gains a digit a step.")
        Gradient descent gains a digit a step. excess risk over step 0 to 3: GD from 1 to 0.001.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"figure must be a matplotlib Figure, got {figure!r}")
    if not isinstance(message, str):
        raise TypeError(f"message must be a text, got {message!r}")
    message = " ".join(message.split())
    if not message or len(message) > _LONGEST_MESSAGE:
        raise ValueError(
            f"message must have 1 to {_LONGEST_MESSAGE} characters, got {len(message)}: {message!r}"
        )
    if message[-1] not in ".!?":
        message += "."
    description = describe(message, read_panels(figure))
    pixels = io.BytesIO()
    with style():
        for axes in figure.axes:
            if any(isinstance(artist, AxesImage | QuadMesh) for artist in axes.get_children()):
                axes.grid(False)
        spread_labels(figure)
        figure.savefig(pixels, format="rgba", dpi=2 * PIXELS_PER_INCH, transparent=True)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)
    width, height = figure.get_size_inches() * PIXELS_PER_INCH
    picture = Image.frombytes("RGBA", (int(2 * width), int(2 * height)), pixels.getvalue())
    return ShownFigure(description, _in_few_colors(picture), round(width), round(height))


def _in_few_colors(full: Image.Image) -> bytes:
    """Return the picture with 256 colours, a quarter of its size, if that cannot be seen."""
    few = full.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # Many soft shades, as in a glow, would fall into bands: such a picture keeps its colours.
    change = _change_seen(full, few)
    smaller = io.BytesIO()
    (few if change < 1 else full).save(smaller, format="png", optimize=True)
    return smaller.getvalue()


def _change_seen(full: Image.Image, few: Image.Image) -> float:
    """Return the mean change of what is seen, in units of 1/255."""
    before, after = (np.asarray(image.convert("RGBA")) for image in (full, few))
    # Nearly all pixels are the same; the others are looked at.
    other = (before.view(np.uint32) != after.view(np.uint32))[..., 0]
    change = np.abs(_on_black(before[other]) - _on_black(after[other]))
    return float(change.sum(dtype=np.float64)) / before.size


def _on_black(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what is seen of pixels: colours weakened by transparency, and the transparency."""
    colors, alpha = pixels[..., :3].astype(np.float32), pixels[..., 3:].astype(np.float32)
    return np.concatenate([colors * alpha / 255, alpha], axis=-1)
