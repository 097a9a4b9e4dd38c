"""Newton's method: as the formula says, and modified so that it goes down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_integer
from course_lib.methods.dense_hessian import LARGEST_DENSE, NewtonModel, positive_definite
from course_lib.methods.line_searching import FixedStep, LineSearchMethod, StepSize
from course_lib.methods.point import NoStepError, Point
from course_lib.methods.step_sizes import ArmijoBacktracking

__all__ = ["Newton", "NewtonDirection"]

Modification = Literal["eigenvalues", "Cholesky"]


@dataclass(frozen=True)
class NewtonDirection:
    r"""Direction: :math:`d = -\nabla^2F(x)^{-1}\nabla F(x)`, to the model's critical point.

    Args:
        modification: None takes the Hessian as it is: then :math:`d` leads to a saddle or a maximum
            as gladly as to a minimum. ``"eigenvalues"`` and ``"Cholesky"`` put a positive definite
            matrix in place of a Hessian that is not, so that :math:`d` goes down:
            ``positive_definite`` in ``dense_hessian.py`` says how.
        max_size: Largest number of variables for which the Hessian is formed as a matrix.

    Raises:
        ValueError: an argument is not as described; or, at a point, there are too many variables.
        TypeError: `max_size` is no integer.
        NoStepError: at a point, the Hessian is singular (unmodified) or not finite.

    Variables on which :math:`F` does not depend near the point stay where they are.

    Example:
        >>> NewtonDirection("eigenvalues")
        NewtonDirection(modification='eigenvalues', max_size=5000)

    Source: slides 3 and 24; Nocedal and Wright 2006, sections 3.3 and 3.4.
    """

    modification: Modification | None = None
    max_size: int = LARGEST_DENSE

    uses_hessian: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the options."""
        allowed = [None, *get_args(Modification)]
        if self.modification not in allowed:
            raise ValueError(f"modification must be one of {allowed}, got {self.modification!r}")
        check_integer("max_size", self.max_size, low=1)

    def __call__(self, point: Point, memory: dict[str, Any], /) -> Tensor:
        """Return the direction at `point`."""
        model = NewtonModel(point, self.max_size)
        if self.modification is None:
            d = -_solve(model.H, model.g)
        else:
            L = positive_definite(model.H, self.modification)
            d = -torch.cholesky_solve(model.g.unsqueeze(1), L).squeeze(1)
        d = model.step(d)
        if not bool(torch.isfinite(d).all()):
            raise NoStepError("Newton's direction is too long for the dtype")
        return d


def _solve(H: Tensor, g: Tensor) -> Tensor:
    """Return the solution of Hd = g, or say that H is singular as far as the dtype can tell."""
    # Newton's step does not depend on the units of the variables; nor should what counts as
    # singular. So rows and columns are scaled until each has a largest entry near 1.
    s = torch.ones_like(g)
    for _ in range(5):
        largest = (s.unsqueeze(1) * H * s).abs().amax(dim=1)
        if not bool(largest.all()):
            raise NoStepError("the Hessian is singular: it has a row of zeros")
        s = s / largest.sqrt()
    eigenvalues, Q = torch.linalg.eigh(s.unsqueeze(1) * H * s)
    size = eigenvalues.abs()
    if float(size.min()) <= len(g) * torch.finfo(H.dtype).eps * float(size.max()):
        raise NoStepError("the Hessian is singular, so Newton's direction does not exist")
    return s * (Q @ ((Q.T @ (s * g)) / eigenvalues))


class Newton(LineSearchMethod):
    r"""Newton's method: :math:`x_k = x_{k-1} - t_k\, \nabla^2F(x_{k-1})^{-1}\, \nabla F(x_{k-1})`.

    On a quadratic with one minimiser, and with :math:`t_k = 1`, one step leads to it, whatever the
    condition of the Hessian. Near a minimiser with a positive definite Hessian, the number of
    right digits doubles with each step. Further away nothing is certain: the step may be too long,
    and where the Hessian is indefinite it may lead to a saddle or a maximum.

    With a `modification` the method goes down: an indefinite Hessian is replaced by a positive
    definite matrix near it, and the step is shortened until the value falls enough (Armijo's rule).

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``, on one
            device.
        lr: The step :math:`t_k`, or the first trial of the search for it; 1 is Newton's own.
        modification: None steps as the formula says. ``"eigenvalues"`` replaces the eigenvalues
            :math:`\lambda_i` of a Hessian that is not positive definite by
            :math:`\max(|\lambda_i|, \delta)`; ``"Cholesky"`` adds a multiple of the identity.
        step_size: Which step size. By default the learning rate itself if the formula is
            unmodified, and :class:`~course_lib.methods.ArmijoBacktracking` otherwise.
        max_size: Largest number of variables for which the Hessian is formed as a matrix.

    Raises:
        ValueError, TypeError: an argument is not as described; or, at the step, there are too many
            variables for a matrix.

    The reason of a step that is not made is that the Hessian is singular or not finite, or that the
    search found no step.

    Example:
        >>> from course_lib.training import minimize
        >>> def f(x):  # convex, least at 0, and its slope is at most 1
        ...     return (1 + x * x).sqrt().sum()
        >>> start = torch.tensor([1.1], dtype=torch.float64)
        >>> far = minimize(f, start, Newton, steps=5)
        >>> near = minimize(f, start, lambda p: Newton(p, modification="eigenvalues"), steps=5)
        >>> bool(far.x[-1].abs() > 1e3), bool(near.x[-1].abs() < 1e-6)
        (True, True)

    Source: slides 3 and 24; Nocedal and Wright 2006, sections 3.3 and 3.4. scipy's ``Newton-CG``
    is another kin: it solves with conjugate gradients, and stops them at negative curvature.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        *,
        modification: Modification | None = None,
        step_size: StepSize | None = None,
        max_size: int = LARGEST_DENSE,
    ) -> None:
        """Check the arguments and take in the parameters."""
        direction = NewtonDirection(modification, max_size)
        if step_size is None:
            step_size = FixedStep() if modification is None else ArmijoBacktracking()
        super().__init__(params, direction, step_size, lr=lr)
