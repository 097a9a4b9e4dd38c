"""Backtracking: shorten the step until the function falls enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from course_lib.arguments import check_integer, check_number
from course_lib.methods.point import NoStepError, Point
from course_lib.methods.step_sizes.line import Line

__all__ = ["ArmijoBacktracking"]


@dataclass(frozen=True)
class ArmijoBacktracking:
    r"""Armijo's rule: the first :math:`t = t_0\beta^j`, :math:`j = 0, 1, \dots`, that falls enough.

    .. math:: F(x + td) \le F(x) + c\,t\,g^\top d

    The right-hand side is a line that starts at :math:`F(x)` and falls with the share :math:`c` of
    the slope :math:`g^\top d < 0`. If :math:`\nabla F` is Lipschitz with constant :math:`L`, steps
    up to :math:`t_L = 2(1-c)\,|g^\top d| / (L\|d\|^2)` all fall enough, so the accepted one is at
    least :math:`\min(t_0, \beta\,t_L)`. A trial costs a value of :math:`F`, no gradient.

    Args:
        c: share of the slope, above 0 and below 1. Newton's step on a quadratic falls by exactly
            half of :math:`|g^\top d|`, so with :math:`c > \frac12` it would be refused: choose
            less where such steps shall be taken.
        factor: :math:`\beta`, above 0 and below 1.
        max_trials: largest number of trials. With the defaults the last is :math:`2^{-49}t_0`.

    Raises:
        TypeError, ValueError: an argument is not as described.

    The first trial :math:`t_0` is the method's ``lr``. Values that are infinite or not a number
    count as too high. Close to a minimum the values of :math:`F` may differ by no more than their
    round-off; there the slopes decide (see ``step_sizes.Line``), at the
    cost of a gradient.

    Example: the first two trials are too long.

        >>> from course_lib.methods import GradientDescent
        >>> from course_lib.training import minimize
        >>> path = minimize(lambda x: 2 * (x * x).sum(), [1.0, 2.0], steps=1, method=lambda params:
        ...     GradientDescent(params, lr=1.0, step_size=ArmijoBacktracking()))
        >>> path.x[1], path.touched["value"]
        (tensor([0., 0.]), 3)

    Source: slide 21; Armijo, *Minimization of functions having Lipschitz continuous first partial
    derivatives*, Pacific J. Math. 16 (1966); Nocedal and Wright, *Numerical Optimization* (2006),
    algorithm 3.1. The slopes' form: Hager and Zhang, *A new conjugate gradient method with
    guaranteed descent and an efficient line search*, SIAM J. Optim. 16 (2005).
    """

    c: float = 1e-4
    factor: float = 0.5
    max_trials: int = 50

    def __post_init__(self) -> None:
        check_number("c", self.c, above=0, below=1)
        check_number("factor", self.factor, above=0, below=1)
        check_integer("max_trials", self.max_trials, low=1)

    def __call__(
        self, point: Point, d: Tensor, memory: dict[str, Any], /, *, first: float
    ) -> float:
        """Return the step size from `point` along `d`, `first` being the longest one tried.

        Raises:
            NoStepError: `d` does not go down, or no trial falls enough.
        """
        check_number("first", first, above=0)
        line = Line(point, d)
        for j in range(self.max_trials):
            t = first * self.factor**j
            if line.armijo(t, self.c):
                return t
        raise NoStepError(
            f"backtracking found no step that falls enough, down to t = {t:.3g}: either F is not "
            "smooth here or its values are not exact enough"
        )
