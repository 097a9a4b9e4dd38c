"""Conjugate gradients that stop at the boundary: the trust-region problem without a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.arguments import check_number
from course_lib.methods.conjugate_gradients import conjugate_gradient
from course_lib.methods.point import NoStepError
from course_lib.methods.scaling import length_of
from course_lib.methods.trust_region.subproblem import TrustRegionStep, check_gradient

__all__ = ["steihaug_cg_step"]


def steihaug_cg_step(
    g: Tensor,
    product: Callable[[Tensor], Tensor],
    radius: float,
    *,
    tolerance: float | None = None,
) -> TrustRegionStep:
    r"""Lower :math:`m(p) = g^\top p + \frac12 p^\top Hp` by conjugate gradients in a ball.

    From :math:`p = 0` on, linear conjugate gradients for :math:`Hp = -g` are followed until the
    residual is small enough, the boundary :math:`\|p\| = \Delta` is met, or a direction of negative
    curvature turns up, which is followed to the boundary.
    The first iterate is the best along :math:`-g`, each further one is longer and lower.

    Args:
        g: gradient, shape (n,).
        product: :math:`v \mapsto Hv`; :math:`H` may be indefinite.
        radius: :math:`\Delta > 0`.
        tolerance: stop at :math:`\|Hp + g\| \le` `tolerance` :math:`\cdot\,\|g\|`. By default
            :math:`\min(\frac12, \sqrt{\|g\|})`, for which the trust-region method converges
            superlinearly, but not less than the precision of the dtype.

    Returns:
        The step and what the model promises of it. It is zero where :math:`g = 0`: a saddle is left
        only by :func:`~course_lib.methods.exact_step`.

    Raises:
        TypeError, ValueError: an argument is not as described.
        NoStepError: the first product is not finite.

    Example:
        >>> h = torch.tensor([1.0, 4.0])
        >>> steihaug_cg_step(torch.tensor([1.0, 1.0]), lambda v: h * v, radius=0.5).p
        tensor([-0.3536, -0.3536])

    Source: Steihaug, *The conjugate gradient method and trust regions in large scale optimization*,
    SIAM J. Numer. Anal. 20 (1983). ``scipy.optimize`` 's ``trust-ncg`` is the same.
    """
    check_gradient(g, radius)
    if tolerance is None:
        length = length_of(g)
        least = torch.finfo(g.dtype).eps  # the residual is not known more exactly
        tolerance = max(min(0.5, math.sqrt(length)), least) if 0 < length < math.inf else 0.5
    check_number("tolerance", tolerance, low=0)
    found = conjugate_gradient(product, -g, radius=radius, tolerance=tolerance)
    if found.status == "not finite" and not bool(found.x.any()):
        raise NoStepError("the product of the Hessian with the gradient is not finite")
    on_boundary = found.status in ("boundary", "negative curvature")
    return TrustRegionStep(found.x, max(-found.model_value, 0.0), on_boundary)
