"""Adamax: Adam with the largest recent gradient in place of the root mean square."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.base import Method
from course_lib.methods.hyperparameters import fractions, non_negative, number

__all__ = ["Adamax"]


class Adamax(Method):
    r"""Adam with a fading maximum of the gradients' magnitudes in place of their mean square.

    .. math::

        m_k &= \beta_1 m_{k-1} + (1 - \beta_1)\, g_k, \qquad
        u_k = \max(\beta_2 u_{k-1},\, |g_k| + \epsilon), \qquad m_0 = u_0 = 0 \\
        x_{k+1} &= x_k - \frac{t_k}{1 - \beta_1^k}\, \frac{m_k}{u_k}

    elementwise, where :math:`g_k` is what the parameters' ``.grad`` hold at :math:`x_k`. The
    maximum needs no correction of a bias: at the first step it is the gradient's magnitude.
    `weight_decay` :math:`\lambda` replaces :math:`g_k` by :math:`g_k + \lambda x_k`; `maximize`
    replaces it by :math:`-g_k` before that.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes, devices. Sparse gradients are refused.
        lr: Step size :math:`t_k`, a non-negative finite number (or a one-element tensor).
        betas: :math:`(\beta_1, \beta_2)`, numbers in [0, 1) (or one-element tensors).
        eps: :math:`\epsilon`, a non-negative finite number. With 0, a coordinate whose gradients
            have all been zero becomes NaN.
        weight_decay: :math:`\lambda`, a non-negative finite number.
        maximize: Go up instead of down.
        compile: Run the rule under ``torch.compile``. On the CPU this needs a C++ compiler.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is sparse (at the step).

    Example:
        >>> w = torch.tensor([1.0, -100.0], requires_grad=True)
        >>> adamax = Adamax([w], lr=0.5)
        >>> (w @ w).backward()
        >>> adamax.step()
        >>> w.detach()
        tensor([  0.5000, -99.5000])

    Source: slide 30; Kingma and Ba, *Adam: a method for stochastic optimization*, ICLR 2015,
    section 7.1. In torch: ``torch.optim.Adamax`` takes the same steps. The paper has no
    :math:`\epsilon`.
    """

    states = {"m": "exp_avg", "u": "exp_inf"}  # noqa: RUF012
    checks = {"betas": fractions, "eps": non_negative}  # noqa: RUF012

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | Tensor = 0.0,
        *,
        maximize: bool = False,
        compile: bool = False,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        defaults: dict[str, Any] = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, compile=compile)

    def letters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the letters t, β₁, β₂ and ε of the rule."""
        b1, b2 = group["betas"]
        return {"t": group["lr"], "b1": number(b1), "b2": number(b2), "eps": group["eps"]}

    def letters_at(self, group: dict[str, Any], k: int) -> dict[str, Any]:
        """Return what m_k is divided by: the sum of its weights."""
        return {"c1": 1 - number(group["betas"][0]) ** k}

    @staticmethod
    def update(
        x: Tensor,
        g: Tensor,
        m: Tensor,
        u: Tensor,
        *,
        t: float,
        b1: float,
        b2: float,
        c1: float,
        eps: float,
    ) -> None:
        """Take one step: x_{k+1} = x_k - t_k m̂_k / u_k with m̂ = m / c₁."""
        m.mul_(b1).add_((1 - b1) * g)
        torch.maximum(b2 * u, g.abs() + eps, out=u)
        x -= t * (m / c1) / u

    @staticmethod
    def update_in_place(
        x: Tensor,
        g: Tensor,
        m: Tensor,
        u: Tensor,
        *,
        w: Tensor,
        t: float,
        b1: float,
        b2: float,
        c1: float,
        eps: float,
    ) -> None:
        """Take the same step in fewer operations, with `w` to work in."""
        m.lerp_(g, 1 - b1)
        torch.maximum(u.mul_(b2), torch.abs(g, out=w).add_(eps), out=u)
        x.addcdiv_(m, u, value=-t / c1)
