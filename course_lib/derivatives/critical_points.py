"""What the first and second derivatives say about a point: critical or not, and of which kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.functional import hessian, hvp, jacobian

from course_lib.arguments import check_callable, check_number

__all__ = ["CriticalPoint", "critical_point"]

# The eigenvalues of a symmetric matrix come out with errors of the order of n·eps times its norm.
_ROUND_OFF = 10


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    r"""The conditions of first and second order at a point, and what follows from them.

    Attributes:
        x: the point, shape (n,).
        gradient_norm: :math:`\|\nabla f(x)\|_2`.
        gradient_tolerance: the gradient counts as zero up to this norm.
        eigenvalues: those of the Hessian, shape (n,), ascending.
        eigenvalue_tolerances: for each eigenvalue, up to which size it counts as zero; shape (n,).
        verdict: ``"not critical"``, ``"strict local minimum"``, ``"strict local maximum"``,
            ``"strict saddle"`` or ``"degenerate"`` (the second-order test is undecided).
        reason: why, in a sentence.
    """

    x: Tensor
    gradient_norm: float
    gradient_tolerance: float
    eigenvalues: Tensor
    eigenvalue_tolerances: Tensor
    verdict: str
    reason: str

    @property
    def first_order(self) -> bool:
        r"""Whether the first-order necessary condition :math:`\nabla f(x) = 0` holds."""
        return self.gradient_norm <= self.gradient_tolerance

    @property
    def second_order(self) -> bool:
        r"""Whether :math:`\nabla^2 f(x) \succeq 0`, that is, no eigenvalue is negative.

        Together with :attr:`first_order` it is necessary for a minimiser, and not sufficient.
        """
        return bool((self.eigenvalues >= -self.eigenvalue_tolerances).all())


def critical_point(
    f: Callable[[Tensor], Tensor], x: Tensor, *, tolerance: float | None = None
) -> CriticalPoint:
    r"""Apply the first- and second-order tests for an extremum of :math:`f` to the point ``x``.

    Gradient and Hessian come from automatic differentiation. If the gradient is zero, the signs
    of the Hessian's eigenvalues decide: all positive, a strict local minimum; all negative, a
    strict local maximum; both signs, a strict saddle; otherwise the test is undecided.

    In floating-point numbers nothing is exactly zero, and ``x`` is seldom exactly critical. So
    "zero" means: zero somewhere near ``x``. With :math:`\delta` = ``tolerance``,

    * the gradient counts as zero if :math:`\|\nabla f(x)\| \le \delta\,\max(1, \|x\|)\,
      \|\nabla^2 f(x)\|_2`, which is how far it can change over a relative distance
      :math:`\delta`; a function multiplied by a constant is judged alike;
    * an eigenvalue :math:`\lambda_i` counts as zero if, to first order, its sign may change within
      twice the distance to the critical point, :math:`|\lambda_i| \le 2r\,\|\nabla\lambda_i(x)\|`
      where :math:`r` is the larger of :math:`\delta\max(1, \|x\|)` and of the length of Newton's
      step; or if it is within the round-off of the largest. Twice, because Newton's
      step from near the minimiser of :math:`|u|^p` covers :math:`1/(p - 1)` of the way only.

    The cost is :math:`2n` products of a Hessian with a vector (or derivatives of one), and an
    eigenvalue decomposition, :math:`O(n^3)`.

    Args:
        f: function from a tensor of shape (n,) to one of shape (), three times differentiable near
            ``x``. (At a kink such as that of :math:`|u|` autograd follows a convention, and the
            verdict says nothing.)
        x: the point, shape (n,), n at least 1, any floating-point dtype; it is not changed.
        tolerance: :math:`\delta`, above 0 and below 1; by default the root of the spacing of
            numbers in the dtype of ``x``, 1.5e-8 in float64.

    Returns:
        The norm of the gradient, the eigenvalues, the verdict and its reason.

    Raises:
        TypeError: ``f`` is no function, ``x`` no tensor, ``f(x)`` no tensor, or ``tolerance`` no
            number.
        ValueError: ``x`` has another shape, is not floating-point or not finite; ``f(x)`` has
            another shape or does not depend on ``x``; the value or one of the first three
            derivatives at ``x`` is not finite; ``tolerance`` is out of range.

    Example:
        >>> origin = torch.zeros(2, dtype=torch.float64)
        >>> point = critical_point(lambda x: x[0] ** 2 - x[1] ** 2, origin)
        >>> point.verdict, point.eigenvalues.tolist()
        ('strict saddle', [-2.0, 2.0])
        >>> critical_point(lambda x: (x**4).sum(), origin).verdict
        'degenerate'

    Source: slide 3; Nocedal and Wright, *Numerical Optimization*, 2nd ed. (2006), theorems
    2.2–2.4.
    """
    check_callable("f", f, "a function of a tensor")
    _check_point(x)
    eps = torch.finfo(x.dtype).eps
    if tolerance is None:
        tolerance = eps**0.5
    check_number("tolerance", tolerance, above=0, below=1)
    x = x.detach().clone()
    gradient, H = _derivatives(f, x)
    eigenvalues, vectors = torch.linalg.eigh(H)
    largest = eigenvalues.abs().max().item()

    near = tolerance * max(1.0, torch.linalg.vector_norm(x).item())
    gradient_norm = torch.linalg.vector_norm(gradient).item()
    gradient_tolerance = near * largest
    round_off = _ROUND_OFF * len(x) * eps * largest
    resolved = eigenvalues.abs() > round_off
    newton = ((vectors.T @ gradient)[resolved] / eigenvalues[resolved]).norm().item()
    slopes = torch.stack([_slope(f, x, q) for q in vectors.T.to(x.dtype)])
    _check_finite("slopes of its eigenvalues", slopes)
    tolerances = 2 * max(near, newton) * slopes.to(eigenvalues) + round_off

    verdict, reason = _judge(gradient_norm, gradient_tolerance, eigenvalues, tolerances)
    return CriticalPoint(
        x, gradient_norm, gradient_tolerance, eigenvalues, tolerances, verdict, reason
    )


def _derivatives(f: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient and the Hessian, in single precision at least."""
    with torch.enable_grad():
        value = f(x.clone().requires_grad_())
    if not isinstance(value, Tensor):
        raise TypeError(f"f(x) must be a tensor of shape (), got {value!r}")
    if value.dim() != 0 or not value.requires_grad:
        raise ValueError(
            "f(x) must be a tensor of shape () that depends on x, got shape "
            f"{tuple(value.shape)} and requires_grad={value.requires_grad}"
        )
    gradient, H = jacobian(f, x), hessian(f, x)
    for name, numbers in (("value", value), ("gradient", gradient), ("Hessian", H)):
        _check_finite(name, numbers)
    wide = torch.promote_types(x.dtype, torch.float32)
    return gradient.to(wide), ((H + H.T) / 2).to(wide)


def _slope(f: Callable[[Tensor], Tensor], x: Tensor, q: Tensor) -> Tensor:
    """The norm of the gradient of an eigenvalue with eigenvector q: that of qᵀH(x)q, q fixed."""

    def curvature(z: Tensor) -> Tensor:
        return q @ hvp(f, z, q, create_graph=True)[1]

    return torch.linalg.vector_norm(jacobian(curvature, x))


def _check_finite(name: str, numbers: Tensor) -> None:
    if not bool(numbers.isfinite().all()):
        raise ValueError(
            "f must be finite at x with its first three derivatives, got for the "
            f"{name} {numbers.tolist()}"
        )


def _judge(
    gradient_norm: float, gradient_tolerance: float, eigenvalues: Tensor, tolerances: Tensor
) -> tuple[str, str]:
    if gradient_norm > gradient_tolerance:
        return "not critical", (
            f"the gradient is not zero: its norm is {gradient_norm:.3g}, and "
            f"{gradient_tolerance:.3g} would count as zero"
        )
    n = len(eigenvalues)
    rising = int((eigenvalues > tolerances).sum())
    falling = int((eigenvalues < -tolerances).sum())
    signs = f"{rising} positive, {falling} negative, {n - rising - falling} zero"
    critical = f"the gradient is zero, and of {n} eigenvalues of the Hessian are {signs}"
    if rising == n:
        return "strict local minimum", f"{critical}: f rises in every direction"
    if falling == n:
        return "strict local maximum", f"{critical}: f falls in every direction"
    if rising and falling:
        return "strict saddle", f"{critical}: f falls in some directions and rises in others"
    if falling:
        open_question = "no minimum, and whether a maximum or a saddle"
    elif rising:
        open_question = "no maximum, and whether a minimum or a saddle"
    else:
        open_question = "whether a minimum, a maximum or a saddle"
    return "degenerate", f"{critical}: {open_question}, the second derivatives do not tell"


def _check_point(x: Any) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a floating-point tensor of shape (n,), got {x!r}")
    if x.dim() != 1 or len(x) == 0 or not x.is_floating_point():
        raise ValueError(
            "x must be a floating-point tensor of shape (n,), n at least 1, got shape "
            f"{tuple(x.shape)} and dtype {x.dtype}"
        )
    if not bool(x.isfinite().all()):
        raise ValueError(f"x must be finite, got {x!r}")
