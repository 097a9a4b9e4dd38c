"""Losses of regression: squared, absolute, and Huber's between the two."""

from __future__ import annotations

from torch import Tensor

from course_lib.arguments import check_number
from course_lib.design_choices.losses.reductions import Reduction, reduce
from course_lib.design_choices.tensor_checks import (
    check_alike,
    check_tensor,
    in_working_precision,
)

__all__ = ["huber_loss", "l1_loss", "mse_loss"]


def mse_loss(outputs: Tensor, targets: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    r"""Return the squared error :math:`(\hat y - y)^2`, by default its mean over all elements.

    The lecture writes :math:`\|\hat y_i-y_i\|_2^2`, the sum over the outputs of sample i:
    ``reduction="batchmean"`` is its mean over the samples, larger than ``"mean"`` by the number of
    outputs.

    Args:
        outputs: :math:`\hat y`, samples along the first dimension.
        targets: :math:`y`, of the same shape, dtype and device: nothing broadcasts.
        reduction: see :func:`~course_lib.design_choices.reduce`.

    Returns:
        Shape (), or that of the outputs for ``reduction="none"``. Half precision is computed in
        float32. Infinite or NaN outputs give an infinite or NaN loss.

    Raises:
        TypeError, ValueError: no floating-point tensors, or not alike; no such reduction.

    Example:
        >>> import torch
        >>> mse_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0]]))
        tensor(2.5000)

    Source: slide 12. In torch: ``torch.nn.functional.mse_loss``, which broadcasts with a warning.
    """
    return reduce(_residuals(outputs, targets).square(), reduction).to(outputs.dtype)


def l1_loss(outputs: Tensor, targets: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    r"""Return the absolute error :math:`|\hat y - y|`, by default its mean over all elements.

    Its slope does not grow with the error, so a far outlier pulls no harder than a near one. At an
    error of 0 the derivative is set to 0, a subgradient.

    Args:
        outputs: :math:`\hat y`, samples along the first dimension.
        targets: :math:`y`, of the same shape, dtype and device: nothing broadcasts.
        reduction: see :func:`~course_lib.design_choices.reduce`.

    Returns:
        Shape (), or that of the outputs for ``reduction="none"``.

    Raises:
        TypeError, ValueError: no floating-point tensors, or not alike; no such reduction.

    Example:
        >>> import torch
        >>> l1_loss(torch.tensor([1.0, -2.0]), torch.tensor([0.0, 0.0]))
        tensor(1.5000)

    Source: slide 12. In torch: ``torch.nn.functional.l1_loss``, which broadcasts with a warning.
    """
    return reduce(_residuals(outputs, targets).abs(), reduction).to(outputs.dtype)


def huber_loss(
    outputs: Tensor, targets: Tensor, *, delta: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    r"""Return Huber's loss: half the square of small errors, the absolute value of large ones.

    .. math::

        \ell(r) = \begin{cases} \frac12 r^2 & |r| \le \delta \\
        \delta\,(|r| - \frac12\delta) & |r| > \delta \end{cases}
        \;=\; c\,(r - \tfrac12 c), \qquad r = \hat y - y,\ c = \min(\max(r, -\delta), \delta)

    where :math:`c`, the residual clipped at :math:`\pm\delta`, is also the derivative.

    Args:
        outputs: :math:`\hat y`, samples along the first dimension.
        targets: :math:`y`, of the same shape, dtype and device: nothing broadcasts.
        delta: :math:`\delta`, positive: where the two pieces meet.
        reduction: see :func:`~course_lib.design_choices.reduce`.

    Returns:
        Shape (), or that of the outputs for ``reduction="none"``.

    Raises:
        TypeError, ValueError: no floating-point tensors, or not alike; ``delta`` is not a positive
            finite number; no such reduction.

    Example:
        >>> import torch
        >>> huber_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), reduction="none")
        tensor([0.1250, 2.5000])

    Source: Huber, *Robust estimation of a location parameter*, Annals of Mathematical Statistics 35
    (1964). In torch: ``torch.nn.functional.huber_loss``.
    """
    delta = check_number("delta", delta, above=0)
    residuals = _residuals(outputs, targets)
    clipped = residuals.clamp(-delta, delta)
    return reduce(clipped * (residuals - clipped / 2), reduction).to(outputs.dtype)


def _residuals(outputs: Tensor, targets: Tensor) -> Tensor:
    check_tensor("outputs", outputs)
    check_alike("targets", targets, "outputs", outputs)
    return in_working_precision(outputs) - in_working_precision(targets)
