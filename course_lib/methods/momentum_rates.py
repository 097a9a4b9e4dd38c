"""How fast momentum converges on quadratics, and the parameters that make it fastest."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.arguments import (
    check_flag,
    check_floating_tensor,
    check_integer,
    check_number,
)

__all__ = [
    "MomentumParameters",
    "heavy_ball_rate",
    "nesterov_beta",
    "nesterov_parameters",
    "nesterov_rate",
    "polyak_parameters",
]


class MomentumParameters(NamedTuple):
    """Parameters of a momentum method, and the rate that they give on quadratics.

    Attributes:
        lr: step size :math:`\\alpha`.
        beta: momentum :math:`\\beta`.
        rate: factor :math:`\\rho` by which the distance from the minimiser falls in a step, in the
            long run.
    """

    lr: float
    beta: float
    rate: float


def polyak_parameters(mu: float, L: float) -> MomentumParameters:
    r"""Return the heavy ball's optimal parameters for curvatures from :math:`\mu` to :math:`L`.

    .. math::

        \alpha = \frac{4}{(\sqrt L + \sqrt\mu)^2}, \qquad
        \beta = \Big(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\Big)^2, \qquad
        \rho = \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1} = \sqrt\beta, \qquad
        \kappa = \frac L\mu

    No constant parameters converge faster on all quadratics whose Hessian has its eigenvalues
    between :math:`\mu` and :math:`L`. At both ends of that range the characteristic roots are
    double, so the distance is a multiple of :math:`k \rho^k`. On functions that are not quadratic
    the same parameters can fail to converge at all.

    Args:
        mu: smallest curvature :math:`\mu`, a finite number above 0.
        L: largest curvature :math:`L`, a finite number of at least `mu`.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> lr, beta, rate = polyak_parameters(1, 100)
        >>> round(lr, 4), round(beta, 4), round(rate, 4)
        (0.0331, 0.6694, 0.8182)

    Source: Polyak, *Some methods of speeding up the convergence of iteration methods*, USSR
    Computational Mathematics and Mathematical Physics 4 (1964).
    """
    mu, L = _curvatures(mu, L)
    rate = (math.sqrt(L) - math.sqrt(mu)) / (math.sqrt(L) + math.sqrt(mu))
    return MomentumParameters(4 / (math.sqrt(L) + math.sqrt(mu)) ** 2, rate**2, rate)


def nesterov_parameters(mu: float, L: float, *, quadratic: bool = False) -> MomentumParameters:
    r"""Return parameters of Nesterov's method for curvatures from :math:`\mu` to :math:`L`.

    .. math::

        \alpha = \frac1L, \qquad \beta = \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}, \qquad
        \rho = 1 - \frac1{\sqrt\kappa}, \qquad \kappa = \frac L\mu

    These are the usual ones: the method then converges, at a rate of order
    :math:`1 - 1/\sqrt\kappa` in the function values, on **every** function with curvatures between
    :math:`\mu` and :math:`L`. The :math:`\rho` above is that of the distance on quadratics. With
    `quadratic`, those that are fastest on quadratics:

    .. math::

        \alpha = \frac4{3L + \mu}, \qquad
        \beta = \frac{\sqrt{3\kappa + 1} - 2}{\sqrt{3\kappa + 1} + 2}, \qquad
        \rho = 1 - \frac2{\sqrt{3\kappa + 1}}

    Args:
        mu: smallest curvature :math:`\mu`, a finite number above 0.
        L: largest curvature :math:`L`, a finite number of at least `mu`.
        quadratic: give those that are fastest on quadratics.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> lr, beta, rate = nesterov_parameters(1, 100)
        >>> round(lr, 4), round(beta, 4), round(rate, 4)
        (0.01, 0.8182, 0.9)

    Source: Nesterov, *Introductory lectures on convex optimization*, 2004; for quadratics Lessard,
    Recht and Packard, *Analysis and design of optimization algorithms via integral quadratic
    constraints*, SIAM Journal on Optimization 26 (2016).
    """
    mu, L = _curvatures(mu, L)
    check_flag("quadratic", quadratic)
    root = math.sqrt(3 * L / mu + 1) / 2 if quadratic else math.sqrt(L / mu)
    lr = 4 / (3 * L + mu) if quadratic else 1 / L
    return MomentumParameters(lr, (root - 1) / (root + 1), 1 - 1 / root)


def nesterov_beta(k: int) -> float:
    r"""Return :math:`\beta_k = \frac{k - 1}{k + 2}`, for functions that are merely convex.

    With these and :math:`\alpha = 1/L`, Nesterov's method brings the value within
    :math:`O(1/k^2)` of the minimum, where gradient descent needs :math:`O(1/k)`; no :math:`\mu` has
    to be known. :math:`\beta_1` is 0: one step has to be made before there is a last one.

    Args:
        k: number of the step, 1, 2, …: ``beta`` of :class:`Nesterov` at its :math:`k`-th step.

    Raises:
        TypeError, ValueError: `k` is not a whole number of at least 1.

    Example:
        >>> [nesterov_beta(k) for k in (1, 2, 4)]
        [0.0, 0.25, 0.5]

    Source: Nesterov 1983, whose own sequence differs from this simpler one by little; Su, Boyd and
    Candès, *A differential equation for modeling Nesterov's accelerated gradient method*, Journal
    of Machine Learning Research 17 (2016).
    """
    k = check_integer("k", k, low=1)
    return (k - 1) / (k + 2)


def heavy_ball_rate(h: Tensor, lr: float, beta: float) -> Tensor:
    r"""Return the heavy ball's rate where the curvature is :math:`h`.

    Along an eigenvector of a quadratic's Hessian, the error obeys
    :math:`e_{k+1} = (1 + \beta - \alpha h)\, e_k - \beta\, e_{k-1}`, or

    .. math::

        \begin{pmatrix} e_{k+1} \\ e_k \end{pmatrix} =
        \begin{pmatrix} 1 + \beta - \alpha h & -\beta \\ 1 & 0 \end{pmatrix}
        \begin{pmatrix} e_k \\ e_{k-1} \end{pmatrix}.

    The rate is the larger modulus of the matrix's two eigenvalues. Where these are complex, it is
    :math:`\sqrt\beta`, whatever :math:`h` and :math:`\alpha`. From 1 on there is no convergence.

    Args:
        h: curvatures, a floating-point tensor of any shape.
        lr: step size :math:`\alpha`, a finite number of at least 0.
        beta: momentum :math:`\beta`, a finite number of at least 0.

    Returns:
        Rates, of the shape of `h`.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> heavy_ball_rate(torch.tensor([0.0, 1.0, 2.25]), lr=1.0, beta=0.25)
        tensor([1.0000, 0.5000, 0.5000])

    Source: Polyak 1964; the picture is that of Goh, *Why momentum really works*, Distill 2017.
    """
    h = check_floating_tensor("h", h)
    lr, beta = check_number("lr", lr, low=0), check_number("beta", beta, low=0)
    return _largest_root(1 + beta - lr * h, torch.full_like(h, beta))


def nesterov_rate(h: Tensor, lr: float, beta: float) -> Tensor:
    r"""Return the rate of Nesterov's method where the curvature is :math:`h`.

    The matrix of :func:`heavy_ball_rate`, with :math:`\alpha h` acting on the extrapolated point:

    .. math::

        \begin{pmatrix} (1 + \beta)(1 - \alpha h) & -\beta\,(1 - \alpha h) \\ 1 & 0 \end{pmatrix}

    Where its eigenvalues are complex, their modulus is :math:`\sqrt{\beta\,(1 - \alpha h)}`: it
    falls with the curvature, so steep directions are damped more.

    Args:
        h: curvatures, a floating-point tensor of any shape.
        lr: step size :math:`\alpha`, a finite number of at least 0.
        beta: momentum :math:`\beta`, a finite number of at least 0.

    Returns:
        Rates, of the shape of `h`.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> nesterov_rate(torch.tensor([0.0, 0.5, 1.0]), lr=1.0, beta=0.5)
        tensor([1.0000, 0.5000, 0.0000])

    Source: slide 26; Lessard, Recht and Packard 2016.
    """
    h = check_floating_tensor("h", h)
    lr, beta = check_number("lr", lr, low=0), check_number("beta", beta, low=0)
    return _largest_root((1 + beta) * (1 - lr * h), beta * (1 - lr * h))


def _largest_root(trace: Tensor, determinant: Tensor) -> Tensor:
    """Return the larger modulus of the roots of z² - trace z + determinant."""
    discriminant = trace**2 / 4 - determinant
    real = trace.abs() / 2 + discriminant.clamp(min=0).sqrt()
    return torch.where(discriminant < 0, determinant.clamp(min=0).sqrt(), real)


def _curvatures(mu: float, L: float) -> tuple[float, float]:
    mu = check_number("mu", mu, above=0)
    L = check_number("L", L, low=mu)
    if math.isinf(3 * L / mu) or math.isinf(4 / mu):
        raise ValueError(f"mu and L must leave 4 / mu and 3 L / mu finite, got mu={mu!r}, L={L!r}")
    return mu, L
