"""A path of two legs that stands for the exact solution of the trust-region problem."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.methods.dense_hessian import positive_definite
from course_lib.methods.scaling import length_of
from course_lib.methods.trust_region.subproblem import (
    ScaledModel,
    TrustRegionStep,
    check_gradient,
    check_hessian,
)

__all__ = ["dogleg_step"]


def dogleg_step(g: Tensor, H: Tensor, radius: float) -> TrustRegionStep:
    r"""Follow the dogleg path to the boundary of :math:`\|p\| \le \Delta`, or to its end.

    The path goes from 0 to the minimiser :math:`p^U` of the model along :math:`-g`, and from there
    to the minimiser :math:`p^B` of the model:

    .. math::

        p^U = -\frac{g^\top g}{g^\top Bg}\, g, \qquad p^B = -B^{-1}g .

    If :math:`B` is positive definite, the further along the path, the longer the step and the lower
    the model; so the best point in the ball is where the path leaves it. :math:`B` is :math:`H`
    where that is positive definite. Otherwise its eigenvalues :math:`\lambda_i` are replaced by
    :math:`\max(|\lambda_i|, \delta)` with a small :math:`\delta`: the true model lies below that
    one, so it falls at least as much. Where :math:`H = 0` the path is straight and meets the
    boundary.

    Args:
        g: gradient, shape (n,), float32 or float64.
        H: symmetric matrix of shape (n, n), definite or not; only finite values are allowed.
        radius: :math:`\Delta > 0`.

    Returns:
        The step and what the model with :math:`H` promises of it. It is zero where :math:`g = 0`: a
        saddle is left only by :func:`~course_lib.methods.exact_step`.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> g, H = torch.tensor([1.0, 1.0]), torch.diag(torch.tensor([1.0, 4.0]))
        >>> dogleg_step(g, H, radius=2.0).p, dogleg_step(g, H, radius=0.5).p
        (tensor([-1.0000, -0.2500]), tensor([-0.3536, -0.3536]))

    Source: Powell, *A hybrid method for nonlinear equations*, 1970; Nocedal and Wright 2006,
    section 4.1. ``scipy.optimize`` 's ``dogleg`` takes the same path and fails where :math:`H` is
    not positive definite.
    """
    check_gradient(g, radius)
    check_hessian(H, g)
    model = ScaledModel(g, H, radius, far=False)
    if not bool(H.any()):  # no scale for the absolute eigenvalues, and no need of them
        unit = model.g / length_of(model.g) if bool(g.any()) else model.g
        return _promised(-model.radius * unit, model, on_boundary=bool(g.any()))
    L = positive_definite(model.H, "eigenvalues")
    newton = -torch.cholesky_solve(model.g.unsqueeze(1), L).squeeze(1)
    if length_of(newton) <= model.radius:
        return _promised(newton, model, on_boundary=False)
    model = ScaledModel(g, H, radius, far=True)
    newton = -torch.cholesky_solve(model.g.unsqueeze(1), L).squeeze(1)
    length = length_of(model.g)
    unit = model.g / length
    curvature = float(torch.linalg.vector_norm(L.T @ unit)) ** 2
    if length >= curvature * model.radius:
        return _promised(-model.radius * unit, model, on_boundary=True)
    steepest = -(length / curvature) * unit
    p = _leave(steepest, newton - steepest, model.radius)
    return _promised(p, model, on_boundary=True)


def _leave(start: Tensor, way: Tensor, radius: float) -> Tensor:
    """Return the point of the line from `start` along `way` on the boundary."""
    a, b = float(way @ way), float(start @ way)
    room = max(radius**2 - float(start @ start), 0.0)
    root = (b * b + a * room) ** 0.5
    t = room / (b + root) if b > 0 else (root - b) / a  # neither form loses digits
    return start + t * way


def _promised(p: Tensor, model: ScaledModel, *, on_boundary: bool) -> TrustRegionStep:
    decrease = -float(model.g @ p) - 0.5 * float(p @ (model.H @ p))
    return model.step(p, decrease, on_boundary=on_boundary)
