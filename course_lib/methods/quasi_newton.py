"""BFGS: the inverse Hessian learned from how the gradient changes along the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_flag, check_integer
from course_lib.methods.dense_hessian import LARGEST_DENSE
from course_lib.methods.line_searching import StepSize
from course_lib.methods.point import Point
from course_lib.methods.restart import RestartingMethod, first_direction, is_descent
from course_lib.methods.step_sizes import StrongWolfe

__all__ = ["BFGS", "BFGSDirection", "bfgs_update", "has_curvature"]


@dataclass(frozen=True)
class BFGSDirection:
    r"""The direction :math:`d_k = -H_k g_k` with :math:`H_k \approx \nabla^2F(x_k)^{-1}` of BFGS.

    With the last step :math:`s = x_k - x_{k-1}` and the change of gradient
    :math:`y = g_k - g_{k-1}` it carries,

    .. math::

        H_k = (I - \rho\, s y^\top)\, H_{k-1}\, (I - \rho\, y s^\top) + \rho\, s s^\top,
        \qquad \rho = \frac{1}{s^\top y} .

    Of all symmetric matrices with :math:`H y = s`, as the inverse Hessian of a quadratic has it,
    this is the one nearest to :math:`H_{k-1}`. It is positive definite if :math:`H_{k-1}` is and
    :math:`s^\top y > 0`. Where that fails, :math:`H` is left as it is.

    The first direction is :func:`~course_lib.methods.first_direction`. If :math:`d_k` is no
    descent direction, as rounding may have it, all that was learned is forgotten and the first
    direction is taken again.

    Args:
        scaling: start from :math:`H = \frac{s^\top y}{y^\top y} I` at the first update, so that
            :math:`H` has the size of the inverse Hessian; False starts from :math:`I`.
        damping: Powell's damping. Where :math:`s^\top y < 0.2\, s^\top H^{-1}s`, put
            :math:`\theta y + (1 - \theta) H^{-1} s` in place of :math:`y`, with the
            :math:`\theta` that makes both sides equal, and update always. It is for step sizes
            that do not see to :math:`s^\top y > 0`.
        max_size: largest :math:`n` for which the matrix :math:`H` is formed; more variables raise a
            ``ValueError``. A matrix that does not fit into memory may well end the whole process.

    Source: Nocedal and Wright, *Numerical Optimization* (2006), (6.17), (6.20) and Procedure 18.2;
    ``scipy.optimize.minimize(method="BFGS")`` starts from :math:`I`, has no damping, and updates
    with a negative :math:`s^\top y` as well.
    """

    scaling: bool = True
    damping: bool = False
    max_size: int = LARGEST_DENSE

    def __post_init__(self) -> None:
        """Check the options."""
        check_flag("scaling", self.scaling)
        check_flag("damping", self.damping)
        check_integer("max_size", self.max_size, low=1)

    def __call__(self, point: Point, memory: dict[str, Any], /) -> Tensor:
        """Return the direction at `point`, and keep `x`, `g` and `H` in `memory`."""
        if point.size > self.max_size:
            raise ValueError(
                f"max_size must be at least the number of variables, {point.size}, since BFGS "
                f"keeps a matrix of its square, got {self.max_size}; LBFGS needs no matrix"
            )
        x, g = point.x, point.gradient
        if "x" in memory:
            self._learn(memory, x - memory["x"], g - memory["g"])
        memory["x"], memory["g"] = x, g
        if "H" in memory:
            d = -(memory["H"] @ g)
            if is_descent(point, d):
                return d
            del memory["H"]
        return first_direction(point)

    def restart(self, memory: dict[str, Any]) -> bool:
        """Forget what was learned; return whether there was anything."""
        learned = "H" in memory
        for key in ("x", "g", "H"):
            memory.pop(key, None)
        return learned

    def _learn(self, memory: dict[str, Any], s: Tensor, y: Tensor) -> None:
        H = memory.get("H")
        if H is None:
            H = torch.eye(s.numel(), dtype=s.dtype, device=s.device)
            if self.scaling and has_curvature(s, y):
                H = (s @ y) / (y @ y) * H
        if self.damping:
            y = _damped(y, s, H, memory["g"])
        if has_curvature(s, y):
            memory["H"] = bfgs_update(H, s, y)


def bfgs_update(H: Tensor, s: Tensor, y: Tensor) -> Tensor:
    r"""Return :math:`H` after one update of BFGS, so that :math:`H y = s`.

    .. math:: (I - \rho\, s y^\top)\, H\, (I - \rho\, y s^\top) + \rho\, s s^\top,
        \qquad \rho = \frac{1}{s^\top y}

    The brackets are multiplied out: no product of matrices is computed, and if :math:`H` is
    symmetric, so is the result, exactly. It divides by :math:`s^\top y` as it is; ask
    :func:`has_curvature` first.

    Args:
        H: approximation of the inverse Hessian, symmetric, shape (n, n).
        s: the step, shape (n,).
        y: the change of the gradient along it, shape (n,).

    Returns:
        The new approximation, shape (n, n); `H` stays as it is.

    Example:
        >>> s, y = torch.tensor([1.0, 0.0]), torch.tensor([2.0, 0.0])
        >>> bfgs_update(torch.eye(2), s, y)
        tensor([[0.5000, 0.0000],
                [0.0000, 1.0000]])

    Source: Nocedal and Wright, *Numerical Optimization* (2006), (6.17).
    """
    rho, Hy = 1 / (s @ y), H @ y
    half = rho * (1 + rho * (y @ Hy)) / 2 * s - rho * Hy
    change = torch.outer(s, half)
    return H + (change + change.T)


def _damped(y: Tensor, s: Tensor, H: Tensor, g: Tensor) -> Tensor:
    # The step was s = -t H g, so that the solution of H z = s is z = -t g.
    Hg = H @ g
    z = (s @ Hg) / (Hg @ Hg) * g
    szs, sy = s @ z, s @ y
    if not bool(sy < 0.2 * szs):
        return y
    theta = 0.8 * szs / (szs - sy)
    return theta * y + (1 - theta) * z


class BFGS(RestartingMethod):
    r"""The quasi-Newton method of Broyden, Fletcher, Goldfarb and Shanno.

    .. math:: x_{k+1} = x_k - t_k H_k \nabla F(x_k)

    with the :math:`H_k` of :class:`BFGSDirection`. It takes the gradients alone and, near a
    minimum where the Hessian is positive definite, converges superlinearly. A step costs
    :math:`O(n^2)` operations, and as much memory: for more than a few thousand parameters take
    :class:`~course_lib.methods.LBFGS`.

    It compares gradients of successive steps. So they have to belong to one function: use it on
    all data, not on changing batches.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``.
        lr: The first step size that the search tries, :math:`t_k = 1` by default, as near a
            minimum the whole step is right; the step size itself for ``FixedStep()``.
        step_size: How far to go. The strong Wolfe conditions see to :math:`s^\top y > 0`.
        scaling: Scale the first :math:`H`.
        damping: Powell's damping.
        max_size: Largest number of parameters for which :math:`H` is formed.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.

    Example:
        >>> w = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
        >>> bfgs = BFGS([w])
        >>> def closure():
        ...     bfgs.zero_grad()
        ...     loss = 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
        ...     loss.backward()
        ...     return loss
        >>> for k in range(50):
        ...     _ = bfgs.step(closure)
        >>> w.detach()
        tensor([1., 1.], dtype=torch.float64)

    Source: slide 3; Nocedal and Wright, *Numerical Optimization* (2006), Algorithm 6.1. torch has
    no BFGS; ``scipy.optimize.minimize(method="BFGS")`` is compared with in :class:`BFGSDirection`.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        *,
        step_size: StepSize | None = None,
        scaling: bool = True,
        damping: bool = False,
        max_size: int = LARGEST_DENSE,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        direction = BFGSDirection(scaling, damping, max_size)
        search = StrongWolfe() if step_size is None else step_size
        super().__init__(params, direction, search, lr=lr)


def has_curvature(s: Tensor, y: Tensor, least: float = 0.0) -> bool:
    r"""Return whether :math:`s^\top y` is above `least` and rounding.

    That is, above :math:`\epsilon\,\|s\|\,\|y\|`, with the distance :math:`\epsilon` of
    neighbouring numbers near 1.
    """
    noise = torch.finfo(s.dtype).eps * torch.linalg.vector_norm(s) * torch.linalg.vector_norm(y)
    return bool((s @ y) > torch.clamp(noise, min=least))
