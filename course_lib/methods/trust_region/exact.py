"""The exact solution of the trust-region problem, by the secular equation."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.methods.scaling import length_of
from course_lib.methods.trust_region.subproblem import (
    ScaledModel,
    TrustRegionStep,
    check_gradient,
    check_hessian,
)

__all__ = ["exact_step"]

_MOST_ITERATIONS = 100


def exact_step(g: Tensor, H: Tensor, radius: float) -> TrustRegionStep:
    r"""Minimise :math:`m(p) = g^\top p + \frac12 p^\top Hp` over :math:`\|p\| \le \Delta`, exactly.

    :math:`p` is a global minimiser if and only if some :math:`\lambda \ge 0` makes

    .. math::

        (H + \lambda I)\, p = -g, \qquad \lambda\, (\Delta - \|p\|) = 0, \qquad
        H + \lambda I \succeq 0 .

    If :math:`H` is positive definite and Newton's step fits into the ball, :math:`\lambda = 0`.
    Otherwise, with :math:`H = Q\Lambda Q^\top` and :math:`c = Q^\top g`, one number is looked for:

    .. math::

        \|p(\lambda)\| = \Big(\sum_i \frac{c_i^2}{(\lambda_i + \lambda)^2}\Big)^{1/2} = \Delta,
        \qquad \lambda \ge \max(0, -\lambda_1).

    :math:`1/\|p(\lambda)\|` is concave and grows, so Newton's method on :math:`1/\|p\| = 1/\Delta`
    comes from below without ever going too far. The unknown is kept as :math:`\mu = \lambda +
    \lambda_1`, so that nothing is lost where it is small. In the *hard case* no :math:`\lambda`
    will do, as :math:`g` has no part along the eigenvectors of :math:`\lambda_1 < 0`: then
    :math:`\lambda = -\lambda_1`, and a multiple of such an eigenvector fills the step up to the
    boundary. So a step away is found at a saddle too, where :math:`g = 0`.

    Args:
        g: gradient, shape (n,), float32 or float64.
        H: symmetric matrix of shape (n, n), definite or not; only finite values are allowed.
        radius: :math:`\Delta > 0`.

    Returns:
        The step and what the model promises of it. It is zero only if :math:`g = 0` and
        :math:`H \succeq 0`.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> g, H = torch.tensor([0.0, 1.0]), torch.diag(torch.tensor([-1.0, 1.0]))
        >>> exact_step(g, H, radius=2.0).p.abs()  # the hard case: the sign of p[0] is open
        tensor([1.9365, 0.5000])

    Source: Moré and Sorensen, *Computing a trust region step*, SIAM J. Sci. Stat. Comput. 4 (1983);
    Conn, Gould and Toint, *Trust-Region Methods*, SIAM 2000, section 7.3. They factor :math:`H +
    \lambda I` in each iteration, as ``scipy.optimize`` does in ``trust-exact``, and stop at a
    length within 10 % of the radius. Here one eigendecomposition serves all iterations and tells
    :math:`\lambda_1`, and the equation is solved as far as the dtype goes.
    """
    check_gradient(g, radius)
    check_hessian(H, g)
    near = ScaledModel(g, H, radius, far=False)
    L, failed = torch.linalg.cholesky_ex(near.H)
    if not bool(failed):
        newton = -torch.cholesky_solve(near.g.unsqueeze(1), L).squeeze(1)
        if length_of(newton) <= near.radius and bool(torch.isfinite(newton).all()):
            return near.step(newton, -0.5 * float(near.g @ newton), on_boundary=False)
    model = ScaledModel(g, H, radius, far=True)
    eigenvalues, Q = torch.linalg.eigh(model.H)
    y, multiplier, on_boundary = _in_eigenbasis(Q.T @ model.g, eigenvalues, model.radius)
    p = Q @ y
    # With Hp = -g - λp, the decrease -g'p - p'Hp/2 is a sum of two that are not negative.
    decrease = 0.5 * (multiplier * float(p @ p) - float(model.g @ p))
    return model.step(p, decrease, on_boundary=on_boundary)


def _in_eigenbasis(c: Tensor, eigenvalues: Tensor, radius: float) -> tuple[Tensor, float, bool]:
    """Return the step, its multiplier λ, and whether it ends on the boundary."""
    smallest = float(eigenvalues.min())
    gaps = eigenvalues - eigenvalues.min()
    # At the solution no |y_i| = |c_i| / (gap_i + μ) is longer than the radius.
    start = float((c.abs() / radius - gaps).max())
    mu = max(start, smallest, 0.0)
    nearly = 1 + 8 * torch.finfo(c.dtype).eps
    for _ in range(_MOST_ITERATIONS):
        shifted = gaps + mu
        y = torch.where(c == 0, 0.0, -c / shifted)
        length = float(torch.linalg.vector_norm(y))
        if length <= nearly * radius:
            break
        unit = y / length
        rate = float((unit * torch.where(c == 0, 0.0, unit / shifted)).sum())
        mu = mu + (length / radius - 1) / rate
    multiplier = max(mu - smallest, 0.0)
    if mu == 0 and smallest < 0:  # the hard case
        rest = max(radius**2 - length**2, 0.0) ** 0.5
        along = torch.arange(len(gaps), device=gaps.device) == gaps.argmin()
        return torch.where(along, rest, y), multiplier, True
    on_boundary = mu > max(smallest, 0.0) or length > radius
    return y, multiplier, on_boundary
