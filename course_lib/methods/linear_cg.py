"""Linear CG as an optimizer: the minimum of a convex quadratic in at most n steps."""

from __future__ import annotations

import math
from typing import Any

from torch.optim.optimizer import ParamsT

from course_lib.methods.closure_method import ClosureMethod
from course_lib.methods.point import NoStepError, Point
from course_lib.methods.restart import is_descent, steepest
from course_lib.methods.scaling import in_own_unit, times_power

__all__ = ["LinearCG"]


class LinearCG(ClosureMethod):
    r"""Linear conjugate gradients: directions conjugate in the Hessian :math:`A`, exact steps.

    .. math::

        d_k = -g_k + \frac{g_k^\top A d_{k-1}}{d_{k-1}^\top A d_{k-1}}\, d_{k-1}, \qquad
        x_{k+1} = x_k - \frac{g_k^\top d_k}{d_k^\top A d_k}\, d_k

    On a convex quadratic all directions are conjugate, :math:`d_i^\top A d_j = 0`, and so each step
    keeps what those before it reached: after :math:`n` steps, or as many as :math:`A` has different
    eigenvalues, it is at the minimum but for rounding. A step costs one gradient and one product
    with the Hessian, which is never formed.

    On other functions the product :math:`A d_{k-1}` is one of the Hessian at the last point, each
    step is Newton's along :math:`d_k`, and nothing makes the value fall: take
    :class:`~course_lib.methods.NonlinearCG`. Where the curvature :math:`d^\top A d` is not positive
    there is no minimum along :math:`d`, and the method says so and stops. Vectors are kept in units
    :math:`2^e`, which cancel in both quotients: a function of any size, or of variables of any
    size, takes the same steps, as long as its gradients are finite numbers.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``.

    Example:
        >>> import torch
        >>> w = torch.tensor([4.0, 1.0], requires_grad=True)
        >>> cg = LinearCG([w])
        >>> def closure():
        ...     cg.zero_grad()
        ...     loss = (w[0] ** 2 + 4 * w[1] ** 2) / 2
        ...     loss.backward()
        ...     return loss
        >>> for k in range(2):
        ...     _ = cg.step(closure)
        >>> bool(w.norm() < 1e-6)
        True

    Source: slide 3; Hestenes and Stiefel 1952. For a matrix and a right-hand side there is
    :func:`course_lib.methods.conjugate_gradient`, which takes the same steps.
    """

    uses_hessian = True

    def __init__(self, params: ParamsT) -> None:
        """Take in the parameters."""
        super().__init__(params, {})

    def advance(self, point: Point, memory: dict[str, Any], group: dict[str, Any]) -> Point:
        """Return the minimum along the direction conjugate to the last one."""
        d, e = in_own_unit(steepest(point))
        g = -d
        if "d" in memory:
            beta = (g @ memory["Ad"]) / (memory["d"] @ memory["Ad"])
            conjugate = d + beta * memory["d"]
            d = conjugate if is_descent(point, conjugate) else d
        Ad, a = in_own_unit(point.hessian_product(d))
        curvature, slope = float(d @ Ad), float(g @ d)
        if not (math.isfinite(curvature) and math.isfinite(slope)):
            raise NoStepError("the gradient and its product with the Hessian must be finite")
        if not curvature > 0:
            raise NoStepError(
                f"the curvature along the direction is {times_power(curvature, a + 2 * e):.3g}, "
                "not positive: there is no minimum along it"
            )
        if not math.isfinite(t := times_power(-slope / curvature, e - a)):
            raise NoStepError(
                "the curvature along the direction is too small beside the slope: the step is "
                "longer than the dtype can tell"
            )
        memory["d"], memory["Ad"] = d, Ad
        return point.move(t, d)
