"""The problem of a trust region: the smallest value of a quadratic model in a ball."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from course_lib.arguments import check_floating_tensor, check_number

__all__ = ["TrustRegionStep", "check_gradient", "check_hessian"]


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
