"""Schedule-Free SGD: constant steps, and an average in place of a schedule."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_number
from course_lib.methods.schedule_free import ScheduleFree

__all__ = ["ScheduleFreeSGD"]

Group = dict[str, Any]


class ScheduleFreeSGD(ScheduleFree):
    r"""SGD without a schedule: constant steps, and an average of where they lead.

    .. math::

        y_k = (1 - \beta)\, z_k + \beta\, x_k, \qquad
        z_{k+1} = z_k - t_k\, (g_k + \lambda y_k), \qquad
        x_{k+1} = (1 - c_{k+1})\, x_k + c_{k+1}\, z_{k+1}

    with `lr` :math:`t_k`, `momentum` :math:`\beta`, `weight_decay` :math:`\lambda`, and
    :math:`g_k` the gradient at :math:`y_k`, where the parameters stand while it trains. Evaluate
    at :math:`x_k`: :class:`ScheduleFree` says how, and what :math:`c_k` is. With :math:`\beta = 0`
    this would be Polyak and Ruppert's averaging of plain SGD, with :math:`\beta = 1` the gradient
    would be asked at the average itself.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Any shapes,
            floating-point or complex dtypes, devices.
        lr: Step size :math:`t`, a non-negative finite number (or a one-element tensor). As there is
            no schedule to shrink it, the best one is often larger than for SGD.
        momentum: :math:`\beta`, a number between 0 and 1, both excluded: with 0, :math:`x` could
            not be told from :math:`y` and :math:`z`.
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
        >>> import torch
        >>> w = torch.tensor([1.0], requires_grad=True)
        >>> method = ScheduleFreeSGD([w], lr=0.25, momentum=0.5)
        >>> for k in range(2):
        ...     method.zero_grad()
        ...     (w @ w).backward()
        ...     method.step()
        >>> method.eval()  # the parameters hold x
        >>> w.item()
        0.375
        >>> method.train()  # they hold y again

    Source: Defazio et al., *The road less scheduled*, NeurIPS 2024. It is newer than the lecture,
    and torch has no counterpart; the authors' package is ``schedulefree``. It wants ``train()``
    before the first step, which is not needed here, and lets `weight_decay` act on :math:`y` as
    here.
    """

    states = {"z": "z"}  # noqa: RUF012

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        momentum: float = 0.9,
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
            "momentum": momentum,
            "weight_decay": weight_decay,
            "warmup_steps": warmup_steps,
            "r": r,
            "weight_lr_power": weight_lr_power,
            "maximize": maximize,
        }
        super().__init__(params, defaults, compile=compile)

    def _check(self, values: Group) -> None:
        super()._check(values)
        if "momentum" in values:
            check_number("momentum", values["momentum"], above=0, below=1)

    def beta_of(self, group: Group) -> float:
        """Return β."""
        return group["momentum"]

    @staticmethod
    def update(
        y: Tensor, g: Tensor, z: Tensor, *, t: float, b: float, c: float, decay: float
    ) -> None:
        """Take one step: z_{k+1} = z_k - t_k (g_k + λ y_k), and y along."""
        ScheduleFree.move(y, z, g + decay * y, t=t, b=b, c=c)
