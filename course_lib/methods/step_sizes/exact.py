"""The exact step on a quadratic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from course_lib.methods.point import NoStepError, Point

__all__ = ["ExactStep"]


@dataclass(frozen=True)
class ExactStep:
    r"""The minimiser along the line of the quadratic that touches :math:`F` in :math:`x`.

    .. math:: t = -\frac{g^\top d}{d^\top\nabla^2F(x)\,d}

    On a quadratic with positive curvature along :math:`d` this is the exact line search. On other
    functions it is one Newton step for the one number :math:`t`, and nothing makes sure that
    :math:`F` falls. It costs a product with the Hessian. If :math:`d` goes up, :math:`t` is
    negative; the method's ``lr`` plays no part.

    Example:
        >>> from course_lib.methods import GradientDescent
        >>> from course_lib.training import minimize
        >>> path = minimize(lambda x: (x[0] ** 2 + 4 * x[1] ** 2) / 2, [4.0, 1.0], steps=1,
        ...                 method=lambda params: GradientDescent(params, step_size=ExactStep()))
        >>> path.x[1]  # t = 32 / 80
        tensor([ 2.4000, -0.6000])

    Source: slide 21; Nocedal and Wright, *Numerical Optimization* (2006), equation 3.55.
    """

    uses_hessian: ClassVar[bool] = True

    def __call__(
        self, point: Point, d: Tensor, memory: dict[str, Any], /, *, first: float
    ) -> float:
        """Return the step size from `point` along `d`; `first` is not used.

        Raises:
            NoStepError: the curvature along `d` is not positive, or a number is not finite.
        """
        product = point.hessian_product(d)
        curvature, slope = float(d @ product), point.slope(d)
        if not (math.isfinite(curvature) and math.isfinite(slope)):
            raise NoStepError(
                f"slope and curvature along the direction must be finite, got {slope} and "
                f"{curvature}"
            )
        if curvature <= 0:
            raise NoStepError(
                f"the curvature along the direction is {curvature:.3g}, so that the quadratic "
                "model has no minimum along it"
            )
        t = -slope / curvature
        if not math.isfinite(t):
            raise NoStepError(
                f"the curvature {curvature:.3g} along the direction is too small beside the slope "
                f"{slope:.3g}"
            )
        return t
