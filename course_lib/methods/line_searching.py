"""The line-search framework of slide 14: a direction, a step size, a start and a stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_callable, check_integer
from course_lib.methods.closure_method import ClosureMethod
from course_lib.methods.flat import FlatParameters
from course_lib.methods.hyperparameters import non_negative
from course_lib.methods.oracle import Oracle
from course_lib.methods.point import NoStepError, Point
from course_lib.training.function_closure import FunctionClosure
from course_lib.training.minimizing import Trajectory, as_start
from course_lib.training.validation import check_reason

__all__ = [
    "Direction",
    "FixedStep",
    "GradientDescent",
    "LineSearchMethod",
    "SteepestDescent",
    "StepSize",
    "line_search",
]


class Direction(Protocol):
    r"""Answers the first question: which direction :math:`d_k`?

    Called with a point and what it remembers, it returns :math:`d_k`, shape (n,). It may add to
    ``memory`` what it needs next time: tensors like ``point.x``, numbers, lists and dicts of these.
    It raises :class:`~course_lib.methods.NoStepError` where there is no direction. A class
    attribute ``uses_hessian = True`` says that it asks for products with the Hessian.
    """

    def __call__(self, point: Point, memory: dict[str, Any], /) -> Tensor:
        """Return the direction at `point`."""


class StepSize(Protocol):
    r"""Answers the second question: which step size :math:`t_k`?

    Called with a point, a direction, what it remembers, and the learning rate as ``first`` guess,
    it returns :math:`t_k`. It raises :class:`~course_lib.methods.NoStepError` where it finds none.
    """

    def __call__(
        self, point: Point, d: Tensor, memory: dict[str, Any], /, *, first: float
    ) -> float:
        """Return the step size along `d` from `point`."""


def line_search(
    f: Callable[[Tensor], Tensor],
    start: Tensor | NDArray[Any] | Sequence[float],
    *,
    direction: Direction,
    step_size: StepSize,
    stop: Callable[[Trajectory], str | None],
    lr: float = 1.0,
    steps: int = 10_000,
) -> Trajectory:
    r"""Minimise :math:`f` by :math:`x_k = x_{k-1} + t_k d_k`: slide 14, with its four answers.

    Args:
        f: differentiable function from a tensor of shape (n,) to one of shape ().
        start: where to initialise, :math:`x_0`, shape (n,); copied.
        direction: which direction :math:`d_k`, computed at :math:`x_{k-1}`.
        step_size: which step size :math:`t_k`.
        stop: when to stop: asked at each iterate, it returns the reason to stop there, or None.
        lr: the step size's first guess; with :class:`~course_lib.methods.FixedStep` the step
            itself.
        steps: largest number of steps, so that the loop ends whatever `stop` says.

    Returns:
        Iterates, values, gradient norms, evaluations, and the reason why it ended.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> path = line_search(
        ...     lambda x: (x * x).sum(),
        ...     [1.0, -2.0],
        ...     direction=SteepestDescent(),
        ...     step_size=FixedStep(),
        ...     stop=lambda path: "low enough" if path.values[-1] < 1 else None,
        ...     lr=0.25,
        ... )
        >>> path.x.tolist(), path.reason
        ([[1.0, -2.0], [0.5, -1.0], [0.25, -0.5]], 'low enough')

    Source: slide 14; Nocedal and Wright 2006, chapter 3. The slide starts its counter at
    :math:`k = 1` and computes :math:`d_k` at :math:`x_{k-1}`; so does this.
    """
    check_callable("f", f, "a function of a tensor")
    check_callable("direction", direction, "a direction, such as SteepestDescent()")
    check_callable("step_size", step_size, "a step size, such as FixedStep()")
    check_callable("stop", stop, "a function of the trajectory")
    check_integer("steps", steps, low=0)
    non_negative("lr", lr)
    x = as_start(start)
    closure, flat = FunctionClosure(f, x), FlatParameters([x])
    path = Trajectory(closure.touched)
    known: dict[str, Any] = {}  # what the direction remembers
    tried: dict[str, Any] = {}  # what the step size remembers

    with torch.no_grad():
        oracle = Oracle(closure, flat)
        point = Point(oracle.start, oracle)
        path.visit(x, closure)
        while (reason := check_reason(stop(path))) is None and len(path) < steps:
            try:
                d = direction(point, known)
                t = step_size(point, d, tried, first=lr)
                point = point.move(t, d)
            except NoStepError as error:
                reason = str(error)
                break
            point.place()
            path.visit(x, closure)

    path.reason = reason or f"all {steps} steps made"
    return path


class LineSearchMethod(ClosureMethod):
    r"""The body of slide 14's loop as an optimizer: :math:`x_k = x_{k-1} + t_k d_k`.

    Each step asks `direction` for :math:`d_k` and `step_size` for :math:`t_k`, as
    :func:`course_lib.methods.line_search` does.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``, on one
            device.
        direction: Which direction :math:`d_k`.
        step_size: Which step size :math:`t_k`; by default the learning rate itself.
        lr: The step size's first guess, a non-negative finite number. At 0 nothing moves.

    Raises:
        TypeError: `direction` or `step_size` cannot be called.
        ValueError: `lr` is negative or not finite.

    Example:
        >>> w = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> method = LineSearchMethod([w], SteepestDescent(), lr=0.25)
        >>> def closure():
        ...     method.zero_grad()
        ...     loss = w @ w
        ...     loss.backward()
        ...     return loss
        >>> for k in range(2):
        ...     _ = method.step(closure)
        >>> w.detach()
        tensor([ 0.2500, -0.5000])

    Source: slide 14. A state dict holds the learning rate and what direction and step size
    remember, not their options: make the optimizer with the same ones before loading it.
    """

    def __init__(
        self,
        params: ParamsT,
        direction: Direction,
        step_size: StepSize | None = None,
        *,
        lr: float | Tensor = 1.0,
    ) -> None:
        """Check the arguments and take in the parameters."""
        step_size = FixedStep() if step_size is None else step_size
        check_callable("direction", direction, "a direction, such as SteepestDescent()")
        check_callable("step_size", step_size, "a step size, such as FixedStep()")
        super().__init__(params, {"lr": lr})
        self.direction, self.step_size = direction, step_size

    @property
    def uses_hessian(self) -> bool:  # type: ignore[override]
        """Whether direction or step size needs products with the Hessian."""
        parts = self.direction, self.step_size
        return any(getattr(part, "uses_hessian", False) for part in parts)

    @property
    def kind(self) -> str:
        """The name of the direction, whose state it is."""
        return type(self.direction).__name__

    def advance(self, point: Point, memory: dict[str, Any], group: dict[str, Any]) -> Point:
        """Return the point :math:`x_{k-1} + t_k d_k`."""
        if group["lr"] == 0:
            return point
        d = self.direction(point, memory.setdefault("direction", {}))
        tried = memory.setdefault("step size", {})
        t = self.step_size(point, d, tried, first=group["lr"])
        return point.move(t, d)


class FixedStep:
    """Step size: the learning rate, which a schedule may change.

    Example:
        >>> FixedStep()
        FixedStep()
    """

    def __call__(
        self, point: Point, d: Tensor, memory: dict[str, Any], /, *, first: float
    ) -> float:
        """Return `first`."""
        return first

    def __repr__(self) -> str:
        return "FixedStep()"


class SteepestDescent:
    r"""Direction: :math:`d = -\nabla F(x)`, along which :math:`F` falls fastest at first.

    Source: slides 3 and 21; Cauchy 1847.

    Example:
        >>> SteepestDescent()
        SteepestDescent()
    """

    def __call__(self, point: Point, memory: dict[str, Any], /) -> Tensor:
        """Return the negative gradient at `point`."""
        return -point.gradient

    def __repr__(self) -> str:
        return "SteepestDescent()"


class GradientDescent(LineSearchMethod):
    r"""Gradient descent: :math:`x_k = x_{k-1} - t_k\nabla F(x_{k-1})`, with any step size.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``.
        lr: The step size's first guess; with :class:`~course_lib.methods.FixedStep` the step
            itself.
        step_size: Which step size :math:`t_k`.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> from course_lib.training import minimize
        >>> path = minimize(lambda x: (x * x).sum(), [1.0, -2.0],
        ...                 lambda params: GradientDescent(params, lr=0.5), steps=1)
        >>> path.x[-1]
        tensor([0., 0.])

    Source: slides 3 and 21; Cauchy 1847. With a fixed step,
    :class:`~course_lib.methods.SGD` takes the same steps without asking for a closure.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        *,
        step_size: StepSize | None = None,
    ) -> None:
        """Check the arguments and take in the parameters."""
        super().__init__(params, SteepestDescent(), step_size, lr=lr)
