"""Momentum: steps that remember the steps before them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.base import Method
from course_lib.methods.hyperparameters import non_negative

__all__ = ["HeavyBall"]


class HeavyBall(Method):
    r"""Gradient descent with momentum, Polyak's heavy ball, in the lecture's form.

    .. math::

        x_{k+1} = x_k - \alpha_k\, g_k + \beta_k\, (x_k - x_{k-1}), \qquad x_{-1} = x_0

    where :math:`g_k` is what the parameters' ``.grad`` hold at :math:`x_k`. At step :math:`k`,
    :math:`\alpha_k` is `lr` and :math:`\beta_k` is `beta`: a scheduler, or anyone who writes into
    ``param_groups``, may change both from step to step. What is kept is the last step
    :math:`s_k = x_k - x_{k-1}`; it starts at zero. `weight_decay` :math:`\lambda` replaces
    :math:`g_k` by :math:`g_k + \lambda x_k`; `maximize` replaces it by :math:`-g_k` before that.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes, devices. Sparse gradients are refused.
        lr: Step size :math:`\alpha_k`, a non-negative finite number (or a one-element tensor).
        beta: Momentum :math:`\beta_k`, a non-negative finite number (or a one-element tensor). A
            memory fades if it is below 1; a larger one is for single steps, such as those at which
            a conversion from torch's convention meets a learning rate that jumps up.
        weight_decay: :math:`\lambda`, a non-negative finite number.
        maximize: Go up instead of down.
        compile: Run the rule under ``torch.compile``. On the CPU this needs a C++ compiler.

    Raises:
        ValueError: `lr`, `beta` or `weight_decay` is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is sparse (at the step).

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> ball = HeavyBall([w], lr=0.25, beta=0.5)
        >>> for k in range(3):
        ...     ball.zero_grad()
        ...     (w @ w).backward()
        ...     ball.step()
        ...     print(w.item())
        0.5
        0.0
        -0.25

    Source: slide 25; Polyak, *Some methods of speeding up the convergence of iteration methods*,
    USSR Computational Mathematics and Mathematical Physics 4 (1964). In torch:
    ``torch.optim.SGD(momentum=beta)`` takes the same steps while `lr` is constant. It keeps
    :math:`b_k = \mu b_{k-1} + g_k` and goes :math:`-\gamma_k b_k`, so a change of its `lr` rescales
    the remembered steps too: its :math:`\mu` is the lecture's
    :math:`\beta_k = \mu\, \gamma_k / \gamma_{k-1}`, which :func:`beta_from_momentum` gives.
    """

    states = {"s": "last_step"}  # noqa: RUF012
    checks = {"beta": non_negative}  # noqa: RUF012

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        beta: float | Tensor = 0.9,
        *,
        weight_decay: float | Tensor = 0.0,
        maximize: bool = False,
        compile: bool = False,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        defaults: dict[str, Any] = {
            "lr": lr, "beta": beta, "weight_decay": weight_decay, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, compile=compile)

    def letters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the letters α and β of the rule."""
        return {"alpha": group["lr"], "beta": group["beta"]}

    @staticmethod
    def update(x: Tensor, g: Tensor, s: Tensor, *, alpha: float, beta: float) -> None:
        """Take one step: s_{k+1} = β_k s_k - α_k g_k and x_{k+1} = x_k + s_{k+1}."""
        s.mul_(beta).sub_(alpha * g)
        x += s

    @staticmethod
    def update_in_place(
        x: Tensor, g: Tensor, s: Tensor, *, w: Tensor, alpha: float, beta: float
    ) -> None:
        """Take the same step without temporaries; there is no need of `w`."""
        s.mul_(beta).add_(g, alpha=-alpha)
        x += s

    gathers_small = True

    @staticmethod
    def update_list(
        xs: list[Tensor], gs: list[Tensor], s: list[Tensor], *, alpha: float, beta: float
    ) -> None:
        """Take the same step for each of a list of tensors, in three operations."""
        torch._foreach_mul_(s, beta)
        torch._foreach_add_(s, gs, alpha=-alpha)
        torch._foreach_add_(xs, s)
