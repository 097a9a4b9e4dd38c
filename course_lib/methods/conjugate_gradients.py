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
from course_lib.methods.scaling import (
    exponent_of,
    in_own_unit,
    in_unit,
    largest_exponent,
    length_of,
    times_power,
)

__all__ = ["ConjugateGradientResult", "conjugate_gradient"]

Status = Literal["converged", "boundary", "negative curvature", "iterations", "not finite"]


@dataclass(frozen=True, eq=False)
class ConjugateGradientResult:
    r"""What :func:`conjugate_gradient` found.

    Attributes:
        x: the last iterate, shape (n,); finite, whatever the status.
        residual: :math:`r = b - Ax`, as the recursion keeps it, shape (n,).
        model_value: the model :math:`m(x) = \frac12 x^\top Ax - b^\top x =
            -\frac12 x^\top(b + r)` at `x`, for which no further product is needed.
        iterations: number of products with :math:`A` along directions.
        status: ``"converged"`` (the residual is small enough), ``"boundary"`` (the next iterate
            would have been longer than `radius`, which is the length of `x`),
            ``"negative curvature"`` (along `direction`), ``"iterations"`` (as many as were allowed)
            or ``"not finite"``.
        direction: the direction along which the curvature :math:`d^\top Ad` was not positive, a
            direction in which :math:`m` falls; None if there was none. With a `radius`, `x` went
            along it to the boundary; without, `x` is the iterate before it.
    """

    x: Tensor
    residual: Tensor
    model_value: float
    iterations: int
    status: Status
    direction: Tensor | None


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

    The vectors are kept in units that are powers of two, so :math:`A` and :math:`b` may be as large
    or small as their dtype allows, and no digit depends on it.

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
    # In the units 2^e of r and b, 2^a of A and 2^(e - a) of x, no product leaves the dtype's range.
    e = exponent_of(r)
    r, goal = in_unit(r, e), tolerance * length_of(in_unit(b, e))
    d, rr = r, _dot(r, r)
    if not math.isfinite(rr) or math.sqrt(rr) <= goal or most == 0:
        r = in_unit(r, -e)
        done: Status = "converged" if math.sqrt(rr) <= goal else "iterations"
        done = done if math.isfinite(rr) else "not finite"
        return ConjugateGradientResult(x, r, _model_value(x, b + r), 0, done, None)
    Ad = _product(product, d)
    a = _unit_of_matrix(Ad, e, radius)
    x, ball = in_unit(x, e - a), math.inf if radius is None else times_power(radius, a - e)

    def result(status: Status, direction: Tensor | None = None) -> ConjugateGradientResult:
        value = times_power(_model_value(x, in_unit(b, e) + r), 2 * e - a)
        return ConjugateGradientResult(
            in_unit(x, a - e), in_unit(r, -e), value, k, status, direction
        )

    for k in range(1, most + 1):
        Ad = in_unit(Ad, a)
        curvature, bent = _dot(d, Ad), _dot(Ad, Ad)
        if not (math.isfinite(curvature) and math.isfinite(bent)):
            return result("not finite")
        if not _is_positive(curvature, _dot(d, d), bent, b.dtype):
            downhill = in_unit(d, -e)
            if radius is not None:
                x, r, e = _to_boundary(x, r, d, Ad, radius, e, a)
            return result("negative curvature", downhill)
        t = rr / curvature
        x_new, r_new = x + t * d, r - t * Ad
        length, rr_new = length_of(x_new), _dot(r_new, r_new)
        if radius is not None and length >= ball:
            x, r, e = _to_boundary(x, r, d, Ad, radius, e, a)
            return result("boundary")
        if not (math.isfinite(length) and math.isfinite(rr_new)):
            return result("not finite")
        x, r, d, rr = x_new, r_new, r_new + (rr_new / rr) * d, rr_new
        if math.sqrt(rr) <= goal:
            return result("converged")
        if k < most:
            Ad = _product(product, d)
    return result("iterations")


def _unit_of_matrix(Ad: Tensor, e: int, radius: float | None) -> int:
    """Return the exponent of the unit of A, so large that a small radius stays in range too."""
    a = exponent_of(Ad)
    if radius is None:
        return a
    length = math.frexp(radius)[1]
    return max(a, e - length - largest_exponent(Ad.dtype)) if bool(Ad.any()) else e - length


def _model_value(x: Tensor, b_and_r: Tensor) -> float:
    (x, e), (b_and_r, a) = in_own_unit(x), in_own_unit(b_and_r)
    return times_power(-0.5 * _dot(x, b_and_r), e + a)


def _dot(u: Tensor, v: Tensor) -> float:
    return float(torch.dot(u, v))


def _is_positive(curvature: float, dd: float, bent: float, dtype: torch.dtype) -> bool:
    # d'Ad is known up to rounding, eps |d| |Ad|. No definite matrix is mistaken: by Kantorovich's
    # inequality d'Ad >= 2 |d| |Ad| / (sqrt(c) + 1/sqrt(c)) with c its condition, and c < 1/eps^2.
    return curvature > torch.finfo(dtype).eps * math.sqrt(dd * bent)


def _to_boundary(
    x: Tensor, r: Tensor, d: Tensor, Ad: Tensor, radius: float, e: int, a: int
) -> tuple[Tensor, Tensor, int]:
    """Return iterate and residual where the line along d leaves the ball, and their exponent e.

    A unit that is small beside the radius is exchanged for a larger one.
    """
    far = max(math.frexp(radius)[1] + a - e - largest_exponent(x.dtype), 0)
    x, r, e = in_unit(x, far), in_unit(r, far), e + far
    dd, xd = _dot(d, d), max(_dot(x, d), 0.0)  # x'd >= 0 but for rounding
    room = max(times_power(radius, a - e) ** 2 - _dot(x, x), 0.0)
    t = room / (xd + math.sqrt(xd**2 + dd * room)) if room else 0.0  # the positive root
    return x + t * d, r - t * Ad, e


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
