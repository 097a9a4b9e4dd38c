"""Schedule-Free AdamW: Adam's scaled steps, and an average in place of a schedule."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_number
from course_lib.methods.hyperparameters import fractions, non_negative
from course_lib.methods.schedule_free import ScheduleFree

__all__ = ["ScheduleFreeAdamW"]

Group = dict[str, Any]


class ScheduleFreeAdamW(ScheduleFree):
    r"""AdamW without a schedule, and with an average in place of its momentum.

    .. math::

        s_k &= \beta_2 s_{k-1} + (1 - \beta_2)\, g_k^2, \qquad
        d_k = \frac{g_k}{\sqrt{s_k / (1 - \beta_2^k)} + \epsilon} + \lambda y_k \\
        y_k &= (1 - \beta_1)\, z_k + \beta_1 x_k, \qquad
        z_{k+1} = z_k - t_k d_k, \qquad
        x_{k+1} = (1 - c_{k+1})\, x_k + c_{k+1}\, z_{k+1}

    with `lr` :math:`t_k`, `betas` :math:`\beta_1, \beta_2`, `eps` :math:`\epsilon`, `weight_decay`
    :math:`\lambda`, and :math:`g_k` the gradient at :math:`y_k`, where the parameters stand while
    it trains. Evaluate at :math:`x_k`: :class:`ScheduleFree` says how, and what :math:`c_k` is.
    There is no :math:`m_k`; so as many numbers are kept as in AdamW. As in the authors' package,
    :math:`k` counts the steps of the group: a parameter whose gradients begin late takes a first
    step that is up to :math:`1 / \sqrt{1 - \beta_2}` times as long.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes, devices.
        lr: Step size :math:`t`, a non-negative finite number (or a one-element tensor).
        betas: :math:`\beta_1` between 0 and 1, both excluded, and :math:`\beta_2` in [0, 1).
        eps: :math:`\epsilon`, a non-negative finite number.
        weight_decay: :math:`\lambda`, a non-negative finite number.
        warmup_steps: Number of steps during which :math:`t_k` grows to `lr`.
        r: Power of :math:`k` in the weights of the average.
        weight_lr_power: Power of :math:`t_k` in the weights of the average.
        maximize: Go up instead of down; the weights decay all the same.
        compile: Run the rule under ``torch.compile``. On the CPU this needs a C++ compiler.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is sparse, or the parameters hold :math:`x` (at the step).

    Example:
        >>> w = torch.tensor([1.0, -100.0], requires_grad=True)
        >>> method = ScheduleFreeAdamW([w], lr=0.5)
        >>> for k in range(2):
        ...     method.zero_grad()
        ...     (w @ w).backward()
        ...     method.step()
        >>> method.eval()  # the parameters hold x
        >>> w.detach().round(decimals=1)
        tensor([  0.3000, -99.3000])
        >>> method.train()  # they hold y again

    Source: Defazio et al., *The road less scheduled*, NeurIPS 2024. It is newer than the lecture,
    and torch has no counterpart; the authors' package is ``schedulefree``.
    """

    states = {"z": "z", "s": "exp_avg_sq"}  # noqa: RUF012
    checks = {**ScheduleFree.checks, "betas": fractions, "eps": non_negative}  # noqa: RUF012

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.0025,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        warmup_steps: int = 0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
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
            "warmup_steps": warmup_steps,
            "r": r,
            "weight_lr_power": weight_lr_power,
            "maximize": maximize,
        }
        super().__init__(params, defaults, compile=compile)

    def _check(self, values: Group) -> None:
        super()._check(values)
        if "betas" in values:
            check_number("betas[0]", values["betas"][0], above=0, below=1)

    def beta_of(self, group: Group) -> float:
        """Return β₁."""
        return group["betas"][0]

    def letters(self, group: Group) -> Group:
        """Return the letters of :class:`ScheduleFree`, β₂, ε and the sum of the weights in s."""
        b2 = group["betas"][1]
        return {
            **super().letters(group), "b2": b2, "c2": 1 - b2 ** group["k"], "eps": group["eps"],
        }  # fmt: skip

    @staticmethod
    def update(
        y: Tensor,
        g: Tensor,
        z: Tensor,
        s: Tensor,
        *,
        t: float,
        b: float,
        c: float,
        decay: float,
        b2: float,
        c2: float,
        eps: float,
    ) -> None:
        """Take one step: z_{k+1} = z_k - t_k (g_k / (√ŝ_k + ε) + λ y_k), and y along."""
        s.mul_(b2).add_((1 - b2) * g * g)
        d = g / ((s / c2).sqrt() + eps) + decay * y
        ScheduleFree.move(y, z, d, t=t, b=b, c=c)

    @staticmethod
    def update_in_place(
        y: Tensor,
        g: Tensor,
        z: Tensor,
        s: Tensor,
        *,
        w: Tensor,
        t: float,
        b: float,
        c: float,
        decay: float,
        b2: float,
        c2: float,
        eps: float,
    ) -> None:
        """Take the same step without temporaries, with `w` to work in for d.

        Root and ε are taken times √c₂, and d is multiplied by it.
        """
        root = math.sqrt(c2)
        s.mul_(b2).addcmul_(g, g, value=1 - b2)
        torch.sqrt(s, out=w).add_(root * eps)
        torch.div(g, w, out=w).mul_(root)
        if decay:
            w.add_(y, alpha=decay)
        ScheduleFree.move(y, z, w, t=t, b=b, c=c)
