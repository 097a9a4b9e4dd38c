"""Lion: steps of one length in every coordinate, along the sign of a momentum."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.base import Method
from course_lib.methods.hyperparameters import fractions, number

__all__ = ["Lion"]


class Lion(Method):
    r"""Sign descent with two memories: one for the direction, a longer one to keep.

    .. math::

        x_{k+1} &= (1 - t_k \lambda)\, x_k
            - t_k \operatorname{sign}\bigl(\beta_1 m_{k-1} + (1 - \beta_1)\, g_k\bigr) \\
        m_k &= \beta_2 m_{k-1} + (1 - \beta_2)\, g_k, \qquad m_0 = 0

    elementwise, where :math:`g_k` is what the parameters' ``.grad`` hold at :math:`x_k`, `lr` is
    :math:`t_k`, `betas` are :math:`\beta_1, \beta_2` and `weight_decay` is :math:`\lambda`, which
    acts on the parameters themselves as in :class:`AdamW`. ``maximize`` replaces :math:`g_k` by
    :math:`-g_k`.

    Every coordinate moves by :math:`t_k` exactly, however large its gradient (by nothing where the
    sign is that of 0). So :math:`t_k` is a length, in the units of the parameters; the authors
    advise 3 to 10 times less than for AdamW, and as many times more weight decay. One state is
    kept for each parameter where Adam keeps two. The step shrinks only with `lr`: near a minimum,
    and where noise decides the sign, Lion goes on by full steps.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes (real and imaginary parts each have a sign), devices.
        lr: Step size :math:`t_k`, a non-negative finite number (or a one-element tensor).
        betas: :math:`(\beta_1, \beta_2)`, numbers in [0, 1) (or one-element tensors).
        weight_decay: :math:`\lambda`, a non-negative finite number.
        maximize: Go up instead of down; the weights decay all the same.
        compile: Run the rule under ``torch.compile``. On the CPU this needs a C++ compiler.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is sparse (at the step).

    Example:
        >>> w = torch.tensor([1.0, -100.0], requires_grad=True)
        >>> lion = Lion([w], lr=0.5)
        >>> for k in range(2):
        ...     lion.zero_grad()
        ...     (w @ w).backward()
        ...     lion.step()
        >>> w.detach()
        tensor([  0., -99.])

    Source: Chen et al., *Symbolic discovery of optimization algorithms*, NeurIPS 2023. It is newer
    than the lecture, and torch has no counterpart.
    """

    states = {"m": "exp_avg"}  # noqa: RUF012
    checks = {"betas": fractions}  # noqa: RUF012
    coupled_weight_decay = False

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-4,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.99),
        weight_decay: float | Tensor = 0.0,
        *,
        maximize: bool = False,
        compile: bool = False,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        defaults: dict[str, Any] = {
            "lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, compile=compile)

    def letters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the letters t, β₁, β₂ and λ of the rule."""
        b1, b2 = group["betas"]
        return {
            "t": group["lr"],
            "b1": number(b1),
            "b2": number(b2),
            "decay": group["weight_decay"],
        }

    @staticmethod
    def update(
        x: Tensor, g: Tensor, m: Tensor, *, t: float, b1: float, b2: float, decay: float
    ) -> None:
        """Take one step: x_{k+1} = (1 - t_k λ) x_k - t_k sign(β₁ m + (1 - β₁) g), then renew m."""
        x *= 1 - t * decay
        x -= t * torch.sign(b1 * m + (1 - b1) * g)
        m.mul_(b2).add_((1 - b2) * g)

    @staticmethod
    def update_in_place(
        x: Tensor, g: Tensor, m: Tensor, *, w: Tensor, t: float, b1: float, b2: float, decay: float
    ) -> None:
        """Take the same step without temporaries, with `w` to work in."""
        if decay:
            x.mul_(1 - t * decay)
        torch.lerp(m, g, 1 - b1, out=w)
        x.sub_(w.sign_(), alpha=t)
        m.lerp_(g, 1 - b2)
