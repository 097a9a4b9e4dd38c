"""Where the cubic through two points with given slopes has its minimum."""

from __future__ import annotations

import math

from course_lib.arguments import check_number
from course_lib.methods.step_sizes.line import Trial

__all__ = ["cubic_minimizer"]


def cubic_minimizer(a: Trial, b: Trial, nearest: float, farthest: float) -> float:
    r"""Return the minimiser of the cubic with the values and slopes of two trials.

    With :math:`a < b`, values :math:`\varphi_a, \varphi_b` and slopes
    :math:`\varphi_a', \varphi_b'` it is

    .. math::

        t = b - (b - a)\,\frac{\varphi_b' + d_2 - d_1}{\varphi_b' - \varphi_a' + 2 d_2}, \quad
        d_1 = \varphi_a' + \varphi_b' - 3\,\frac{\varphi_a - \varphi_b}{a - b}, \quad
        d_2 = \sqrt{d_1^2 - \varphi_a'\varphi_b'} .

    Args:
        a: a trial.
        b: another, with a different step size.
        nearest: smallest result.
        farthest: largest result.

    Returns:
        The minimiser, moved into [`nearest`, `farthest`]; the middle of that interval if the cubic
        has no minimum, or a value or slope is infinite.

    Example: :math:`t^3 - 3t` between 0 and 3.

        >>> cubic_minimizer(Trial(0.0, 0.0, -3.0), Trial(3.0, 18.0, 24.0), 0.0, 3.0)
        1.0

    Source: Nocedal and Wright, *Numerical Optimization* (2006), equation 3.59.
    """
    check_number("nearest", nearest, high=farthest)
    a, b = (a, b) if a.t <= b.t else (b, a)
    middle = (nearest + farthest) / 2
    if a.t == b.t:
        return middle
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not 0 <= square < math.inf:
        return middle
    d2 = math.sqrt(square)
    over, under = b.slope + d2 - d1, b.slope - a.slope + 2 * d2
    if under == 0:  # a straight line
        return middle if over == 0 else farthest if over < 0 else nearest
    t = b.t - (b.t - a.t) * (over / under)
    return middle if math.isnan(t) else min(max(t, nearest), farthest)
