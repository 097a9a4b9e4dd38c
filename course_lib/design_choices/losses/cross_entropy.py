"""Cross-entropy for several classes, of logits and of probabilities."""

from __future__ import annotations

from torch import Tensor

from course_lib.arguments import check_flag, check_number
from course_lib.design_choices.losses.reductions import Reduction, reduce
from course_lib.design_choices.outputs import log_softmax
from course_lib.design_choices.tensor_checks import (
    check_alike,
    check_distributions,
    check_labels,
    check_same_device,
    check_tensor,
    in_working_precision,
)

__all__ = ["cross_entropy", "cross_entropy_of_probabilities"]


def cross_entropy(
    outputs: Tensor,
    targets: Tensor,
    *,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    validate: bool = True,
) -> Tensor:
    r"""Return the cross-entropy of the probabilities softmax(z), computed from the logits z,

    .. math::

        \ell(z, y) = -\sum_i y_i \ln p_i, \qquad p = \mathrm{softmax}(z).

    For a class label k, :math:`y=e_k`, it is :math:`-\ln p_k`. The derivative is :math:`p-y`. The
    net must not end with a softmax: it is inside.

    Args:
        outputs: logits, shape (N, K) or (N, K, …), or (K,) for one sample. Minus infinity rules a
            class out. Plus infinity, NaN, or all classes ruled out give a NaN loss.
        targets: class labels, integers of the outputs' shape without K; or distributions over the
            classes, of the outputs' shape, dtype and device. Nothing broadcasts.
        label_smoothing: :math:`\varepsilon'` in [0, 1]: targets become
            :math:`(1-\varepsilon')\,y+\varepsilon'/K`, see
            :func:`~course_lib.design_choices.mix_labels_with_uniform`.
        reduction: see :func:`~course_lib.design_choices.reduce`; one loss for each sample
            (and place), so that ``"mean"`` is the mean over samples.
        validate: refuse labels out of range and targets that are no distributions. Needs a look at
            the values on the host; without it a wrong label is torch's error, or nobody's.

    Returns:
        Shape (), or the outputs' shape without K for ``reduction="none"``.

    Raises:
        TypeError, ValueError: wrong types, shapes or devices; labels or distributions that are
            none; ``label_smoothing`` outside [0, 1]; no such reduction.

    Example:
        >>> import torch
        >>> z = torch.tensor([[2.0, 0.0, 0.0]])
        >>> cross_entropy(z, torch.tensor([0])), cross_entropy(z, torch.tensor([[0.5, 0.5, 0.0]]))
        (tensor(0.2395), tensor(1.2395))

    Source: slide 12. In torch: ``torch.nn.functional.cross_entropy``, which takes any soft targets,
    distributions or not, gives NaN for a target of 0 on a class ruled out (here it counts 0), and
    has weights of classes and a label to be ignored.
    """
    epsilon = check_number("label_smoothing", label_smoothing, low=0, high=1)
    dim = _classes_dim(outputs)
    y = _checked_targets(outputs, targets, dim, validate)
    log_p = log_softmax(in_working_precision(outputs), dim, validate=False)
    if y.is_floating_point():
        # 0 times the -inf of a class ruled out counts 0.
        losses = -(y * log_p.masked_fill((y == 0) & log_p.isneginf(), 0)).sum(dim)
    else:
        losses = -_at_labels(log_p, y, dim)
    if epsilon > 0:
        losses = (1 - epsilon) * losses - epsilon * log_p.mean(dim)
    return reduce(losses, reduction).to(outputs.dtype)


def cross_entropy_of_probabilities(
    outputs: Tensor, targets: Tensor, *, reduction: Reduction = "mean", validate: bool = True
) -> Tensor:
    r"""Return the slide's cross-entropy :math:`-\sum_i y_i\ln\hat y_i` of probabilities.

    A term with :math:`y_i=0` counts 0. If the class that is true has probability 0, loss and
    derivative are infinite; :func:`cross_entropy`, on logits, does not run into this.

    Args:
        outputs: distributions :math:`\hat y` over the classes, such as softmax makes; shape (N, K)
            or (N, K, …), or (K,) for one sample. NaN gives a NaN loss.
        targets: class labels, integers of the outputs' shape without K; or distributions over the
            classes, of the outputs' shape, dtype and device. Nothing broadcasts.
        reduction: see :func:`~course_lib.design_choices.reduce`; one loss for each sample.
        validate: refuse what is no label or distribution. Needs a look at the values on the host.

    Returns:
        Shape (), or the outputs' shape without K for ``reduction="none"``.

    Raises:
        TypeError, ValueError: wrong types, shapes or devices; labels or distributions that are
            none; no such reduction.

    Example:
        >>> import torch
        >>> cross_entropy_of_probabilities(torch.tensor([[0.25, 0.75]]), torch.tensor([0]))
        tensor(1.3863)

    Source: slide 12. In torch: ``torch.nn.functional.nll_loss`` of the logarithm, for labels.
    """
    dim = _classes_dim(outputs)
    y = _checked_targets(outputs, targets, dim, validate)
    if validate:
        check_distributions("outputs", outputs, dim, allow_nan=True)
    p = in_working_precision(outputs)
    if y.is_floating_point():
        # 0 ln 0 counts 0: there the logarithm is taken of 1 instead, also for the gradient's sake.
        losses = -(y * p.masked_fill((y == 0) & (p == 0), 1).log()).sum(dim)
    else:
        losses = -_at_labels(p, y, dim).log()
    return reduce(losses, reduction).to(outputs.dtype)


def _classes_dim(outputs: Tensor) -> int:
    if check_tensor("outputs", outputs).dim() == 0:
        raise ValueError("outputs must have a dimension of classes, got shape ()")
    return min(1, outputs.dim() - 1)


def _checked_targets(outputs: Tensor, targets: Tensor, dim: int, validate: bool) -> Tensor:
    """Return labels as int64, or distributions in working precision."""
    check_flag("validate", validate)
    soft, shape = tuple(outputs.shape), (*outputs.shape[:dim], *outputs.shape[dim + 1 :])
    allowed = f"integer labels of shape {shape} or distributions of shape {soft}"
    if not isinstance(targets, Tensor):
        raise TypeError(f"targets must be {allowed}, got {targets!r}")
    if targets.is_floating_point() and targets.shape == outputs.shape:
        check_alike("targets", targets, "outputs", outputs)
        if validate:
            check_distributions("targets", targets, dim)
        return in_working_precision(targets)
    if targets.is_floating_point() or targets.shape != shape:
        raise ValueError(
            f"targets must be {allowed}, got {targets.dtype} of shape {tuple(targets.shape)}"
        )
    check_same_device("targets", targets, "outputs", outputs)
    return check_labels("targets", targets, outputs.shape[dim], validate=validate)


def _at_labels(values: Tensor, labels: Tensor, dim: int) -> Tensor:
    return values.gather(dim, labels.unsqueeze(dim)).squeeze(dim)
