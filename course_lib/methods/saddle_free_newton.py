"""Saddle-free Newton: each direction divided by the size of its curvature, so that it goes down."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_integer
from course_lib.methods.closure_method import ClosureMethod
from course_lib.methods.dense_hessian import LARGEST_DENSE, NewtonModel, solvable
from course_lib.methods.hyperparameters import non_negative
from course_lib.methods.lanczos import lanczos
from course_lib.methods.point import NoStepError, Point

__all__ = ["SaddleFreeNewton"]

Solver = Literal["exact", "Krylov"]

GRID = (0.0, *(10.0**j for j in range(-6, 3)))
"""Dampings that are tried by default, as multiples of the largest :math:`|\\lambda_i|`."""


class SaddleFreeNewton(ClosureMethod):
    r"""Newton's method with absolute curvatures: saddles repel it.

    .. math::

        x_k = x_{k-1} - t_k\,\big(|H| + \lambda I\big)^{-1} g, \qquad |H| = Q\,|\Lambda|\,Q^\top

    where :math:`g` and :math:`H = Q\Lambda Q^\top` are gradient and Hessian at :math:`x_{k-1}`, and
    :math:`|\Lambda|` holds the absolute values of the eigenvalues. Newton's method divides the
    gradient's part along an eigenvector by its eigenvalue. Where that is negative, the step turns
    around and leads up, to the saddle. Divided by its size, each part goes down. Where
    :math:`H \succ 0` the two are the same.

    The damping :math:`\lambda` shortens the step, most where the ground is flat. Of several, that
    one is taken for which :math:`F` becomes smallest: this takes the place of a line search.

    The Krylov form needs no matrix. In the basis :math:`V` of :math:`k` Lanczos vectors that start
    from :math:`g`, to which the last step is added, and with :math:`\hat H = V^\top HV`,

    .. math:: x_k = x_{k-1} - t_k\,V\big(|\hat H| + \lambda I\big)^{-1} V^\top g .

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``, on one
            device.
        lr: The step size :math:`t_k`; 1 is the method's own.
        damping: :math:`\lambda`: a non-negative number, with which the step is made as the formula
            says; or a sequence of them, of which the best is taken. By default 0 and nine powers
            of ten times the largest :math:`|\lambda_i|`, from :math:`10^{-6}` to :math:`10^2`.
        solver: ``"exact"`` forms the Hessian as a matrix; ``"Krylov"`` asks for `krylov_size`
            products with it, and one more for the last step.
        krylov_size: :math:`k`, the number of Lanczos vectors. They are kept during the step.
        max_size: Largest number of variables for which a matrix is formed.

    Raises:
        ValueError: an argument is outside its range; or, at the step, there are too many variables
            for a matrix.
        TypeError: an argument is of the wrong type.

    The reason of a step that is not made (``reason``) is that the gradient is zero, as at a saddle
    exactly hit, that the Hessian is not finite, that it is singular while there is no damping, or
    that none of several dampings lowers :math:`F`. So with several, the value never rises.

    Example: Newton jumps to the saddle of :math:`u^2 - v^2`. This method lowers the first variable
    likewise, and doubles the second.

        >>> from course_lib.methods import Newton
        >>> from course_lib.training import minimize
        >>> saddle = lambda x: x[0] ** 2 - x[1] ** 2
        >>> start = torch.tensor([1.0, 0.5])
        >>> newton = minimize(saddle, start, Newton, steps=1)
        >>> ours = minimize(saddle, start, lambda p: SaddleFreeNewton(p, damping=0), steps=1)
        >>> newton.x[1], ours.x[1]
        (tensor([0., 0.]), tensor([0., 1.]))

    Source: slide 34; Dauphin, Pascanu, Gulcehre, Cho, Ganguli and Bengio, *Identifying and
    attacking the saddle point problem in high-dimensional non-convex optimization*, NeurIPS 2014.
    Absolute eigenvalues are older: Greenstadt 1967; ``Newton(modification="eigenvalues")`` has them
    too, with Armijo's rule in place of the dampings, and only where :math:`H` is not definite.
    """

    uses_hessian = True

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        *,
        damping: float | Sequence[float] | None = None,
        solver: Solver = "exact",
        krylov_size: int = 20,
        max_size: int = LARGEST_DENSE,
    ) -> None:
        """Check the arguments and take in the parameters."""
        if solver not in get_args(Solver):
            raise ValueError(f"solver must be one of {list(get_args(Solver))}, got {solver!r}")
        check_integer("krylov_size", krylov_size, low=1)
        check_integer("max_size", max_size, low=1)
        dampings = _dampings(damping)
        super().__init__(params, {"lr": lr})
        self.damping, self.solver = dampings, solver
        self.krylov_size, self.max_size = krylov_size, max_size

    def advance(self, point: Point, memory: dict[str, Any], group: dict[str, Any]) -> Point:
        """Return the point to which the only damping leads, or the lowest of several."""
        if group["lr"] == 0:
            return point
        if not bool(point.gradient.any()):
            raise NoStepError("the gradient is zero: the parameters are at a critical point")
        trials = [point.move(group["lr"], d) for d in self._directions(point, memory)]
        if not trials:
            raise NoStepError("the Hessian is singular, so that a damping above 0 is needed")
        place = trials[0]
        if self.damping is None or len(self.damping) > 1:
            place = min(trials, key=_value_or_infinity)
            if not place.value < point.value:
                raise NoStepError("no damping of the grid lowers the function")
        if self.solver == "Krylov":
            memory["step"] = place.x - point.x
        return place

    def _directions(self, point: Point, memory: dict[str, Any]) -> Iterator[Tensor]:
        """Yield the direction for each damping, where there is one."""
        seen = self._exact(point) if self.solver == "exact" else self._krylov(point, memory)
        size = seen.eigenvalues.abs()
        largest = float(size.max())
        singular = float(size.min()) <= len(size) * torch.finfo(size.dtype).eps * largest
        grid = [largest * share for share in GRID] if self.damping is None else self.damping
        for damping in grid:
            if damping == 0 and singular:
                continue
            d = seen.step(-seen.Q @ (seen.c / (size + damping)))
            if bool(torch.isfinite(d).all()):
                yield d

    def _exact(self, point: Point) -> _Spectrum:
        model = NewtonModel(point, self.max_size)
        eigenvalues, Q = torch.linalg.eigh(model.H)
        if model.flat:  # then they tell no scale, only what stands for variables without effect
            eigenvalues = torch.zeros_like(eigenvalues)
        return _Spectrum(eigenvalues, Q, Q.T @ model.g, model.step)

    def _krylov(self, point: Point, memory: dict[str, Any]) -> _Spectrum:
        g, dtype = solvable(point.gradient), point.x.dtype
        last = memory.get("step")
        found = lanczos(
            lambda v: solvable(point.hessian_product(v.to(dtype))),
            g,
            self.krylov_size,
            extra=None if last is None else solvable(last),
        )
        if not bool(torch.isfinite(found.H).all()):
            raise NoStepError("a product with the Hessian is not finite")
        eigenvalues, Q = torch.linalg.eigh(found.H)
        V = found.V @ Q
        return _Spectrum(eigenvalues, V, V.T @ g, lambda d: d.to(dtype))


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """Eigenvalues, their vectors as columns of Q, the gradient's parts along these."""

    eigenvalues: Tensor
    Q: Tensor
    c: Tensor
    step: Any


def _dampings(damping: Any) -> tuple[float, ...] | None:
    if damping is None:
        return None
    several = isinstance(damping, Sequence) and not isinstance(damping, str)
    values = list(damping) if several else [damping]
    if not values:
        raise ValueError("damping must hold at least one number, got an empty sequence")
    for value in values:
        non_negative("damping", value)
    return tuple(float(value) for value in values)


def _value_or_infinity(point: Point) -> float:
    return point.value if math.isfinite(point.value) else math.inf
