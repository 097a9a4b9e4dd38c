"""Adagrad: each coordinate's step is divided by the size of its gradients so far."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.base import Method
from course_lib.methods.hyperparameters import flag, non_negative, number
from course_lib.methods.sparse import on_entries

__all__ = ["Adagrad"]


def root(s: Tensor, eps: float, inside: bool) -> Tensor:
    """Return √s + ε, as torch has it, or √(s + ε)."""
    return (s + eps).sqrt() if inside else s.sqrt() + eps


def root_into(w: Tensor, s: Tensor, eps: float, inside: bool) -> Tensor:
    """Return the same in `w`, which may be `s`."""
    return torch.add(s, eps, out=w).sqrt_() if inside else torch.sqrt(s, out=w).add_(eps)


class Adagrad(Method):
    r"""Gradient descent whose step in each coordinate fades with the gradients seen there.

    .. math::

        s_k = s_{k-1} + g_k^2, \qquad x_{k+1} = x_k - t_k\, \frac{g_k}{\sqrt{s_k} + \epsilon}

    elementwise, where :math:`g_k` is what the parameters' ``.grad`` hold at :math:`x_k`, and
    :math:`s_k = s_0 + g_1^2 + \dots + g_k^2`. `weight_decay` :math:`\lambda` replaces :math:`g_k`
    by :math:`g_k + \lambda x_k`; `maximize` replaces it by :math:`-g_k` before that.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes, devices.
        lr: Step size :math:`t`, a non-negative finite number (or a one-element tensor).
        lr_decay: :math:`\eta \ge 0` in :math:`t_k = t / (1 + (k - 1)\, \eta)`.
        weight_decay: :math:`\lambda`, a non-negative finite number.
        initial_accumulator_value: :math:`s_0`, a non-negative finite number.
        eps: :math:`\epsilon`, a non-negative finite number. With 0, a coordinate whose gradients
            have all been zero becomes NaN.
        maximize: Go up instead of down.
        eps_inside: Divide by :math:`\sqrt{s_k + \epsilon}` instead.
        compile: Run the rule under ``torch.compile``. On the CPU this needs a C++ compiler.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.

    Gradients may be sparse; then only the entries present are touched, and `weight_decay` must
    be 0.

    Example:
        >>> w = torch.tensor([1.0, -100.0], requires_grad=True)
        >>> adagrad = Adagrad([w], lr=0.5)
        >>> (w @ w).backward()
        >>> adagrad.step()
        >>> w.detach()
        tensor([  0.5000, -99.5000])

    Both coordinates move by `lr`: the first gradient is divided by its own magnitude.

    Source: slide 28; Duchi, Hazan and Singer, *Adaptive subgradient methods for online learning and
    stochastic optimization*, Journal of Machine Learning Research 12 (2011). In torch:
    ``torch.optim.Adagrad`` takes the same steps; it makes the state in the constructor, with the
    constructor's `initial_accumulator_value` also for groups that name their own, and offers to
    share it among processes.
    """

    states = {"s": "sum"}  # noqa: RUF012
    checks = {  # noqa: RUF012
        "lr_decay": non_negative,
        "initial_accumulator_value": non_negative,
        "eps": non_negative,
        "eps_inside": flag,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float | Tensor = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        eps_inside: bool = False,
        compile: bool = False,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        defaults: dict[str, Any] = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
            "eps_inside": eps_inside,
        }
        super().__init__(params, defaults, compile=compile)

    def letters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return ε, and whether it stands inside the root."""
        return {"eps": group["eps"], "inside": group["eps_inside"]}

    def letters_at(self, group: dict[str, Any], k: int) -> dict[str, Any]:
        """Return the step size t_k."""
        return {"t": number(group["lr"]) / (1 + (k - 1) * number(group["lr_decay"]))}

    def new_state(self, p: Tensor, letter: str, group: dict[str, Any]) -> Tensor:
        """Return s_0, for the real and for the imaginary part of complex numbers."""
        s = number(group["initial_accumulator_value"])
        return torch.full_like(p, complex(s, s) if p.is_complex() else s)

    @staticmethod
    def update(x: Tensor, g: Tensor, s: Tensor, *, t: float, eps: float, inside: bool) -> None:
        """Take one step: s_k = s_{k-1} + g_k² and x_{k+1} = x_k - t_k g_k / (√s_k + ε)."""
        s += g * g
        x -= t * g / root(s, eps, inside)

    @staticmethod
    def update_in_place(
        x: Tensor, g: Tensor, s: Tensor, *, w: Tensor, t: float, eps: float, inside: bool
    ) -> None:
        """Take the same step in fewer operations, with `w` to work in."""
        s.addcmul_(g, g)
        x.addcdiv_(g, root_into(w, s, eps, inside), value=-t)

    update_sparse = on_entries(update)
