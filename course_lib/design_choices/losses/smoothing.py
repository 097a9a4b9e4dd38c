"""Label smoothing, in the lecture's parametrisation and in torch's."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_integer, check_number
from course_lib.design_choices.outputs import one_hot

__all__ = [
    "mix_labels_with_uniform",
    "smooth_labels",
    "to_lecture_smoothing",
    "to_torch_smoothing",
]


def smooth_labels(
    labels: Tensor,
    classes: int,
    eps: float,
    *,
    dtype: torch.dtype | None = None,
    validate: bool = True,
) -> Tensor:
    r"""Return the lecture's soft targets: :math:`\varepsilon` everywhere, the rest at the label.

    .. math::

        y_i = \begin{cases} 1-(K-1)\,\varepsilon & i = k \\ \varepsilon & i \ne k \end{cases}
        \qquad\text{that is,}\qquad y = \varepsilon\mathbf 1 + (1-K\varepsilon)\,e_k

    Args:
        labels: integers k from 0 to K − 1, any shape, at least one.
        classes: the number K of classes, at least 2 (the slide calls it m).
        eps: :math:`\varepsilon`, at least 0 and below 1/K, where the label would be lost.
        dtype: of the result, a floating-point type; None for torch's default.
        validate: as for :func:`~course_lib.design_choices.one_hot`.

    Returns:
        Distributions of shape (…, K).

    Raises:
        TypeError, ValueError: as for :func:`~course_lib.design_choices.one_hot`; ``eps`` is out of
            its range.

    Example:
        >>> smooth_labels(torch.tensor([1]), 4, 0.1)
        tensor([[0.1000, 0.7000, 0.1000, 0.1000]])

    Source: slide 12; Szegedy and others, *Rethinking the Inception architecture for computer
    vision*, CVPR 2016. Torch knows :func:`mix_labels_with_uniform` instead.
    """
    check_integer("classes", classes, low=2)
    eps = check_number("eps", eps, low=0, below=1 / classes)
    hot = one_hot(labels, classes, dtype=dtype, validate=validate)
    return eps + (1 - classes * eps) * hot


def mix_labels_with_uniform(
    labels: Tensor,
    classes: int,
    label_smoothing: float,
    *,
    dtype: torch.dtype | None = None,
    validate: bool = True,
) -> Tensor:
    r"""Return torch's soft targets, a mixture of label and uniform distribution.

    .. math::

        y = (1-\varepsilon')\,e_k + \varepsilon'\,\tfrac1K \mathbf 1

    Args:
        labels: integers k from 0 to K − 1, any shape, at least one.
        classes: the number K of classes, at least 2.
        label_smoothing: :math:`\varepsilon'`, from 0 to 1.
        dtype: of the result, a floating-point type; None for torch's default.
        validate: as for :func:`~course_lib.design_choices.one_hot`.

    Returns:
        Distributions of shape (…, K): those of :func:`smooth_labels` for
        :math:`\varepsilon'=K\varepsilon`.

    Raises:
        TypeError, ValueError: as for :func:`~course_lib.design_choices.one_hot`;
            ``label_smoothing`` is out of its range.

    Example:
        >>> mix_labels_with_uniform(torch.tensor([1]), 4, 0.4)
        tensor([[0.1000, 0.7000, 0.1000, 0.1000]])

    Source: Szegedy and others 2016. In torch: the argument ``label_smoothing`` of
    ``torch.nn.functional.cross_entropy``.
    """
    check_integer("classes", classes, low=2)
    epsilon = check_number("label_smoothing", label_smoothing, low=0, high=1)
    hot = one_hot(labels, classes, dtype=dtype, validate=validate)
    return (1 - epsilon) * hot + epsilon / classes


def to_torch_smoothing(eps: float, classes: int) -> float:
    r"""Return torch's :math:`\varepsilon'=K\varepsilon` for the lecture's :math:`\varepsilon`.

    Args:
        eps: :math:`\varepsilon`, at least 0 and below 1/K.
        classes: the number K of classes, at least 2.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> to_torch_smoothing(0.025, 4)
        0.1
    """
    check_integer("classes", classes, low=2)
    return classes * check_number("eps", eps, low=0, below=1 / classes)


def to_lecture_smoothing(label_smoothing: float, classes: int) -> float:
    r"""Return the lecture's :math:`\varepsilon=\varepsilon'/K` for torch's :math:`\varepsilon'`.

    Args:
        label_smoothing: :math:`\varepsilon'`, at least 0 and below 1.
        classes: the number K of classes, at least 2.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> to_lecture_smoothing(0.1, 4)
        0.025
    """
    check_integer("classes", classes, low=2)
    return check_number("label_smoothing", label_smoothing, low=0, below=1) / classes
