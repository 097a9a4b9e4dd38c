"""The problem of a trust region: the smallest value of a quadratic model in a ball."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from course_lib.arguments import check_floating_tensor, check_number
from course_lib.methods.scaling import exponent_of, in_unit, largest_exponent, times_power

__all__ = ["ScaledModel", "TrustRegionStep", "check_gradient", "check_hessian"]


@dataclass(frozen=True, eq=False)
class TrustRegionStep:
    r"""A step :math:`p` for the model :math:`m(p) = g^\top p + \frac12 p^\top Hp` in a ball.

    Attributes:
        p: the step, shape (n,), not longer than the radius.
        decrease: what the model promises, :math:`m(0) - m(p) \ge 0`.
        on_boundary: whether :math:`p` has the length of the radius, so that a larger ball would
            have allowed a longer step.
    """

    p: Tensor
    decrease: float
    on_boundary: bool


class ScaledModel:
    r"""A model and its ball in units in which numbers of any size can be squared.

    With the units :math:`2^a` of :math:`g` and :math:`2^b` of :math:`H`, a length has the unit
    :math:`2^{a-b}` and a value :math:`2^{2a-b}`. Being powers of two, they change no digit.

    Args:
        g: gradient, shape (n,).
        H: Hessian, shape (n, n).
        radius: :math:`\Delta > 0`.
        far: whether the step may be as long as the radius. Otherwise the unit of length is that
            of Newton's step, however small beside the radius, which may then be infinite.

    Attributes:
        g: gradient in its unit.
        H: Hessian in its unit.
        radius: radius in its unit.
    """

    def __init__(self, g: Tensor, H: Tensor, radius: float, *, far: bool) -> None:
        a, b, length = exponent_of(g), exponent_of(H), math.frexp(radius)[1]
        most = largest_exponent(g.dtype)
        if not bool(g.any()):
            a = b + length
        b = max(b, a - length - most) if bool(H.any()) else a - length
        b += b % 2  # a Cholesky factor has the unit 2^(b/2)
        a = max(a, b + length - most) if far else a
        self.g, self.H, self.radius = in_unit(g, a), in_unit(H, b), times_power(radius, b - a)
        self._length, self._value = a - b, 2 * a - b

    def step(self, p: Tensor, decrease: float, *, on_boundary: bool) -> TrustRegionStep:
        """Return a step and its decrease in the units of the arguments."""
        promised = times_power(max(decrease, 0.0), self._value)
        return TrustRegionStep(in_unit(p, -self._length), promised, on_boundary)


def check_gradient(g: Tensor, radius: float) -> None:
    """Check that `g` is a vector and `radius` a positive number."""
    check_floating_tensor("g", g)
    if g.dim() != 1 or g.numel() == 0:
        raise ValueError(f"g must have shape (n,), n at least 1, got shape {tuple(g.shape)}")
    check_number("radius", radius, above=0)


def check_hessian(H: Tensor, g: Tensor) -> None:
    """Check that `H` is a square matrix that goes with `g`, both of 32 or 64 bits."""
    check_floating_tensor("H", H)
    if g.element_size() < 4:
        raise TypeError(f"g must be a tensor of dtype float32 or float64, got {g.dtype}")
    if H.shape != (len(g), len(g)):
        raise ValueError(f"H must have shape {(len(g), len(g))}, got {tuple(H.shape)}")
    if H.dtype != g.dtype or H.device != g.device:
        raise ValueError(
            f"H must be of dtype {g.dtype} on {g.device}, as g is, got {H.dtype} on {H.device}"
        )
