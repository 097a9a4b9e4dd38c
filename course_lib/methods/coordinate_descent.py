"""Coordinate descent: one variable at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_integer
from course_lib.methods.line_searching import LineSearchMethod, StepSize
from course_lib.methods.point import Point
from course_lib.randomness import LARGEST_SEED, generator_of

__all__ = ["CoordinateDescent", "CoordinateDirection"]

Rule = Literal["cyclic", "random", "Gauss-Southwell"]


@dataclass(frozen=True)
class CoordinateDirection:
    r"""Direction: :math:`d = -\frac{\partial F}{\partial x_i}(x)\, e_i`, down along one axis.

    Args:
        rule: Which :math:`i`. ``"cyclic"``: 1, 2, …, n, 1, …; ``"random"``: each with the same
            chance, as a function of the seed and the number of the step; ``"Gauss-Southwell"``: the
            one with the largest derivative in size.
        seed: Of the random rule, an integer from 0 to 2⁶⁴ − 1.

    Raises:
        ValueError, TypeError: an argument is not as described.

    Coordinates whose derivative is zero, or no more than rounding beside the largest one, are
    passed over. A number is all that is remembered; with it, a run that was saved goes on with the
    same coordinates.

    Example:
        >>> CoordinateDirection("Gauss-Southwell")
        CoordinateDirection(rule='Gauss-Southwell', seed=0)

    Source: slide 3; Wright, *Coordinate descent algorithms*, Mathematical Programming 151 (2015).
    """

    rule: Rule = "cyclic"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the options."""
        if self.rule not in get_args(Rule):
            raise ValueError(f"rule must be one of {list(get_args(Rule))}, got {self.rule!r}")
        check_integer("seed", self.seed, low=0, high=LARGEST_SEED)

    def __call__(self, point: Point, memory: dict[str, Any], /) -> Tensor:
        """Return the direction at `point`."""
        g = point.gradient
        places = torch.arange(len(g), device=g.device)
        return torch.where(self._chosen(g, places, memory), -g, 0.0)

    def _chosen(self, g: Tensor, places: Tensor, memory: dict[str, Any]) -> Tensor:
        """Return a mask that is true at one coordinate, the one to move along."""
        size = g.abs()
        if self.rule == "Gauss-Southwell":
            return places == size.argmax()
        matters = size > torch.finfo(g.dtype).eps * size.max()
        if self.rule == "cyclic":
            next_ = memory.get("next", 0)
            distance = torch.where(matters, (places - next_) % len(g), len(g))
            i = int(distance.argmin().item())
            memory["next"] = (i + 1) % len(g)
            return places == i
        k = memory["k"] = memory.get("k", 0) + 1
        rank = matters.cumsum(0)  # 1, 2, … at those that matter
        generator = generator_of("coordinates", self.seed, k)
        count = max(int(matters.sum().item()), 1)
        drawn = torch.randint(count, (), generator=generator).item()
        return matters & (rank == drawn + 1)


class CoordinateDescent(LineSearchMethod):
    r"""Coordinate descent: :math:`x_k = x_{k-1} - t_k\, \partial_{i_k}F(x_{k-1})\, e_{i_k}`.

    Only one of the :math:`n` variables moves in a step. On a quadratic :math:`\frac12x^\top Ax -
    b^\top x` and with the exact step (:class:`~course_lib.methods.ExactStep`), each step solves one
    equation of :math:`Ax = b` for its variable, and a round of the cyclic rule is a round of the
    Gauss–Seidel method.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``, on one
            device. Their numbers are the coordinates, in this order.
        lr: The step size's first guess; with :class:`~course_lib.methods.FixedStep` the step
            itself. At most 1 divided by the largest second derivative along an axis is safe: often
            much longer than what gradient descent can do with.
        rule: Which variable moves: ``"cyclic"``, ``"random"`` or ``"Gauss-Southwell"`` (the largest
            derivative in size).
        seed: Of the random rule.
        step_size: Which step size; by default the learning rate itself.

    Raises:
        ValueError, TypeError: an argument is not as described.

    It pays where one derivative costs much less than all :math:`n`. Here all of them are computed,
    as a closure knows no other way; so this shows what the method does, not what it can save.
    It needs a smooth function: at a kink, no single variable may have a way down where several
    together have one.

    Example:
        >>> from course_lib.training import minimize
        >>> f = lambda x: x[0] ** 2 + x[0] * x[1] + x[1] ** 2
        >>> path = minimize(f, [1.0, 1.0], lambda p: CoordinateDescent(p, lr=0.5), steps=4)
        >>> path.x.tolist()
        [[1.0, 1.0], [-0.5, 1.0], [-0.5, 0.25], [-0.125, 0.25], [-0.125, 0.0625]]

    Source: slide 3; Wright, *Coordinate descent algorithms*, Mathematical Programming 151 (2015);
    Nutini et al., *Coordinate descent converges faster with the Gauss–Southwell rule than random
    selection*, ICML 2015.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        *,
        rule: Rule = "cyclic",
        seed: int = 0,
        step_size: StepSize | None = None,
    ) -> None:
        """Check the arguments and take in the parameters."""
        super().__init__(params, CoordinateDirection(rule, seed), step_size, lr=lr)
