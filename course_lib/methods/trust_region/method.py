"""Trust-region methods: minimise a model where it can be trusted, and learn how far that is."""

from __future__ import annotations

import math
import sys
from numbers import Real
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_integer
from course_lib.methods.closure_method import ClosureMethod
from course_lib.methods.dense_hessian import LARGEST_DENSE, NewtonModel
from course_lib.methods.hyperparameters import number
from course_lib.methods.point import NoStepError, Point
from course_lib.methods.scaling import length_of
from course_lib.methods.trust_region.dogleg import dogleg_step
from course_lib.methods.trust_region.exact import exact_step
from course_lib.methods.trust_region.steihaug import steihaug_cg_step
from course_lib.methods.trust_region.subproblem import TrustRegionStep

__all__ = ["TrustRegion"]

Solver = Literal["dogleg", "Steihaug-CG", "exact"]

_ACCEPTED = 1e-4
_POOR, _GOOD = 0.25, 0.75


def _length(name: str, value: Any) -> None:
    value = number(value)
    allowed = f"{name} must be a number above 0, got {value!r}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(allowed)
    if not float(value) > 0:
        raise ValueError(allowed)


def _finite_length(name: str, value: Any) -> None:
    _length(name, value)
    if math.isinf(number(value)):
        raise ValueError(f"{name} must be a finite number above 0, got {number(value)!r}")


class TrustRegion(ClosureMethod):
    r"""Newton's model, trusted only within a radius: goes down from anywhere, over saddles too.

    At :math:`x` with gradient :math:`g` and Hessian :math:`H`, a step :math:`p` lowers the model

    .. math::

        m(p) = F(x) + g^\top p + \tfrac12 p^\top Hp \qquad \text{over } \|p\| \le \Delta .

    Then the model's promise is compared with what :math:`F` keeps of it,

    .. math:: \rho = \frac{F(x) - F(x + p)}{m(0) - m(p)} .

    If :math:`\rho < \frac14`, the radius :math:`\Delta` becomes a quarter of the step's length; if
    :math:`\rho > \frac34` and the step met the boundary, the radius is doubled. The step is taken
    if :math:`\rho > 10^{-4}`; otherwise the problem is solved again in the smaller ball. A trial
    at which :math:`F` is infinite or not a number counts as a broken promise. Where
    :math:`F(x) - F(x+p)` would be no more than rounding, it is taken from the gradients instead, as
    :math:`-\frac12(\nabla F(x) + \nabla F(x+p))^\top p`. So the value never rises, but for
    rounding.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``, on one
            device.
        radius: The first :math:`\Delta`, a finite number above 0.
        max_radius: Largest :math:`\Delta`, above 0. No bound by default, so that far minimisers are
            reached in few steps.
        solver: How the model is lowered. ``"dogleg"``
            (:func:`~course_lib.methods.dogleg_step`) and ``"exact"``
            (:func:`~course_lib.methods.exact_step`, the only one that leaves a saddle
            at which :math:`g = 0`) form the Hessian as a matrix; ``"Steihaug-CG"``
            (:func:`~course_lib.methods.steihaug_cg_step`) asks for products with it
            alone.
        max_size: Largest number of variables for which a matrix is formed.

    Raises:
        ValueError: an argument is outside its range; or, at the step, there are too many variables
            for a matrix.
        TypeError: an argument is of the wrong type.

    The reason of a step that is not made (``reason``) is that
    the gradient is zero, that the Hessian is not finite, that no step that changes
    :math:`x` at all lowers :math:`F`, or that the radius is too small beside :math:`x` for that.

    Example:
        >>> from course_lib.training import minimize
        >>> rosenbrock = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
        >>> start = torch.tensor([-1.2, 1.0], dtype=torch.float64)
        >>> path = minimize(rosenbrock, start, TrustRegion, steps=30)
        >>> path.x[-1]
        tensor([1., 1.], dtype=torch.float64)

    Source: slide 3; Nocedal and Wright 2006, algorithm 4.1; Conn, Gould and Toint, *Trust-Region
    Methods*, SIAM 2000. ``scipy.optimize.minimize`` has the same three solvers as ``dogleg``,
    ``trust-ncg`` and ``trust-exact``; its radius never exceeds 1000 unless told otherwise, and a
    trial that is not taken is an iteration of its own.
    """

    uses_hessian = True
    checks = {"radius": _finite_length, "max_radius": _length}  # noqa: RUF012

    def __init__(
        self,
        params: ParamsT,
        *,
        radius: float | Tensor = 1.0,
        max_radius: float | Tensor = math.inf,
        solver: Solver = "exact",
        max_size: int = LARGEST_DENSE,
    ) -> None:
        """Check the arguments and take in the parameters."""
        if solver not in get_args(Solver):
            raise ValueError(f"solver must be one of {list(get_args(Solver))}, got {solver!r}")
        check_integer("max_size", max_size, low=1)
        super().__init__(params, {"radius": radius, "max_radius": max_radius})
        self.solver, self.max_size = solver, max_size

    def advance(self, point: Point, memory: dict[str, Any], group: dict[str, Any]) -> Point:
        """Return the first trial point that keeps enough of the model's promise."""
        radius = first = min(memory.get("radius", group["radius"]), group["max_radius"])
        model = _Model(point, self.solver, self.max_size)
        while radius > 0:
            step = model.step(radius)
            if step.decrease == 0:
                break
            trial = point.move(1.0, step.p)
            if not bool((trial.x != point.x).any()):
                break
            kept = _kept(point, trial, step)
            if not kept >= _POOR:
                radius = min(2 * radius, length_of(step.p)) / 4
            elif kept > _GOOD and step.on_boundary:
                radius = min(2 * radius, group["max_radius"], sys.float_info.max)
            if kept > _ACCEPTED:
                memory["radius"] = radius
                return trial
        shrunk = radius < first or (step.decrease > 0 and "radius" in memory)
        raise NoStepError(_no_way_down(point, step, radius, shrunk=shrunk))


class _Model:
    """The model at a point; what it needs of the Hessian is computed once."""

    def __init__(self, point: Point, solver: Solver, max_size: int) -> None:
        self.point = point
        self.solve = exact_step if solver == "exact" else dogleg_step
        self.dense = None if solver == "Steihaug-CG" else NewtonModel(point, max_size)

    def step(self, radius: float) -> TrustRegionStep:
        """Return the step in the ball of `radius`, in the dtype of the point."""
        if self.dense is None:
            return steihaug_cg_step(self.point.gradient, self.point.hessian_product, radius)
        step = self.solve(self.dense.g, self.dense.H, radius)
        return TrustRegionStep(self.dense.step(step.p), step.decrease, step.on_boundary)


def _kept(point: Point, trial: Point, step: TrustRegionStep) -> float:
    """Return the share of the promise that the function keeps; NaN counts as nothing."""
    if not math.isfinite(trial.value):
        return -math.inf
    rounding = 10 * torch.finfo(step.p.dtype).eps * max(abs(point.value), abs(trial.value))
    if max(step.decrease, abs(trial.value - point.value)) > rounding:
        return (point.value - trial.value) / step.decrease
    return -0.5 * (point.slope(step.p) + trial.slope(step.p)) / step.decrease


def _no_way_down(point: Point, step: TrustRegionStep, radius: float, *, shrunk: bool) -> str:
    """Return why the last step is none; `shrunk`: longer ones did not lower the function."""
    if shrunk or (step.decrease > 0 and not step.on_boundary):
        return "no step that changes the parameters lowers the function"
    if step.decrease > 0:
        return f"radius is {radius:.3g}, too small to change parameters of this size"
    if not bool(point.gradient.any()):
        return "the gradient is zero: the parameters are at a critical point"
    return "the model promises no decrease: the gradient is too small for the dtype"
