"""The conjugate gradient method for linear systems, with a bound on the length of the solution."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from course_lib.arguments import (
    check_callable,
    check_floating_tensor,
    check_integer,
    check_number,
)

__all__ = ["ConjugateGradientResult", "conjugate_gradient"]

Status = Literal["converged", "boundary", "negative curvature", "iterations", "not finite"]


@dataclass(frozen=True, eq=False)
class ConjugateGradientResult:
    r"""What :func:`conjugate_gradient` found.

    Attributes:
        x: the last iterate, shape (n,); finite, whatever the status.
        residual: :math:`r = b - Ax`, as the recursion keeps it, shape (n,). From it ``model_value``
            tells the value of the model :math:`m(x) = \frac12 x^\top Ax - b^\top x` without
            another product.
        iterations: number of products with :math:`A` along directions.
        status: ``"converged"`` (the residual is small enough), ``"boundary"`` (the next iterate
            would have been longer than `radius`, which is the length of `x`),
            ``"negative curvature"`` (along `direction`), ``"iterations"`` (as many as were allowed)
            or ``"not finite"``.
        direction: the direction along which the curvature :math:`d^\top Ad` was not positive, a
            direction in which :math:`m` falls; None if there was none. With a `radius`, `x` went
            along it to the boundary; without, `x` is the iterate before it.
        b: the right-hand side.
    """

    x: Tensor
    residual: Tensor
    iterations: int
    status: Status
    direction: Tensor | None
    b: Tensor

    @property
    def model_value(self) -> float:
        r"""The model :math:`\frac12 x^\top Ax - b^\top x = -\frac12 x^\top(b + r)` at `x`."""
        return -0.5 * _dot(self.x, self.b + self.residual)


def conjugate_gradient(
    product: Callable[[Tensor], Tensor],
    b: Tensor,
    *,
    x0: Tensor | None = None,
    radius: float | None = None,
    tolerance: float = 1e-5,
    max_iterations: int | None = None,
) -> ConjugateGradientResult:
    r"""Solve :math:`Ax = b` with symmetric :math:`A`, known by its products with vectors.

    From :math:`r_0 = d_0 = b - Ax_0` on,

    .. math::

        t_k = \frac{r_k^\top r_k}{d_k^\top A d_k},\quad
        x_{k+1} = x_k + t_k d_k,\quad r_{k+1} = r_k - t_k A d_k,\quad
        d_{k+1} = r_{k+1} + \frac{r_{k+1}^\top r_{k+1}}{r_k^\top r_k}\, d_k .

    If :math:`A` is positive definite, :math:`x_k` minimises the model
    :math:`m(x) = \frac12 x^\top Ax - b^\top x` over all combinations of the first k directions;
    without rounding, :math:`k = n` of them suffice. If :math:`A` is not, sooner or later a
    direction with :math:`d^\top Ad \le 0` shows it: :math:`m` has no minimum, and the method stops
    there (without `radius`) or follows the direction to the boundary (with it). That is Steihaug's
    method for the trust-region problem :math:`\min m(x)` subject to :math:`\|x\| \le \Delta`.

    Args:
        product: :math:`v \mapsto Av`, on tensors like `b`.
        b: floating-point tensor of shape (n,).
        x0: start, like `b`; None starts at zero.
        radius: :math:`\Delta > 0`, or None for no bound. It needs ``x0=None``: from zero on, the
            iterates grow in length, so that one that left the ball would never come back.
        tolerance: stop at :math:`\|r_k\| \le \text{tolerance}\cdot\|b\|`.
        max_iterations: largest number of iterations, :math:`10n` by default: with rounding,
            ill-conditioned systems need more than :math:`n`.

    Returns:
        The last iterate, its residual and why the method stopped. A product that is infinite or
        not a number ends it as well, at the last finite iterate.

    Raises:
        TypeError, ValueError: an argument is not as described, or a product is of another shape.

    Example:
        >>> A = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
        >>> found = conjugate_gradient(lambda v: A @ v, torch.tensor([3.0, 4.0]))
        >>> found.x, found.iterations, found.status
        (tensor([1.0000, 1.0000]), 2, 'converged')
        >>> found = conjugate_gradient(lambda v: -v, torch.tensor([3.0, 4.0]), radius=1.0)
        >>> found.x, found.status
        (tensor([0.6000, 0.8000]), 'negative curvature')

    Source: Hestenes and Stiefel, *Methods of conjugate gradients for solving linear systems*, J.
    Res. Nat. Bur. Standards 49 (1952); Steihaug, *The conjugate gradient method and trust regions
    in large scale optimization*, SIAM J. Numer. Anal. 20 (1983). ``scipy.sparse.linalg.cg`` takes
    the same iterates for positive definite :math:`A` and knows neither radius nor curvature.
    """
    _check(product, b, x0, radius)
    tolerance = check_number("tolerance", tolerance, low=0)
    most = 10 * b.numel() if max_iterations is None else max_iterations
    check_integer("max_iterations", most, low=0)

    x = torch.zeros_like(b) if x0 is None else x0
    r = b if x0 is None else b - _product(product, x0)
    d = r
    rr, goal = _dot(r, r), tolerance * math.sqrt(_dot(b, b))

    def result(status: Status, k: int, direction: Tensor | None = None) -> ConjugateGradientResult:
        return ConjugateGradientResult(x, r, k, status, direction, b)

    for k in range(most + 1):
        if not math.isfinite(rr):
            return result("not finite", k)
        if math.sqrt(rr) <= goal:
            return result("converged", k)
        if k == most:
            break
        Ad = _product(product, d)
        curvature, bent = _dot(d, Ad), _dot(Ad, Ad)
        if not (math.isfinite(curvature) and math.isfinite(bent)):
            return result("not finite", k + 1)
        if not _is_positive(curvature, _dot(d, d), bent, b.dtype):
            if radius is not None:
                t = _to_boundary(x, d, radius)
                x, r = x + t * d, r - t * Ad
            return result("negative curvature", k + 1, d)
        t = rr / curvature
        x_new = x + t * d
        if radius is not None and math.sqrt(_dot(x_new, x_new)) >= radius:
            t = _to_boundary(x, d, radius)
            x, r = x + t * d, r - t * Ad
            return result("boundary", k + 1)
        r_new = r - t * Ad
        rr_new = _dot(r_new, r_new)
        if not (math.isfinite(rr_new) and math.isfinite(_dot(x_new, x_new))):
            return result("not finite", k + 1)
        x, r, d, rr = x_new, r_new, r_new + (rr_new / rr) * d, rr_new
    return result("iterations", most)


def _dot(u: Tensor, v: Tensor) -> float:
    return float(torch.dot(u, v))


def _is_positive(curvature: float, dd: float, bent: float, dtype: torch.dtype) -> bool:
    # d'Ad is known up to rounding, eps |d| |Ad|. No definite matrix is mistaken: by Kantorovich's
    # inequality d'Ad >= 2 |d| |Ad| / (sqrt(c) + 1/sqrt(c)) with c its condition, and c < 1/eps^2.
    return curvature > torch.finfo(dtype).eps * math.sqrt(dd * bent)


def _to_boundary(x: Tensor, d: Tensor, radius: float) -> float:
    """Return the positive root t of |x + t d| = radius."""
    dd, xd = _dot(d, d), max(_dot(x, d), 0.0)  # x'd >= 0 but for rounding
    room = max(radius**2 - _dot(x, x), 0.0)
    return room / (xd + math.sqrt(xd**2 + dd * room)) if room else 0.0


def _product(product: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
    found = product(v)
    if not isinstance(found, Tensor):
        raise TypeError(f"product(v) must be a tensor, got {type(found).__name__}")
    if found.shape != v.shape or found.dtype != v.dtype:
        raise ValueError(
            f"product(v) must have the shape {tuple(v.shape)} and dtype {v.dtype} of v, got "
            f"{tuple(found.shape)} and {found.dtype}"
        )
    return found


def _check(product: object, b: Tensor, x0: Tensor | None, radius: float | None) -> None:
    check_callable("product", product, "a function of a vector")
    check_floating_tensor("b", b)
    if b.dim() != 1 or b.numel() == 0:
        raise ValueError(f"b must have shape (n,), n at least 1, got shape {tuple(b.shape)}")
    if x0 is not None:
        check_floating_tensor("x0", x0)
        if x0.shape != b.shape or x0.dtype != b.dtype or x0.device != b.device:
            raise ValueError(
                f"x0 must be like b, of shape {tuple(b.shape)}, dtype {b.dtype} on {b.device}, "
                f"got shape {tuple(x0.shape)}, dtype {x0.dtype} on {x0.device}"
            )
    if radius is not None:
        check_number("radius", radius, above=0)
        if x0 is not None:
            raise ValueError(f"radius needs x0=None: it bounds a step from zero, got x0={x0!r}")
