"""Losses: how far outputs are from targets, each written from elementary operations.

They take ``(outputs, targets)`` in torch's order, never broadcast, and work in the dtype and on
the device of what they are given. Outputs that are not finite give a loss that is not finite, so
that a training loop notices; targets that make no sense are refused.
"""

from course_lib.design_choices.losses.binary_cross_entropy import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
)
from course_lib.design_choices.losses.cross_entropy import (
    cross_entropy,
    cross_entropy_of_probabilities,
)
from course_lib.design_choices.losses.divergences import entropy, kl_divergence
from course_lib.design_choices.losses.modules import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    CrossEntropyOfProbabilitiesLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
)
from course_lib.design_choices.losses.reductions import Reduction, reduce
from course_lib.design_choices.losses.regression import huber_loss, l1_loss, mse_loss
from course_lib.design_choices.losses.sinkhorn import SinkhornPlan, sinkhorn
from course_lib.design_choices.losses.smoothing import (
    mix_labels_with_uniform,
    smooth_labels,
    to_lecture_smoothing,
    to_torch_smoothing,
)
from course_lib.design_choices.losses.wasserstein import histogram_wasserstein, wasserstein_1d

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "CrossEntropyOfProbabilitiesLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "Reduction",
    "SinkhornPlan",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "cross_entropy_of_probabilities",
    "entropy",
    "histogram_wasserstein",
    "huber_loss",
    "kl_divergence",
    "l1_loss",
    "mix_labels_with_uniform",
    "mse_loss",
    "reduce",
    "sinkhorn",
    "smooth_labels",
    "to_lecture_smoothing",
    "to_torch_smoothing",
    "wasserstein_1d",
]
