"""A search for critical points of every kind, from many starts at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad, hessian, vmap

from course_lib.arguments import (
    check_callable,
    check_floating_tensor,
    check_integer,
    check_number,
)

__all__ = ["CriticalPointSearch", "find_critical_points"]

_FACTOR = 4.0
_DAMPING_RANGE = (1e-16, 1e6)


@dataclass(frozen=True, eq=False)
class CriticalPointSearch:
    r"""Where a search ended, one row for each start.

    Attributes:
        x: the ends, shape (starts, n).
        values: :math:`f`, shape (starts,).
        gradients: :math:`\nabla f`, shape (starts, n).
        eigenvalues: of the Hessian, ascending, shape (starts, n).
        flatness: :math:`\|Hg\| / (\|H\|_2 \|g\|)`, shape (starts,): how far the gradient is from
            being in the kernel of the Hessian; 0 where the gradient is zero.
    """

    x: Tensor
    values: Tensor
    gradients: Tensor
    eigenvalues: Tensor
    flatness: Tensor

    @property
    def critical(self) -> Tensor:
        """Whether the gradient counts as zero, as in :func:`critical_point`."""
        tolerance = torch.finfo(self.x.dtype).eps ** 0.5
        near = tolerance * self.x.norm(dim=1).clamp(min=1)
        return self.gradients.norm(dim=1) <= near * self.eigenvalues.abs().amax(dim=1)

    @property
    def gradient_flat(self) -> Tensor:
        """Whether the search is stuck where the Hessian nearly annihilates the gradient."""
        return ~self.critical & (self.flatness <= 1e-3)

    @property
    def index(self) -> Tensor:
        """Share of directions that go down, which is that of negative eigenvalues, in [0, 1]."""
        return (self.eigenvalues < 0).to(self.x.dtype).mean(dim=1)


def find_critical_points(
    f: Callable[[Tensor], Tensor], starts: Tensor, *, steps: int = 100, damping: float = 0.01
) -> CriticalPointSearch:
    r"""Look for points with :math:`\nabla f = 0` by lowering :math:`\|\nabla f\|` from each start.

    Going down would lead to minima only. Instead the equation :math:`\nabla f(x) = 0` is solved by
    the Levenberg–Marquardt method: with :math:`g = \nabla f(x)` and :math:`H = \nabla^2 f(x)`,

    .. math:: x \leftarrow x - (H^2 + \mu I)^{-1} H g

    if that makes :math:`\|g\|` smaller. Then :math:`\mu` is divided by four, and otherwise
    multiplied by it. With :math:`\mu = 0` this is Newton's step.

    It need not succeed: :math:`\|\nabla f\|` has minima of its own, where :math:`Hg = 0` and
    :math:`g \ne 0`. There the search ends, and ``gradient_flat`` says so. What is found is
    therefore a sample of the critical points, and not an even one.

    Args:
        f: function from a tensor of shape (n,) to one of shape (), twice differentiable, made of
            operations that ``torch.func.vmap`` takes.
        starts: shape (starts, n), float32 or float64; float64 is advised.
        steps: number of trials for each start.
        damping: the first :math:`\mu`, above 0, in the units of :math:`H^2`.

    Returns:
        The ends, with values, gradients and eigenvalues.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example: two minima and the saddle between them.

        >>> starts = torch.tensor([[-1.2, 0.5], [0.1, -0.3], [0.9, 0.2]], dtype=torch.float64)
        >>> found = find_critical_points(
        ...     lambda x: (x[0] ** 2 - 1) ** 2 + x[1] ** 2, starts)
        >>> found.values.round(decimals=6).tolist(), found.index.tolist()
        ([0.0, 1.0, 0.0], [0.0, 0.5, 0.0])

    Source: Levenberg 1944 and Marquardt 1963; that such searches stall: Frye et al., *Critical
    point-finding methods reveal gradient-flat regions of deep network losses*, Neural Computation
    33 (2021).
    """
    check_callable("f", f, "a function of a tensor")
    check_floating_tensor("starts", starts)
    if starts.dim() != 2 or starts.numel() == 0 or starts.element_size() < 4:
        raise ValueError(
            "starts must be a float32 or float64 tensor of shape (starts, n), got shape "
            f"{tuple(starts.shape)} and dtype {starts.dtype}"
        )
    check_integer("steps", steps, low=0)
    check_number("damping", damping, above=0)
    gradient_of, hessian_of = vmap(grad(f)), vmap(hessian(f))
    x = starts.detach().clone()
    g, H = gradient_of(x), hessian_of(x)
    mu = torch.full((len(x),), float(damping), dtype=x.dtype, device=x.device)
    identity = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    still = torch.finfo(x.dtype).eps ** 0.75
    for _ in range(steps):
        rows = (g.norm(dim=1) > still).nonzero().squeeze(1)
        if len(rows) == 0:
            break
        braked = H[rows] @ H[rows] + mu[rows, None, None] * identity
        trial = x[rows] - torch.linalg.solve(braked, (H[rows] @ g[rows, :, None])[..., 0])
        trial_g = gradient_of(trial)
        better = trial_g.norm(dim=1) < g[rows].norm(dim=1)  # false if it is not a number
        kept = rows[better]
        if len(kept):
            x[kept], g[kept], H[kept] = trial[better], trial_g[better], hessian_of(trial[better])
        changed = torch.where(better, mu[rows] / _FACTOR, mu[rows] * _FACTOR)
        mu[rows] = changed.clamp(*_DAMPING_RANGE)
    eigenvalues = torch.linalg.eigvalsh((H + H.mT) / 2)
    scale = eigenvalues.abs().amax(dim=1) * g.norm(dim=1)
    product = (H @ g[..., None]).squeeze(-1).norm(dim=1)
    flatness = product / torch.where(scale > 0, scale, 1.0)
    return CriticalPointSearch(x, vmap(f)(x), g, eigenvalues, flatness)
