"""The Wasserstein distance of distributions on the line: how far mass has to be carried."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_flag
from course_lib.design_choices.tensor_checks import (
    check_alike,
    check_distributions,
    check_same_place,
    check_tensor,
    in_working_precision,
)

__all__ = ["histogram_wasserstein", "wasserstein_1d"]


def wasserstein_1d(
    u: Tensor,
    v: Tensor,
    u_weights: Tensor | None = None,
    v_weights: Tensor | None = None,
    *,
    validate: bool = True,
) -> Tensor:
    r"""Return the Wasserstein-1 distance between two distributions of point masses on the line,

    .. math::

        W_1(\mu, \nu) = \int_{-\infty}^{\infty} |F_\mu(x) - F_\nu(x)|\,dx,

    the area between their distribution functions: at :math:`x`, that much mass has to pass. It is
    exact, and differentiable in positions and weights. Where the distribution functions touch or
    positions coincide there is a kink, and the gradient is one of the subgradients.

    Args:
        u: positions of the masses of :math:`\mu`, shape (…, n).
        v: positions of the masses of :math:`\nu`, shape (…, m), the same leading dimensions.
        u_weights: the masses, of the shape of ``u``, summing to 1 along the last dimension; None
            for 1/n each.
        v_weights: likewise for ``v``.
        validate: refuse positions that are not finite and weights that are no distributions. Needs
            a look at the values on the host.

    Returns:
        Shape (…): a distance for each pair. Its derivative in the weights is a Kantorovich
        potential: along the simplex it is right, the constant in it means nothing.

    Raises:
        TypeError, ValueError: no floating-point tensors, shapes, dtypes or devices that do not
            fit, or (with ``validate``) wrong values.

    Example:
        >>> wasserstein_1d(torch.tensor([0.0, 1.0]), torch.tensor([5.0, 6.0]))
        tensor(5.)

    Source: slide 12; Villani, *Topics in optimal transportation*, 2003, section 2.2. In scipy:
    ``scipy.stats.wasserstein_distance`` (no gradients); torch has none.
    """
    _check_positions(u, v)
    mass_u = _weights("u_weights", u_weights, "u", u, validate)
    mass_v = _weights("v_weights", v_weights, "v", v, validate)
    if check_flag("validate", validate):
        _check_finite("u", u)
        _check_finite("v", v)
    positions, order = in_working_precision(torch.cat([u, v], -1)).sort(dim=-1, stable=True)
    mass = torch.cat([mass_u, -mass_v], -1).gather(-1, order)
    gaps = positions.diff(dim=-1)
    surplus = mass.cumsum(-1).narrow(-1, 0, gaps.shape[-1])  # F_u - F_v within each gap
    return (surplus.abs() * gaps).sum(-1).to(u.dtype)


def histogram_wasserstein(
    p: Tensor, q: Tensor, positions: Tensor, *, validate: bool = True
) -> Tensor:
    r"""Return the Wasserstein-1 distance between two distributions on the same positions.

    .. math::

        W_1(p, q) = \sum_{i<n} \Big|\sum_{j\le i} (p_j - q_j)\Big|\,(x_{i+1} - x_i)

    Args:
        p: probabilities, shape (…, n), summing to 1 along the last dimension.
        q: likewise, of the same shape, dtype and device.
        positions: :math:`x_1 \le \dots \le x_n`, shape (n,), the same for all pairs.
        validate: refuse what is no distribution, and positions that are not finite or not in
            ascending order. Needs a look at the values on the host.

    Returns:
        Shape (…): a distance for each pair.

    Raises:
        TypeError, ValueError: no floating-point tensors, shapes, dtypes or devices that do not
            fit, or (with ``validate``) wrong values.

    Example:
        >>> p, q = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.5, 0.5])
        >>> histogram_wasserstein(p, q, torch.tensor([0.0, 1.0, 2.0]))
        tensor(1.5000)

    Source: as for :func:`wasserstein_1d`.
    """
    if check_tensor("p", p).dim() == 0:
        raise ValueError("p must have a dimension of outcomes, got shape ()")
    check_alike("q", q, "p", p)
    if check_tensor("positions", positions).shape != p.shape[-1:]:
        raise ValueError(
            f"positions must have the shape {tuple(p.shape[-1:])} of one distribution, "
            f"got {tuple(positions.shape)}"
        )
    check_same_place("positions", positions, "p", p)
    if check_flag("validate", validate):
        check_distributions("p", p, p.dim() - 1)
        check_distributions("q", q, q.dim() - 1)
        _check_finite("positions", positions)
        if bool((positions.diff() < 0).any()):
            raise ValueError("positions must be in ascending order, got some that descend")
    gaps = in_working_precision(positions).diff()
    surplus = (in_working_precision(p) - in_working_precision(q)).cumsum(-1)
    return (surplus.narrow(-1, 0, len(gaps)).abs() * gaps).sum(-1).to(p.dtype)


def _check_positions(u: Tensor, v: Tensor) -> None:
    for name, value in (("u", u), ("v", v)):
        if check_tensor(name, value).dim() == 0:
            raise ValueError(f"{name} must have a dimension of positions, got shape ()")
    if u.shape[:-1] != v.shape[:-1]:
        raise ValueError(
            f"v must have the leading dimensions {tuple(u.shape[:-1])} of u, "
            f"got shape {tuple(v.shape)}"
        )
    check_same_place("v", v, "u", u)


def _weights(name: str, weights: Tensor | None, of: str, x: Tensor, validate: bool) -> Tensor:
    if weights is None:
        return torch.full_like(in_working_precision(x), 1 / x.shape[-1], requires_grad=False)
    check_alike(name, weights, of, x)
    if validate:
        check_distributions(name, weights, x.dim() - 1)
    return in_working_precision(weights)


def _check_finite(name: str, value: Tensor) -> None:
    if not bool(value.isfinite().all()):
        raise ValueError(f"{name} must be finite numbers, got NaN or an infinite one")
