"""Muon: a momentum whose matrices are made orthogonal before the step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_floating, check_floating_tensor, check_integer
from course_lib.methods.hyperparameters import finite, flag, non_negative
from course_lib.methods.matrix_method import MatrixMethod

__all__ = ["NEWTON_SCHULZ", "Muon", "orthogonalized"]

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients (a, b, c) of Jordan's polynomial: steep at 0, and not exact at 1."""

_ADJUSTMENTS = (None, "original", "match_rms_adamw")
_MOST_STEPS = 99


def orthogonalized(
    matrix: Tensor,
    coefficients: tuple[float, float, float] = NEWTON_SCHULZ,
    steps: int = 5,
    eps: float = 1e-7,
    *,
    dtype: torch.dtype | None = torch.bfloat16,
) -> Tensor:
    r"""Return about :math:`U V^\top` for a matrix :math:`U \Sigma V^\top`, by products alone.

    .. math::

        X_0 = \frac{B}{\max(\|B\|_F, \epsilon)}, \qquad
        X_{j+1} = a X_j + (b A_j + c A_j^2)\, X_j, \quad A_j = X_j X_j^\top

    All :math:`X_j` have the singular vectors of :math:`B`. A singular value :math:`\sigma` becomes
    :math:`a\sigma + b\sigma^3 + c\sigma^5` in a step, so `steps` of them apply this polynomial as
    often. Since the Frobenius norm is at least the largest singular value, all start in [0, 1].

    Args:
        matrix: :math:`B`, of shape (n, m).
        coefficients: :math:`(a, b, c)`. The default brings singular values from about 0.01 on to
            between 0.68 and 1.14 in five steps, and never to 1: (2, -1.5, 0.5) would converge,
            in many more.
        steps: How often, from 0 to 99.
        eps: :math:`\epsilon`, which divides a matrix of zeros.
        dtype: What is computed in: bfloat16 as in Muon; None for the dtype of `matrix`.

    Returns:
        A matrix of shape (n, m) in `dtype`.

    Raises:
        TypeError: `matrix` is no real floating-point tensor, or another argument of a wrong type.
        ValueError: `matrix` has not two dimensions, or another argument is outside its range.

    Example:
        >>> b = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
        >>> orthogonalized(b, (2.0, -1.5, 0.5), steps=20, dtype=None).round(decimals=4)
        tensor([[1., 0., 0.],
                [0., 1., 0.]])

    Source: Jordan et al., *Muon: an optimizer for hidden layers in neural networks*, 2024; the
    iteration is Björck and Bowie's, SIAM Journal on Numerical Analysis 8 (1971).
    """
    _check_matrix(matrix)
    _three_numbers("coefficients", coefficients)
    _number_of_steps("steps", steps)
    a, b, c = coefficients
    tall = matrix.size(0) > matrix.size(1)
    x = matrix if dtype is None else matrix.to(dtype)
    x = x.T if tall else x  # the smaller of the two products X Xᵀ, Xᵀ X
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def _check_matrix(matrix: Tensor) -> None:
    check_floating_tensor("matrix", matrix)
    if matrix.dim() != 2:
        raise ValueError(f"matrix must have two dimensions, got shape {tuple(matrix.shape)}")


def _three_numbers(name: str, value: Any) -> None:
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        raise ValueError(f"{name} must be three finite numbers (a, b, c), got {value!r}")
    for i, one in enumerate(value):
        finite(f"{name}[{i}]", one)


def _number_of_steps(name: str, value: Any) -> None:
    check_integer(name, value, low=0, high=_MOST_STEPS)


def _dtype(name: str, value: Any) -> None:
    if value is not None:
        check_floating(name, value)


def _adjustment(name: str, value: Any) -> None:
    if value not in _ADJUSTMENTS:
        raise ValueError(f"{name} must be one of {_ADJUSTMENTS}, got {value!r}")


class Muon(MatrixMethod):
    r"""Momentum orthogonalised: sign descent for matrices, by their singular values.

    .. math::

        b_k &= \mu\, b_{k-1} + (1 - \mu)\, g_k, \quad b_0 = 0, \qquad
        d_k = \begin{cases} (1 - \mu)\, g_k + \mu\, b_k & \text{with nesterov} \\
              b_k & \text{without} \end{cases} \\
        x_{k+1} &= (1 - t_k \lambda)\, x_k - t_k\, r\, O(d_k)

    for each matrix :math:`x` of shape (n, m), with `lr` :math:`t_k`, `momentum` :math:`\mu` and
    `weight_decay` :math:`\lambda`. :math:`O` is :func:`orthogonalized`: it keeps the singular
    vectors and brings all singular values near 1. As the sign makes all elements of a vector's
    step equally long, :math:`O` makes all directions of a matrix's step equally long; directions
    in which gradients are rare and small are learned as fast as the others. The factor :math:`r`
    depends on the shape alone.

    Only matrices have singular vectors, and in a table of embeddings or a last layer they mean
    little. So the hidden layers' weights are for Muon, and a second optimizer such as AdamW takes
    the rest: biases, gains, embeddings, the last layer.

    Args:
        params: Matrices: parameters of two dimensions, floating-point. Others are refused.
        lr: Step size :math:`t_k`, a non-negative finite number (or a one-element tensor).
        weight_decay: :math:`\lambda`, a non-negative finite number.
        momentum: :math:`\mu`, a non-negative finite number; memories fade if it is below 1.
        nesterov: Look ahead.
        ns_coefficients: :math:`(a, b, c)` of the polynomial in :func:`orthogonalized`.
        eps: :math:`\epsilon` there.
        ns_steps: Number of its steps, from 0 to 99.
        adjust_lr_fn: :math:`r`: None or "original" for :math:`\sqrt{\max(1, n/m)}`, Jordan's;
            "match_rms_adamw" for :math:`0.2 \sqrt{\max(n, m)}`, with which the elements of a step
            are about as large as in AdamW, so that its `lr` can be taken over.
        maximize: Go up instead of down; the weights decay all the same.
        ns_dtype: What :func:`orthogonalized` computes in; None for the dtype of the parameters.

    Raises:
        ValueError: a parameter is no real matrix, or a hyper-parameter is outside its range.
        TypeError: an argument is of the wrong type.
        RuntimeError: a gradient is sparse (at the step).

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8))
        >>> matrices = [p for p in net.parameters() if p.dim() == 2]
        >>> muon = Muon(matrices, lr=0.1, weight_decay=0.0)
        >>> before = matrices[1].detach().clone()
        >>> net(torch.eye(4)).square().sum().backward()
        >>> muon.step()
        >>> step = (before - matrices[1].detach()) / 0.1
        >>> bool((torch.linalg.svdvals(step)[:4] > 0.6).all())
        True

    Source: Jordan et al., *Muon: an optimizer for hidden layers in neural networks*, 2024;
    "match_rms_adamw" and the weight decay are from Liu et al., *Muon is scalable for LLM training*,
    2025. It is newer than the lecture. In torch: ``torch.optim.Muon`` takes the same steps; it has
    no `maximize` and no `ns_dtype`, and takes NaN as a hyper-parameter, which is refused here.
    """

    states = {"b": "momentum_buffer"}  # noqa: RUF012
    checks = {  # noqa: RUF012
        "momentum": non_negative,
        "nesterov": flag,
        "ns_coefficients": _three_numbers,
        "eps": non_negative,
        "ns_steps": _number_of_steps,
        "adjust_lr_fn": _adjustment,
        "ns_dtype": _dtype,
    }
    coupled_weight_decay = False

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = NEWTON_SCHULZ,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        *,
        maximize: bool = False,
        ns_dtype: torch.dtype | None = torch.bfloat16,
    ) -> None:
        """Check the hyper-parameters and the shapes, and take in the parameters."""
        defaults: dict[str, Any] = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
            "maximize": maximize,
            "ns_dtype": ns_dtype,
        }
        super().__init__(params, defaults)

    def letters(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the letters t, λ and μ, and how the direction is made orthogonal."""
        return {
            "t": group["lr"],
            "decay": group["weight_decay"],
            "mu": group["momentum"],
            "nesterov": group["nesterov"],
            "coefficients": group["ns_coefficients"],
            "eps": group["eps"],
            "steps": group["ns_steps"],
            "dtype": group["ns_dtype"],
            "adjustment": group["adjust_lr_fn"],
        }

    @staticmethod
    def update(
        x: Tensor,
        g: Tensor,
        b: Tensor,
        *,
        t: float,
        decay: float,
        mu: float,
        nesterov: bool,
        coefficients: tuple[float, float, float],
        eps: float,
        steps: int,
        dtype: torch.dtype | None,
        adjustment: str | None,
    ) -> None:
        """Take one step: x_{k+1} = (1 - t_k λ) x_k - t_k r O(d_k)."""
        b.lerp_(g, 1 - mu)
        d = g.lerp(b, mu) if nesterov else b
        x *= 1 - t * decay
        o = orthogonalized(d, coefficients, steps, eps, dtype=dtype)
        x.sub_(o, alpha=t * shape_factor(x.shape, adjustment))


def shape_factor(shape: torch.Size, adjustment: str | None) -> float:
    """Return the factor r of a matrix of this shape."""
    n, m = shape
    if adjustment == "match_rms_adamw":
        return 0.2 * math.sqrt(max(n, m))
    return math.sqrt(max(1, n / max(1, m)))  # of an empty matrix too
