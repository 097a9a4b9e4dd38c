"""Adam: the mean of the recent gradients, divided by the root of the mean of their squares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.adagrad import root, root_into
from course_lib.methods.base import Method
from course_lib.methods.hyperparameters import flag, fractions, non_negative, number

__all__ = ["Adam", "AdamW"]


class Adam(Method):
    r"""Momentum and RMSprop in one: moving averages of the gradients and of their squares.

    .. math::

        m_k &= \beta_1 m_{k-1} + (1 - \beta_1)\, g_k, \qquad
        s_k = \beta_2 s_{k-1} + (1 - \beta_2)\, g_k^2, \qquad m_0 = s_0 = 0 \\
        x_{k+1} &= x_k - t_k\, \frac{\hat m_k}{\sqrt{\hat s_k} + \epsilon}, \qquad
        \hat m_k = \frac{m_k}{1 - \beta_1^k}, \qquad \hat s_k = \frac{s_k}{1 - \beta_2^k}

    elementwise, where :math:`g_k` is what the parameters' ``.grad`` hold at :math:`x_k`. The
    weights in :math:`m_k` sum to :math:`1 - \beta_1^k` and those in :math:`s_k` to
    :math:`1 - \beta_2^k`; dividing by the sums corrects their bias towards 0.

    The slide leaves this correction out: it steps by :math:`t_k m_k / (\sqrt{s_k} + \epsilon)`.
    `bias_correction` = False does too. Then the first steps are too long: with the default betas
    and a constant gradient, :math:`\sqrt{10}\, t` at the first step, and more at the next ones.

    `weight_decay` :math:`\lambda` replaces :math:`g_k` by :math:`g_k + \lambda x_k`; `maximize`
    replaces it by :math:`-g_k` before that.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes, devices. Sparse gradients are refused;
            :class:`SparseAdam` takes them.
        lr: Step size :math:`t_k`, a non-negative finite number (or a one-element tensor).
        betas: :math:`(\beta_1, \beta_2)`, numbers in [0, 1) (or one-element tensors).
        eps: :math:`\epsilon`, a non-negative finite number. With 0, a coordinate whose gradients
            have all been zero becomes NaN.
        weight_decay: :math:`\lambda`, a non-negative finite number.
        amsgrad: Divide by the largest :math:`s_j` so far, :math:`j \le k`, in place of :math:`s_k`.
        maximize: Go up instead of down.
        decoupled_weight_decay: Take :math:`x_k (1 - t_k \lambda)` in place of :math:`x_k` in the
            step, and leave the gradient as it is: this is :class:`AdamW`.
        bias_correction: Divide by the sums of the weights, as above; False is the slide's form.
        eps_inside: Divide by :math:`\sqrt{\hat s_k + \epsilon}` instead.
        compile: Run the rule under ``torch.compile``. On the CPU this needs a C++ compiler.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is sparse (at the step).

    Example:
        >>> w = torch.tensor([1.0, -100.0], requires_grad=True)
        >>> adam = Adam([w], lr=0.5)
        >>> (w @ w).backward()
        >>> adam.step()
        >>> w.detach()
        tensor([  0.5000, -99.5000])
        >>> v = torch.tensor([1.0, -100.0], requires_grad=True)
        >>> adam = Adam([v], lr=0.5, betas=(0.5, 0.9375), bias_correction=False)
        >>> (v @ v).backward()
        >>> adam.step()
        >>> v.detach()
        tensor([  0., -99.])

    Source: slide 30; Kingma and Ba, *Adam: a method for stochastic optimization*, ICLR 2015;
    `amsgrad` is from Reddi, Kale and Kumar, *On the convergence of Adam and beyond*, ICLR 2018. In
    torch: ``torch.optim.Adam`` takes the same steps.
    """

    checks = {  # noqa: RUF012
        "betas": fractions,
        "eps": non_negative,
        "amsgrad": flag,
        "decoupled_weight_decay": flag,
        "bias_correction": flag,
        "eps_inside": flag,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | Tensor = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        bias_correction: bool = True,
        eps_inside: bool = False,
        compile: bool = False,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        defaults: dict[str, Any] = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
            "bias_correction": bias_correction,
            "eps_inside": eps_inside,
        }
        super().__init__(params, defaults, compile=compile)

    def states_of(self, group: dict[str, Any]) -> Mapping[str, str]:
        """Return m and s, and the largest s where `amsgrad` asks for it."""
        states = {"m": "exp_avg", "s": "exp_avg_sq"}
        return {**states, "s_max": "max_exp_avg_sq"} if group["amsgrad"] else states

    def coupled_decay(self, group: dict[str, Any]) -> float:
        """Return λ where the gradient is to be g + λx."""
        return 0.0 if group["decoupled_weight_decay"] else super().coupled_decay(group)

    def letters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the letters t, β₁, β₂ and ε of the rule, and λ where it is decoupled."""
        b1, b2 = group["betas"]
        return {
            "t": group["lr"],
            "b1": number(b1),
            "b2": number(b2),
            "eps": group["eps"],
            "inside": group["eps_inside"],
            "decay": group["weight_decay"] if group["decoupled_weight_decay"] else 0.0,
        }

    def letters_at(self, group: dict[str, Any], k: int) -> dict[str, Any]:
        """Return what m_k and s_k are divided by: the sums of their weights."""
        if not group["bias_correction"]:
            return {"c1": 1.0, "c2": 1.0}
        b1, b2 = group["betas"]
        return {"c1": 1 - number(b1) ** k, "c2": 1 - number(b2) ** k}

    @staticmethod
    def update(
        x: Tensor,
        g: Tensor,
        m: Tensor,
        s: Tensor,
        s_max: Tensor | None = None,
        *,
        t: float,
        b1: float,
        b2: float,
        c1: float,
        c2: float,
        eps: float,
        inside: bool,
        decay: float,
    ) -> None:
        """Take one step: x_{k+1} = x_k - t_k m̂_k / (√ŝ_k + ε) with m̂ = m / c₁ and ŝ = s / c₂."""
        x *= 1 - t * decay
        m.mul_(b1).add_((1 - b1) * g)
        s.mul_(b2).add_((1 - b2) * g * g)
        if s_max is not None:
            s = torch.maximum(s_max, s, out=s_max)
        x -= t * (m / c1) / root(s / c2, eps, inside)

    @staticmethod
    def update_in_place(
        x: Tensor,
        g: Tensor,
        m: Tensor,
        s: Tensor,
        s_max: Tensor | None = None,
        *,
        w: Tensor,
        t: float,
        b1: float,
        b2: float,
        c1: float,
        c2: float,
        eps: float,
        inside: bool,
        decay: float,
    ) -> None:
        """Take the same step in fewer operations, with `w` to work in.

        Root and ε are taken times √c₂: √(s / c₂) + ε is (√s + √c₂ ε) / √c₂, with ε inside the root
        √(s + c₂ ε) / √c₂.
        """
        if decay:
            x.mul_(1 - t * decay)
        m.lerp_(g, 1 - b1)
        s.mul_(b2).addcmul_(g, g, value=1 - b2)
        if s_max is not None:
            s = torch.maximum(s_max, s, out=s_max)
        root = math.sqrt(c2)
        root_into(w, s, eps * (c2 if inside else root), inside)
        x.addcdiv_(m, w, value=-t * root / c1)


class AdamW(Adam):
    r"""Adam whose weight decay acts on the parameters themselves and not by way of the gradient.

    .. math:: x_{k+1} = (1 - t_k \lambda)\, x_k - t_k\, \frac{\hat m_k}{\sqrt{\hat s_k} + \epsilon}

    with :math:`\hat m_k` and :math:`\hat s_k` as in :class:`Adam`, made from gradients without
    :math:`\lambda x_k`. So all weights decay at one rate; in Adam with `weight_decay`, the term
    :math:`\lambda x_k` is divided by :math:`\sqrt{\hat s_k}` with the rest, and weights with large
    gradients hardly decay.

    Args:
        params: As for :class:`Adam`.
        lr: Step size :math:`t_k`, a non-negative finite number (or a one-element tensor).
        betas: :math:`(\beta_1, \beta_2)`, numbers in [0, 1) (or one-element tensors).
        eps: :math:`\epsilon`, a non-negative finite number.
        weight_decay: :math:`\lambda`, a non-negative finite number.
        amsgrad: Divide by the largest :math:`s_j` so far, :math:`j \le k`, in place of :math:`s_k`.
        maximize: Go up instead of down; the weights decay all the same.
        bias_correction: Divide by the sums of the weights; False is the slide's form.
        eps_inside: Divide by :math:`\sqrt{\hat s_k + \epsilon}` instead.
        compile: Run the rule under ``torch.compile``. On the CPU this needs a C++ compiler.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is sparse (at the step).

    Example:
        >>> w = torch.tensor([1.0, -100.0], requires_grad=True)
        >>> adamw = AdamW([w], lr=0.5, weight_decay=1.0)
        >>> w.grad = torch.zeros(2)
        >>> adamw.step()
        >>> w.detach()
        tensor([  0.5000, -50.0000])

    Source: slide 30; Loshchilov and Hutter, *Decoupled weight decay regularization*, ICLR 2019. In
    torch: ``torch.optim.AdamW`` takes the same steps.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | Tensor = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        bias_correction: bool = True,
        eps_inside: bool = False,
        compile: bool = False,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            bias_correction=bias_correction,
            eps_inside=eps_inside,
            compile=compile,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take in a pickled or loaded state; its weight decay is decoupled, whoever saved it."""
        for group in state["param_groups"]:
            group["decoupled_weight_decay"] = True
        super().__setstate__(state)
