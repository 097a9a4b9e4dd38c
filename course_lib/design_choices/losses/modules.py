"""The losses as modules, for those who keep a loss in an object."""

from __future__ import annotations

from torch import Tensor, nn

from course_lib.arguments import check_flag, check_number
from course_lib.design_choices.losses.binary_cross_entropy import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
)
from course_lib.design_choices.losses.cross_entropy import (
    cross_entropy,
    cross_entropy_of_probabilities,
)
from course_lib.design_choices.losses.divergences import kl_divergence
from course_lib.design_choices.losses.reductions import Reduction, check_reduction
from course_lib.design_choices.losses.regression import huber_loss, l1_loss, mse_loss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "CrossEntropyOfProbabilitiesLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
]


class _Loss(nn.Module):
    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction = check_reduction(reduction)

    def extra_repr(self) -> str:
        """Tell the reduction."""
        return f"reduction={self.reduction!r}"


class _ValidatingLoss(_Loss):
    def __init__(self, *, reduction: Reduction = "mean", validate: bool = True) -> None:
        super().__init__(reduction=reduction)
        self.validate = check_flag("validate", validate)


class MSELoss(_Loss):
    """The module of :func:`~course_lib.design_choices.mse_loss`.

    Args:
        reduction: see :func:`~course_lib.design_choices.reduce`.

    Raises:
        TypeError, ValueError: no such reduction.

    Example:
        >>> import torch
        >>> MSELoss(reduction="sum")(torch.tensor([1.0, 2.0]), torch.zeros(2))
        tensor(5.)
    """

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss."""
        return mse_loss(outputs, targets, reduction=self.reduction)


class L1Loss(_Loss):
    """The module of :func:`~course_lib.design_choices.l1_loss`.

    Args:
        reduction: see :func:`~course_lib.design_choices.reduce`.

    Raises:
        TypeError, ValueError: no such reduction.

    Example:
        >>> import torch
        >>> L1Loss(reduction="sum")(torch.tensor([1.0, -2.0]), torch.zeros(2))
        tensor(3.)
    """

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss."""
        return l1_loss(outputs, targets, reduction=self.reduction)


class HuberLoss(_Loss):
    """The module of :func:`~course_lib.design_choices.huber_loss`.

    Args:
        delta: where square and absolute value meet, positive.
        reduction: see :func:`~course_lib.design_choices.reduce`.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> import torch
        >>> HuberLoss(delta=2.0)(torch.tensor([3.0]), torch.zeros(1))
        tensor(4.)
    """

    def __init__(self, *, delta: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.delta = check_number("delta", delta, above=0)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss."""
        return huber_loss(outputs, targets, delta=self.delta, reduction=self.reduction)


class BCELoss(_ValidatingLoss):
    """The module of :func:`~course_lib.design_choices.binary_cross_entropy`.

    Args:
        reduction: see :func:`~course_lib.design_choices.reduce`.
        validate: refuse what is no probability.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> import torch
        >>> BCELoss()(torch.tensor([0.5]), torch.tensor([1.0]))
        tensor(0.6931)
    """

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of probabilities."""
        return binary_cross_entropy(
            outputs, targets, reduction=self.reduction, validate=self.validate
        )


class BCEWithLogitsLoss(_ValidatingLoss):
    """The module of :func:`~course_lib.design_choices.binary_cross_entropy_with_logits`.

    Args:
        reduction: see :func:`~course_lib.design_choices.reduce`.
        validate: refuse targets that are no probabilities.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> import torch
        >>> BCEWithLogitsLoss()(torch.tensor([-200.0]), torch.tensor([1.0]))
        tensor(200.)
    """

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of logits."""
        return binary_cross_entropy_with_logits(
            outputs, targets, reduction=self.reduction, validate=self.validate
        )


class CrossEntropyLoss(_ValidatingLoss):
    """The module of :func:`~course_lib.design_choices.cross_entropy`.

    Args:
        label_smoothing: torch's, from 0 to 1.
        reduction: see :func:`~course_lib.design_choices.reduce`.
        validate: refuse labels out of range and targets that are no distributions.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> import torch
        >>> CrossEntropyLoss()(torch.zeros(1, 4), torch.tensor([2]))
        tensor(1.3863)
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        validate: bool = True,
    ) -> None:
        super().__init__(reduction=reduction, validate=validate)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, low=0, high=1)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of logits."""
        return cross_entropy(
            outputs,
            targets,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
            validate=self.validate,
        )


class CrossEntropyOfProbabilitiesLoss(_ValidatingLoss):
    """The module of :func:`~course_lib.design_choices.cross_entropy_of_probabilities`.

    Args:
        reduction: see :func:`~course_lib.design_choices.reduce`.
        validate: refuse what is no label or distribution.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> import torch
        >>> CrossEntropyOfProbabilitiesLoss()(torch.tensor([[0.5, 0.5]]), torch.tensor([1]))
        tensor(0.6931)
    """

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of probabilities."""
        return cross_entropy_of_probabilities(
            outputs, targets, reduction=self.reduction, validate=self.validate
        )


class KLDivLoss(_ValidatingLoss):
    """The module of :func:`~course_lib.design_choices.kl_divergence`, outputs first.

    Distributions lie along the last dimension.

    Args:
        log_outputs: the outputs are log-probabilities.
        reduction: see :func:`~course_lib.design_choices.reduce`.
        validate: refuse what is no distribution.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> import torch
        >>> KLDivLoss()(torch.tensor([[0.9, 0.1]]), torch.tensor([[0.5, 0.5]]))
        tensor(0.5108)
    """

    def __init__(
        self,
        *,
        log_outputs: bool = False,
        reduction: Reduction = "mean",
        validate: bool = True,
    ) -> None:
        super().__init__(reduction=reduction, validate=validate)
        self.log_outputs = check_flag("log_outputs", log_outputs)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return KL(targets ‖ outputs)."""
        return kl_divergence(
            targets,
            outputs,
            log_outputs=self.log_outputs,
            reduction=self.reduction,
            validate=self.validate,
        )
