"""Entropy, and the Kullback-Leibler divergence between two distributions."""

from __future__ import annotations

from torch import Tensor

from course_lib.arguments import check_flag
from course_lib.design_choices.losses.reductions import Reduction, reduce
from course_lib.design_choices.tensor_checks import (
    check_alike,
    check_dimension,
    check_distributions,
    check_log_distributions,
    check_tensor,
    in_working_precision,
)

__all__ = ["entropy", "kl_divergence"]


def entropy(p: Tensor, dim: int = -1, *, validate: bool = True) -> Tensor:
    r"""Return the entropy :math:`H(p)=-\sum_i p_i\ln p_i` of distributions, in nats.

    Args:
        p: probabilities, summing to 1 along ``dim``.
        dim: the dimension along which a distribution lies.
        validate: refuse what is no distribution. Needs a look at the values on the host.

    Returns:
        The shape of ``p`` without ``dim``. An entry 0 counts 0, with derivative 0 (the limit of the
        true one is infinite).

    Raises:
        TypeError, ValueError: no floating-point tensor, empty, without ``dim``, or (with
            ``validate``) no distribution.

    Example:
        >>> import torch
        >>> entropy(torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]))
        tensor([0.6931, 0.0000])

    In torch: ``torch.distributions.Categorical(p).entropy()``; in scipy: ``scipy.stats.entropy``.
    """
    dim = check_dimension(dim, check_tensor("p", p))
    if check_flag("validate", validate):
        check_distributions("p", p, dim)
    exact = in_working_precision(p)
    return (exact * -exact.masked_fill(exact == 0, 1).log()).sum(dim).to(p.dtype)


def kl_divergence(
    targets: Tensor,
    outputs: Tensor,
    *,
    dim: int = -1,
    log_outputs: bool = False,
    reduction: Reduction = "mean",
    validate: bool = True,
) -> Tensor:
    r"""Return the Kullback-Leibler divergence of the outputs from the targets,

    .. math::

        \mathrm{KL}(y\,\|\,\hat y) = \sum_i y_i \ln\frac{y_i}{\hat y_i} \;\ge\; 0,

    the cross-entropy minus its minimum, the entropy of :math:`y`. It is not symmetric: **the
    targets come first, as in the formula**. It is infinite where an outcome of the targets has
    probability 0 in the outputs. An outcome of target 0 counts 0, in value and derivative.

    Args:
        targets: :math:`y`, probabilities, summing to 1 along ``dim``.
        outputs: :math:`\hat y`, of the same shape, dtype and device: probabilities, or their
            logarithms if ``log_outputs``.
        dim: the dimension along which a distribution lies.
        log_outputs: the outputs are log-probabilities, as from
            :func:`~course_lib.design_choices.log_softmax`, and lose no digits near 0.
        reduction: see :func:`~course_lib.design_choices.reduce`; one divergence for each
            distribution, so that ``"mean"`` is their mean.
        validate: refuse what is no distribution. Needs a look at the values on the host.

    Returns:
        Shape (), or that of the targets without ``dim`` for ``reduction="none"``.

    Raises:
        TypeError, ValueError: no floating-point tensors, not alike, without ``dim``, or (with
            ``validate``) no distributions; no such reduction.

    Example:
        >>> import torch
        >>> p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1])
        >>> kl_divergence(p, q), kl_divergence(q, p)
        (tensor(0.5108), tensor(0.3681))

    Source: slide 12; Kullback and Leibler, *On information and sufficiency*, Annals of Mathematical
    Statistics 22 (1951). In torch: ``torch.nn.functional.kl_div``, which takes the outputs first,
    as logarithms, and whose ``"mean"`` divides by the number of all elements: there ``"batchmean"``
    is the divergence.
    """
    dim = check_dimension(dim, check_tensor("targets", targets))
    check_alike("outputs", outputs, "targets", targets)
    check_flag("log_outputs", log_outputs)
    if check_flag("validate", validate):
        check_distributions("targets", targets, dim)
        _check_outputs(outputs, dim, log_outputs)
    y, y_hat = in_working_precision(targets), in_working_precision(outputs)
    never = y == 0
    log_y = y.masked_fill(never, 1).log()
    log_y_hat = y_hat if log_outputs else y_hat.masked_fill(never, 1).log()
    log_y_hat = log_y_hat.masked_fill(never, 0)
    return reduce((y * (log_y - log_y_hat)).sum(dim), reduction).to(targets.dtype)


def _check_outputs(outputs: Tensor, dim: int, log_outputs: bool) -> None:
    if log_outputs:
        check_log_distributions("outputs", outputs, dim)
    else:
        check_distributions("outputs", outputs, dim, allow_nan=True)
