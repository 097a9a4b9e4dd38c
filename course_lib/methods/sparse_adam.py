"""SparseAdam: Adam on the entries that a sparse gradient holds."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.base import Method
from course_lib.methods.hyperparameters import flag, fractions, non_negative, number
from course_lib.methods.sparse import on_entries

__all__ = ["SparseAdam"]


class SparseAdam(Method):
    r"""Adam for sparse gradients: what is absent from a gradient neither moves nor fades.

    On the entries that :math:`g_k` holds, and on these alone,

    .. math::

        m_k &= \beta_1 m_{k-1} + (1 - \beta_1)\, g_k, \qquad
        s_k = \beta_2 s_{k-1} + (1 - \beta_2)\, g_k^2, \qquad m_0 = s_0 = 0 \\
        x_{k+1} &= x_k - t_k\, \frac{\sqrt{1 - \beta_2^k}}{1 - \beta_1^k}\,
        \frac{m_k}{\sqrt{s_k} + \epsilon}

    where :math:`g_k` is what the parameters' ``.grad`` hold at :math:`x_k`, as
    ``nn.Embedding(..., sparse=True)`` gives them: rows of the words in the batch. :math:`k` counts
    the steps of the parameter, not those of an entry: an entry that is seldom present has averages
    that fade more slowly than the correction of their bias assumes. An entry that is stored as 0
    counts as present. A step costs what the entries cost, not what the parameter does.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``. Real dense
            tensors, whose gradients are sparse (layout ``torch.sparse_coo``).
        lr: Step size :math:`t_k`, a non-negative finite number (or a one-element tensor).
        betas: :math:`(\beta_1, \beta_2)`, numbers in [0, 1) (or one-element tensors).
        eps: :math:`\epsilon`, a non-negative finite number.
        maximize: Go up instead of down.
        bias_correction: False leaves out the second factor of the step, as the slide's Adam does.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group; or a parameter is
            complex or sparse.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is dense (at the step).

    Example:
        >>> import torch
        >>> words = torch.nn.Embedding(4, 2, sparse=True)
        >>> _ = torch.nn.init.ones_(words.weight)
        >>> adam = SparseAdam(words.parameters(), lr=0.5)
        >>> words(torch.tensor([1, 3, 3])).sum().backward()
        >>> adam.step()
        >>> words.weight.detach()
        tensor([[1.0000, 1.0000],
                [0.5000, 0.5000],
                [1.0000, 1.0000],
                [0.5000, 0.5000]])

    Source: slide 30; Kingma and Ba, *Adam: a method for stochastic optimization*, ICLR 2015, for
    the rule. In torch: ``torch.optim.SparseAdam`` takes the same steps; there `eps` and `lr` must
    be above 0. Note where :math:`\epsilon` stands: it is added before the bias is corrected, and
    after it in :class:`Adam`.
    """

    states = {"m": "exp_avg", "s": "exp_avg_sq"}  # noqa: RUF012
    checks = {"betas": fractions, "eps": non_negative, "bias_correction": flag}  # noqa: RUF012
    dense_gradients = False

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
        *,
        bias_correction: bool = True,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        defaults: dict[str, Any] = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "maximize": maximize,
            "bias_correction": bias_correction,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters with hyper-parameters of its own.

        Args:
            param_group: ``{"params": ...}`` and the hyper-parameters that differ from the defaults.

        Raises:
            ValueError: a parameter is complex or sparse, or a hyper-parameter is outside its range.
        """
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for i, p in enumerate(group["params"]):
            if p.is_complex() or p.layout is not torch.strided:
                self.param_groups.pop()
                raise ValueError(
                    "SparseAdam takes real dense parameters, got one of dtype "
                    f"{p.dtype} and layout {p.layout} (parameter {i} of its group)"
                )

    def letters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the letters β₁, β₂ and ε of the rule."""
        b1, b2 = group["betas"]
        return {"b1": number(b1), "b2": number(b2), "eps": group["eps"]}

    def letters_at(self, group: dict[str, Any], k: int) -> dict[str, Any]:
        """Return the step size with the correction of the bias, where it is wanted."""
        t = number(group["lr"])
        if not group["bias_correction"]:
            return {"t": t}
        b1, b2 = map(number, group["betas"])
        return {"t": t * math.sqrt(1 - b2**k) / (1 - b1**k)}

    @staticmethod
    def update(
        x: Tensor,
        g: Tensor,
        m: Tensor,
        s: Tensor,
        *,
        t: float,
        b1: float,
        b2: float,
        eps: float,
    ) -> None:
        """Take one step on the entries present: x_{k+1} = x_k - t m_k / (√s_k + ε)."""
        m.mul_(b1).add_((1 - b1) * g)
        s.mul_(b2).add_((1 - b2) * g * g)
        x -= t * m / (s.sqrt() + eps)

    update_sparse = on_entries(update)
