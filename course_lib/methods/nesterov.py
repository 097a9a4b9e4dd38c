"""Nesterov's momentum: the gradient is asked where the momentum is about to lead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.base import Method
from course_lib.methods.hyperparameters import fraction

__all__ = ["Nesterov"]


class Nesterov(Method):
    r"""Nesterov's accelerated gradient method, in the lecture's form.

    .. math::

        x_{k+1} = y_k - \alpha_k\, \nabla f(y_k), \qquad
        y_k = x_k + \beta_k\, (x_k - x_{k-1}), \qquad y_0 = x_0

    An optimizer is given the gradient where the parameters stand, so between steps **the parameters
    hold the extrapolated point** :math:`y_k`, where the gradient is wanted. Plain loops, closures,
    ``fit`` and every trainer for ``torch.optim`` then work as they are. What is kept is how far the
    parameters are ahead, :math:`v_k = y_k - x_k`. For the iterates :math:`x_k` themselves, to
    evaluate or to save them, there is :meth:`iterates`. The two are close where the steps are
    small: near a minimum, and at the end of a run whose step size has shrunk.

    The step numbered :math:`k` goes from :math:`y_k` to :math:`y_{k+1}`. It uses `lr` as
    :math:`\alpha_k` and `beta` as :math:`\beta_{k+1}`, and both may change from step to step: for
    Nesterov's sequence, write ``nesterov_beta(1)``, ``nesterov_beta(2)``, … into ``param_groups``
    before the first step, the second, …

    `weight_decay` :math:`\lambda` replaces the gradient :math:`g_k` by :math:`g_k + \lambda y_k`;
    `maximize` replaces it by :math:`-g_k` before that.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes, devices. Sparse gradients are refused.
        lr: Step size :math:`\alpha_k`, a non-negative finite number (or a one-element tensor).
        beta: Momentum :math:`\beta_{k+1}`, a number in [0, 1) (or a one-element tensor).
        weight_decay: :math:`\lambda`, a non-negative finite number.
        maximize: Go up instead of down.
        compile: Run the rule under ``torch.compile``. On the CPU this needs a C++ compiler.

    Raises:
        ValueError: `lr`, `beta` or `weight_decay` is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is sparse, or the parameters are lent to :meth:`iterates` (at the
            step, and where the optimizer is saved or copied).

    Example:
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> nesterov = Nesterov([w], lr=0.25, beta=0.5)
        >>> for k in range(3):
        ...     nesterov.zero_grad()
        ...     (w @ w).backward()
        ...     nesterov.step()
        ...     with nesterov.iterates():
        ...         x = w.item()
        ...     print(f"x {x}, y {w.item()}")
        x 0.5, y 0.25
        x 0.125, y -0.0625
        x -0.03125, y -0.109375

    Source: slide 26; Nesterov, *A method for solving the convex programming problem with
    convergence rate* :math:`O(1/k^2)`, Doklady 269 (1983). In torch: the parameters of
    ``torch.optim.SGD(momentum=beta, nesterov=True)`` are this :math:`y_k`, and never :math:`x_k`,
    as long as `lr` is constant. When its `lr` changes, torch rescales the remembered steps, and no
    choice of :math:`\alpha_k, \beta_k` here takes the same path.
    """

    states = {"v": "look_ahead"}  # noqa: RUF012
    checks = {"beta": fraction}  # noqa: RUF012
    _lent = False

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
    def update(y: Tensor, g: Tensor, v: Tensor, *, alpha: float, beta: float) -> None:
        """Take one step: x_{k+1} = y_k - α_k g_k, y_{k+1} = x_{k+1} + β_{k+1} (x_{k+1} - x_k)."""
        y -= alpha * g  # x_{k+1}
        v -= alpha * g  # x_{k+1} - x_k, since v was y_k - x_k
        v *= beta  # y_{k+1} - x_{k+1}
        y += v

    @staticmethod
    def update_in_place(
        y: Tensor, g: Tensor, v: Tensor, *, w: Tensor, alpha: float, beta: float
    ) -> None:
        """Take the same step without temporaries; there is no need of `w`."""
        y.add_(g, alpha=-alpha)
        v.add_(g, alpha=-alpha)
        y += v.mul_(beta)

    gathers_small = True

    @staticmethod
    def update_list(
        ys: list[Tensor], gs: list[Tensor], v: list[Tensor], *, alpha: float, beta: float
    ) -> None:
        """Take the same step for each of a list of tensors, in four operations."""
        torch._foreach_add_(ys, gs, alpha=-alpha)
        torch._foreach_add_(v, gs, alpha=-alpha)
        torch._foreach_mul_(v, beta)
        torch._foreach_add_(ys, v)

    def _step_group(self, index: int, group: dict[str, Any]) -> None:
        if self._lent:
            raise RuntimeError(
                "Nesterov cannot step inside iterates(): the parameters hold x_k there, and the "
                "gradient is wanted at y_k"
            )
        super()._step_group(index, group)

    def state_dict(self) -> dict[str, Any]:
        """Return the state to save, as ``torch.optim`` does.

        Raises:
            RuntimeError: the parameters are lent to :meth:`iterates`. A run goes on from y_k.
        """
        self._check_not_lent("be saved")
        return super().state_dict()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and deep-copied; raise inside a block of iterates."""
        self._check_not_lent("be copied")
        return super().__getstate__()

    def _check_not_lent(self, what: str) -> None:
        if self._lent:
            raise RuntimeError(
                f"Nesterov cannot {what} inside iterates(): the parameters hold x_k there, and the "
                "run goes on from y_k; save the model inside, the optimizer with its parameters "
                "outside"
            )

    @contextmanager
    def iterates(self) -> Iterator[None]:
        """Let the parameters hold the iterates x_k inside a ``with`` block, and y_k again after it.

        For evaluating or saving a model. What is written into the parameters inside is undone; a
        block inside a block changes nothing.

        Example:
            >>> w = torch.ones(1, requires_grad=True)
            >>> nesterov = Nesterov([w], lr=0.5, beta=0.5)
            >>> w.grad = torch.ones(1)
            >>> nesterov.step()
            >>> with nesterov.iterates():
            ...     print(w.item())
            0.5
            >>> w.item()
            0.25
        """
        if self._lent:
            yield
            return
        held = [
            (p, p.detach().clone(), self.state[p]["look_ahead"])
            for group in self.param_groups
            for p in group["params"]
            if "look_ahead" in self.state.get(p, {})
        ]
        self._lent = True
        try:
            with torch.no_grad():
                for p, y, v in held:
                    p.copy_(y - v.to(p.device, p.dtype))
            yield
        finally:
            self._lent = False
            with torch.no_grad():
                for p, y, _ in held:
                    p.copy_(y)
