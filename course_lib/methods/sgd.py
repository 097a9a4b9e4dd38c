"""Stochastic gradient descent, the method of slide 18, and torch's momentum for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.base import Method
from course_lib.methods.hyperparameters import finite, flag, non_negative, number

__all__ = ["SGD", "SGDWithMomentum"]


class SGD(Method):
    r"""Stochastic gradient descent: a step of length $t_k$ against the gradient of a batch.

    .. math::

        x_k = x_{k-1} - t_k\, g_k, \qquad
        g_k = \frac{1}{|J_k|} \sum_{j \in J_k} \nabla f(x_{k-1}; \xi_j)

    where $x$ are the parameters, $t_k$ is `lr` at step $k$ (a scheduler may change it) and $g_k$
    what the parameters' ``.grad`` hold. The rule does not know how $g_k$ was made: on the full
    batch, the same rule is gradient descent. `weight_decay` $\lambda$ replaces $g_k$ by
    $g_k + \lambda x_{k-1}$; `maximize` replaces it by $-g_k$ before that.

    With `momentum` $\mu > 0$, a buffer $b_k$ that remembers the gradients takes the place of $g_k$,
    in torch's convention: :class:`SGDWithMomentum` has the formula. The lecture's convention is
    that of :class:`HeavyBall` and :class:`Nesterov`. Both take the same steps as long as `lr`
    does not change.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes, devices.
        lr: Step size $t_k$, a non-negative finite number (or a one-element tensor).
        momentum: $\mu$, a non-negative finite number; memories fade if it is below 1.
        dampening: $\tau$, a finite number.
        weight_decay: $\lambda$, a non-negative finite number.
        nesterov: Look ahead; needs `momentum` above 0 and no `dampening`.
        maximize: Go up instead of down.
        compile: Run the rule with momentum under ``torch.compile``. On the CPU this needs a C++
            compiler. Without momentum the rule is one operation, and runs as it is.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is sparse and `weight_decay` is not 0 (at the step).

    Gradients may be sparse; then `weight_decay` must be 0. Without momentum only the entries
    present move. With it the buffer is dense: what it remembers of other entries moves them on.

    Example:
        >>> w = torch.tensor([1.0, -2.0], requires_grad=True)
        >>> sgd = SGD([w], lr=0.25)
        >>> for k in range(2):
        ...     sgd.zero_grad()
        ...     (w @ w).backward()
        ...     sgd.step()
        >>> w.detach()
        tensor([ 0.2500, -0.5000])

    Source: slide 18; Robbins and Monro, *A stochastic approximation method*, Annals of Mathematical
    Statistics 22 (1951). In torch: ``torch.optim.SGD`` takes the same steps, also with momentum,
    and either loads the other's ``state_dict``. It also takes NaN and infinite hyper-parameters,
    and `nesterov` together with `dampening` if a group asks for them, which are refused here. Its
    buffer of sparse gradients is sparse.
    """

    checks = {  # noqa: RUF012
        "momentum": non_negative,
        "dampening": finite,
        "nesterov": flag,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float | Tensor = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        compile: bool = False,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        defaults: dict[str, Any] = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        self._check(defaults)
        if nesterov and momentum == 0:
            raise ValueError(f"momentum must be above 0 with nesterov=True, got {momentum!r}")
        super().__init__(params, defaults, compile=compile)

    def _check(self, values: dict[str, Any]) -> None:
        super()._check(values)
        options = {**getattr(self, "defaults", {}), **values}
        if options.get("nesterov") and number(options.get("dampening", 0.0)) != 0:
            raise ValueError(
                f"dampening must be 0 with nesterov=True, got {options['dampening']!r}"
            )

    def rule_of(self, group: dict[str, Any]) -> type[Method]:
        """Return the class whose rule a group follows: with momentum or without."""
        return SGDWithMomentum if number(group["momentum"]) else type(self)

    def letters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the letter t, and with momentum also μ, τ and whether to look ahead."""
        letters = {"t": group["lr"]}
        if number(group["momentum"]):
            letters |= {
                "mu": group["momentum"],
                "tau": group["dampening"],
                "nesterov": group["nesterov"],
            }
        return letters

    @staticmethod
    def update(x: Tensor, g: Tensor, *, t: float) -> None:
        """Take one step: x_k = x_{k-1} - t_k g_k."""
        x -= t * g

    @staticmethod
    def update_list(xs: list[Tensor], gs: list[Tensor], *, t: float) -> None:
        """Take the same step for each of a list of tensors, in one operation."""
        torch._foreach_add_(xs, gs, alpha=-t)

    update_sparse = update


class SGDWithMomentum(Method):
    r"""The rule that :class:`SGD` follows where `momentum` is not 0: torch's convention.

    .. math::

        b_k = \mu\, b_{k-1} + (1 - \tau)\, g_k, \quad b_1 = g_1, \qquad
        x_k = x_{k-1} - t_k\, d_k, \quad
        d_k = \begin{cases} g_k + \mu\, b_k & \text{with nesterov} \\
              b_k & \text{without} \end{cases}

    with `momentum` :math:`\mu` and `dampening` :math:`\tau`. The buffer is a sum of gradients, not
    of steps: the step size multiplies all that is remembered. A change of `lr` from
    :math:`t_{k-1}` to :math:`t_k` therefore rescales the memory too, and the lecture's
    :math:`\beta_k` is :math:`\mu\, t_k / t_{k-1}`, which :func:`beta_from_momentum` gives.

    Use it by ``SGD(params, lr, momentum)``; the class itself only states the rule.

    Source: slide 26, which refers to torch; the form with `nesterov` is from Sutskever, Martens,
    Dahl and Hinton, *On the importance of initialization and momentum in deep learning*, ICML 2013.
    """

    states = {"b": "momentum_buffer"}  # noqa: RUF012

    @staticmethod
    def update(
        x: Tensor,
        g: Tensor,
        b: Tensor,
        *,
        t: float,
        mu: float,
        tau: float,
        nesterov: bool,
        first: bool,
    ) -> None:
        """Take one step: b_k = μ b_{k-1} + (1 - τ) g_k, x_k = x_{k-1} - t_k b_k, or ahead of it."""
        if first:
            b.zero_().add_(g)
        else:
            b.mul_(mu).add_((1 - tau) * g)
        x -= t * (mu * b + g if nesterov else b)

    update_sparse = update

    @staticmethod
    def update_in_place(
        x: Tensor,
        g: Tensor,
        b: Tensor,
        *,
        w: Tensor,
        t: float,
        mu: float,
        tau: float,
        nesterov: bool,
        first: bool,
    ) -> None:
        """Take the same step without temporaries; there is no need of `w`."""
        if first:
            b.copy_(g)
        else:
            b.mul_(mu).add_(g, alpha=1 - tau)
        if nesterov:
            x.add_(g, alpha=-t)
        x.add_(b, alpha=-t * mu if nesterov else -t)

    gathers_small = True

    @staticmethod
    def update_list(
        xs: list[Tensor],
        gs: list[Tensor],
        b: list[Tensor],
        *,
        t: float,
        mu: float,
        tau: float,
        nesterov: bool,
        first: bool,
    ) -> None:
        """Take the same step for each of a list of tensors."""
        if first:
            torch._foreach_copy_(b, gs)
        else:
            torch._foreach_mul_(b, mu)
            torch._foreach_add_(b, gs, alpha=1 - tau)
        if nesterov:
            torch._foreach_add_(xs, gs, alpha=-t)
        torch._foreach_add_(xs, b, alpha=-t * mu if nesterov else -t)
