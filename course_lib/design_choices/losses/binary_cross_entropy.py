"""Cross-entropy for two classes, of probabilities and of logits."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_flag
from course_lib.design_choices.losses.reductions import Reduction, reduce
from course_lib.design_choices.outputs import log_sigmoid
from course_lib.design_choices.tensor_checks import (
    check_alike,
    check_probabilities,
    check_tensor,
    in_working_precision,
)

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]


def binary_cross_entropy(
    outputs: Tensor, targets: Tensor, *, reduction: Reduction = "mean", validate: bool = True
) -> Tensor:
    r"""Return the cross-entropy of probabilities for class 1,

    .. math::

        \ell(\hat y, y) = -y\ln\hat y - (1-y)\ln(1-\hat y).

    (The slide has lost the minus before the first term.) A term with factor 0 counts 0. So at
    :math:`\hat y=y\in\{0,1\}` the loss is 0; at :math:`\hat y=1-y` it is infinite, and so is its
    derivative.

    Args:
        outputs: :math:`\hat y`, probabilities of class 1. NaN gives a NaN loss.
        targets: :math:`y` in [0, 1], of the same shape, dtype and device: nothing broadcasts.
        reduction: see :func:`~course_lib.design_choices.reduce`.
        validate: refuse outputs and targets outside [0, 1]. Needs a look at the values on the host.

    Returns:
        Shape (), or that of the outputs for ``reduction="none"``.

    Raises:
        TypeError, ValueError: no floating-point tensors, not alike, or (with ``validate``) no
            probabilities; no such reduction.

    Example:
        >>> binary_cross_entropy(torch.tensor([0.5, 1.0]), torch.tensor([1.0, 1.0]))
        tensor(0.3466)

    Source: slide 12. In torch: ``torch.nn.functional.binary_cross_entropy`` cuts the logarithms off
    at −100, and the derivative's denominator :math:`\hat y(1-\hat y)` at :math:`10^{-12}`. Prefer
    :func:`binary_cross_entropy_with_logits`, which needs no cut.
    """
    check_alike("targets", targets, "outputs", check_tensor("outputs", outputs))
    if check_flag("validate", validate):
        check_probabilities("outputs", outputs, allow_nan=True)
        check_probabilities("targets", targets)
    p, y = in_working_precision(outputs), in_working_precision(targets)
    # 0 ln 0 counts 0: there the logarithm is taken of 1 instead, also for the gradient's sake.
    log_p = torch.where((y == 0) & (p == 0), 1, p).log()
    log_q = torch.where((y == 1) & (p == 1), 0, -p).log1p()
    return reduce(-(y * log_p + (1 - y) * log_q), reduction).to(outputs.dtype)


def binary_cross_entropy_with_logits(
    outputs: Tensor, targets: Tensor, *, reduction: Reduction = "mean", validate: bool = True
) -> Tensor:
    r"""Return the cross-entropy of the probabilities :math:`\sigma(z)`, computed from :math:`z`,

    .. math::

        \ell(z, y) = -y\ln\sigma(z) - (1-y)\ln\sigma(-z).

    The derivative is :math:`\sigma(z)-y`. No finite logit is too large: for a confidently wrong
    one the loss is about :math:`|z|`.

    Args:
        outputs: logits :math:`z`. Infinite ones and NaN give NaN.
        targets: :math:`y` in [0, 1], of the same shape, dtype and device: nothing broadcasts.
        reduction: see :func:`~course_lib.design_choices.reduce`.
        validate: refuse targets outside [0, 1]. Needs a look at the values on the host.

    Returns:
        Shape (), or that of the outputs for ``reduction="none"``.

    Raises:
        TypeError, ValueError: no floating-point tensors, not alike, or (with ``validate``) targets
            that are no probabilities; no such reduction.

    Example:
        >>> binary_cross_entropy_with_logits(torch.tensor([-200.0, 0.0]), torch.ones(2),
        ...     reduction="none")
        tensor([200.0000,   0.6931])

    Source: slide 12. In torch: ``torch.nn.functional.binary_cross_entropy_with_logits``.
    """
    check_alike("targets", targets, "outputs", check_tensor("outputs", outputs))
    if check_flag("validate", validate):
        check_probabilities("targets", targets)
    z, y = in_working_precision(outputs), in_working_precision(targets)
    losses = -(y * log_sigmoid(z) + (1 - y) * log_sigmoid(-z))
    return reduce(losses, reduction).to(outputs.dtype)
