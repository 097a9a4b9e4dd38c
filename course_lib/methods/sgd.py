"""Stochastic gradient descent, the method of slide 18."""

from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.base import Method


def _no_momentum(name: str, value: Any) -> None:
    if value != 0:
        raise ValueError(f"{name} must be 0, since SGD keeps none, got {value!r}")


class SGD(Method):
    r"""Stochastic gradient descent: a step of length $t_k$ against the gradient of a batch.

    .. math::

        x_k = x_{k-1} - t_k\, g_k, \qquad
        g_k = \frac{1}{|J_k|} \sum_{j \in J_k} \nabla f(x_{k-1}; \xi_j)

    where $x$ are the parameters, $t_k$ is `lr` at step $k$ (a scheduler may change it) and $g_k$
    what the parameters' ``.grad`` hold. The rule does not know how $g_k$ was made: on the full
    batch, the same rule is gradient descent. `weight_decay` $\lambda$ replaces $g_k$ by
    $g_k + \lambda x_{k-1}$; `maximize` replaces it by $-g_k$ before that.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes, devices.
        lr: Step size $t_k$, a non-negative finite number (or a one-element tensor).
        weight_decay: $\lambda$, a non-negative finite number.
        maximize: Go up instead of down.
        compile: Run the rule under ``torch.compile``. On the CPU this needs a C++ compiler.

    Raises:
        ValueError: `lr` or `weight_decay` is negative or not finite, here or in a group; or a
            group, such as one that torch's SGD has saved, asks for momentum.
        TypeError: an argument is of the wrong type.

    Gradients may be sparse; then only the entries present move, and `weight_decay` must be 0.

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
    Statistics 22 (1951). In torch: ``torch.optim.SGD`` with no momentum takes the same steps; it
    also takes NaN and infinite hyper-parameters, which are refused here.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        *,
        weight_decay: float | Tensor = 0.0,
        maximize: bool = False,
        compile: bool = False,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        defaults: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults, compile=compile)

    @staticmethod
    def update(x: Tensor, g: Tensor, *, t: float) -> None:
        """Take one step: x_k = x_{k-1} - t_k g_k."""
        x -= t * g

    @staticmethod
    def update_list(xs: list[Tensor], gs: list[Tensor], *, t: float) -> None:
        """Take the same step for each of a list of tensors, in one operation."""
        torch._foreach_sub_(xs, gs, alpha=t)

    update_sparse = update
    checks = {"momentum": _no_momentum}  # noqa: RUF012
