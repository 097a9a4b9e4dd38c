"""A surface turned around the origin: the same ground, seen in other coordinates."""

from __future__ import annotations

import math
from functools import partial
from itertools import product

import torch
from torch import Tensor

from course_lib.arguments import check_number
from course_lib.problems.surface import Surface

__all__ = ["rotated"]


def rotated(surface: Surface, angle: float = math.pi / 4) -> Surface:
    r"""Return the surface turned around the origin: :math:`f(R_\theta^\top x)`.

    Its values, slopes and curvatures are those of the surface, in directions turned by
    :math:`\theta`. So a method whose path depends on the angle takes its strength from the axes.

    Args:
        surface: :math:`f`.
        angle: :math:`\theta`, counter-clockwise, in radians; any finite number.

    Returns:
        The turned surface. Its start and its minimisers are turned likewise; its box is the
        smallest one that holds the turned box.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> from course_lib.problems import elongated_quadratic
        >>> upright = rotated(elongated_quadratic(4), math.pi / 2)  # the valley is the v-axis
        >>> upright.value(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        tensor([2.0000, 0.5000])
    """
    if not isinstance(surface, Surface):
        raise TypeError(f"surface must be a Surface, got {surface!r}")
    theta = check_number("angle", angle)
    c, s = math.cos(theta), math.sin(theta)

    def turn(point: tuple[float, float]) -> tuple[float, float]:
        u, v = point
        return c * u - s * v, s * u + c * v

    back = rf"u \to {c:.3g}u {s:+.3g}v,\; v \to {c:.3g}v {-s:+.3g}u"
    corners = [turn(corner) for corner in product(*surface.box)]
    return Surface(
        f"{surface.name}, turned by {math.degrees(theta):.3g}°",
        rf"\left[{surface.formula}\right]_{{{back}}}",
        partial(_value, surface=surface, c=c, s=s),
        partial(_slopes, surface=surface, c=c, s=s),
        start=turn((float(surface.start[0]), float(surface.start[1]))),
        box=tuple((min(side), max(side)) for side in zip(*corners, strict=True)),
        minimizers=[turn((float(u), float(v))) for u, v in surface.minimizers],
        minimum=surface.minimum,
    )


def _back(u: Tensor, v: Tensor, c: float, s: float) -> Tensor:
    return torch.stack([c * u + s * v, c * v - s * u], dim=-1)


def _value(u: Tensor, v: Tensor, *, surface: Surface, c: float, s: float) -> Tensor:
    return surface.value(_back(u, v, c, s))


def _slopes(u: Tensor, v: Tensor, *, surface: Surface, c: float, s: float) -> tuple[Tensor, Tensor]:
    p, q = surface.gradient(_back(u, v, c, s)).unbind(-1)
    return c * p - s * q, s * p + c * q
