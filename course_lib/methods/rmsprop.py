"""RMSprop: Adagrad with a memory that fades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.adagrad import root, root_into
from course_lib.methods.base import Method
from course_lib.methods.hyperparameters import flag, fraction, non_negative

__all__ = ["RMSprop"]


class RMSprop(Method):
    r"""Gradient descent whose step is divided by the size of each coordinate's recent gradients.

    .. math::

        s_k = \beta s_{k-1} + (1 - \beta)\, g_k^2, \qquad
        x_{k+1} = x_k - t_k\, \frac{g_k}{\sqrt{s_k} + \epsilon}, \qquad s_0 = 0

    elementwise, where :math:`g_k` is what the parameters' ``.grad`` hold at :math:`x_k`. So
    :math:`s_k = (1 - \beta)(g_k^2 + \beta g_{k-1}^2 + \beta^2 g_{k-2}^2 + \dots)`, a mean over
    about the last :math:`1 / (1 - \beta)` steps. The weights of this mean sum to
    :math:`1 - \beta^k` only: :math:`s_k` is too small at first, and the first step is
    :math:`1 / \sqrt{1 - \beta}` times :math:`t_1` long. `weight_decay` :math:`\lambda` replaces
    :math:`g_k` by :math:`g_k + \lambda x_k`; `maximize` replaces it by :math:`-g_k` before that.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes, devices. Sparse gradients are refused.
        lr: Step size :math:`t_k`, a non-negative finite number (or a one-element tensor).
        alpha: :math:`\beta`, a number in [0, 1); the name is torch's.
        eps: :math:`\epsilon`, a non-negative finite number.
        weight_decay: :math:`\lambda`, a non-negative finite number.
        momentum: :math:`\mu`, a number in [0, 1). If it is not 0, the step is
            :math:`-t_k b_k` with
            :math:`b_k = \mu b_{k-1} + g_k / (\sqrt{s_k} + \epsilon)`.
        centered: Divide by the root of the variance :math:`s_k - a_k^2` in place of :math:`s_k`,
            where :math:`a_k = \beta a_{k-1} + (1 - \beta)\, g_k`.
        maximize: Go up instead of down.
        eps_inside: Divide by :math:`\sqrt{s_k + \epsilon}` instead.
        compile: Run the rule under ``torch.compile``. On the CPU this needs a C++ compiler.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is sparse (at the step).

    Example:
        >>> w = torch.tensor([1.0, -100.0], requires_grad=True)
        >>> rmsprop = RMSprop([w], lr=0.5, alpha=0.75)
        >>> (w @ w).backward()
        >>> rmsprop.step()
        >>> w.detach()
        tensor([  0., -99.])

    Source: slide 29; Tieleman and Hinton, *Lecture 6.5: rmsprop*, Coursera, Neural Networks for
    Machine Learning (2012); `centered` is from Graves, *Generating sequences with recurrent neural
    networks*, arXiv:1308.0850 (2013). In torch: ``torch.optim.RMSprop`` takes the same steps; where
    rounding makes the variance negative its root is NaN there, and 0 here.
    """

    keeps_step = True
    checks = {  # noqa: RUF012
        "alpha": fraction,
        "eps": non_negative,
        "momentum": fraction,
        "centered": flag,
        "eps_inside": flag,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float | Tensor = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        eps_inside: bool = False,
        compile: bool = False,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        defaults: dict[str, Any] = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "eps_inside": eps_inside,
        }
        super().__init__(params, defaults, compile=compile)

    def states_of(self, group: dict[str, Any]) -> Mapping[str, str]:
        """Return s, and a and b where `centered` and `momentum` ask for them."""
        states = {"s": "square_avg"}
        if group["centered"]:
            states["a"] = "grad_avg"
        if group["momentum"] > 0:
            states["b"] = "momentum_buffer"
        return states

    def letters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the letters t, β, μ and ε of the rule."""
        return {
            "t": group["lr"],
            "beta": group["alpha"],
            "mu": group["momentum"],
            "eps": group["eps"],
            "inside": group["eps_inside"],
        }

    @staticmethod
    def update(
        x: Tensor,
        g: Tensor,
        s: Tensor,
        a: Tensor | None = None,
        b: Tensor | None = None,
        *,
        t: float,
        beta: float,
        mu: float,
        eps: float,
        inside: bool,
    ) -> None:
        """Take one step: s_k = β s_{k-1} + (1 - β) g_k², x_{k+1} = x_k - t_k g_k / (√s_k + ε)."""
        s.mul_(beta).add_((1 - beta) * g * g)
        if a is not None:
            a.mul_(beta).add_((1 - beta) * g)
            s = (s - a * a).clamp_(min=0)
        d = g / root(s, eps, inside)
        if b is not None:
            d = b.mul_(mu).add_(d)
        x -= t * d

    @staticmethod
    def update_in_place(
        x: Tensor,
        g: Tensor,
        s: Tensor,
        a: Tensor | None = None,
        b: Tensor | None = None,
        *,
        w: Tensor,
        t: float,
        beta: float,
        mu: float,
        eps: float,
        inside: bool,
    ) -> None:
        """Take the same step in fewer operations, with `w` to work in."""
        s.mul_(beta).addcmul_(g, g, value=1 - beta)
        if a is not None:
            a.lerp_(g, 1 - beta)
            s = torch.addcmul(s, a, a, value=-1, out=w).clamp_(min=0)
        w = root_into(w, s, eps, inside)
        if b is None:
            x.addcdiv_(g, w, value=-t)
        else:
            b.mul_(mu).addcdiv_(g, w)
            x.sub_(b, alpha=t)
