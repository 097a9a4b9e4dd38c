"""Output activations: what turns the numbers of the last layer into a guess of the right kind."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.arguments import check_flag, check_floating, check_integer
from course_lib.design_choices.tensor_checks import (
    check_dimension,
    check_labels,
    check_tensor,
    in_working_precision,
)

__all__ = [
    "Identity",
    "LogSoftmax",
    "Softmax",
    "identity",
    "log_sigmoid",
    "log_softmax",
    "one_hot",
    "softmax",
]


def identity(z: Tensor) -> Tensor:
    r"""Return :math:`z` itself: the output activation of regression, onto the whole line.

    Args:
        z: outputs of the last layer, any shape.

    Returns:
        The same tensor.

    Raises:
        TypeError, ValueError: ``z`` is no floating-point tensor or is empty.

    Example:
        >>> identity(torch.tensor([-3.0, 0.5]))
        tensor([-3.0000,  0.5000])

    Source: slide 11. In torch: ``torch.nn.Identity``.
    """
    return check_tensor("z", z)


def softmax(z: Tensor, dim: int = -1, *, validate: bool = True) -> Tensor:
    r"""Return positive numbers of sum 1, in proportion to :math:`e^{z_i}`.

    .. math::

        p_i = \frac{e^{z_i}}{\sum_j e^{z_j}} = \frac{e^{z_i-\max z}}{\sum_j e^{z_j-\max z}}

    The two forms are equal, since a common factor cancels. The second is computed: no exponent is
    above 0, so nothing overflows, and one exponent is 0, so the sum is at least 1. The maximum is a
    constant for the derivative, which loses nothing for the same reason.

    Args:
        z: logits, any shape with at least one dimension. Minus infinity is allowed and stands for a
            class that is ruled out: probability 0, gradient 0.
        dim: the dimension along which the classes lie.
        validate: refuse NaN, plus infinity, and slices in which every class is ruled out. Needs a
            look at the values on the host; with False such slices become NaN.

    Returns:
        Probabilities in the shape and dtype of ``z``; computed in float32 for half precision.

    Raises:
        TypeError, ValueError: ``z`` is no floating-point tensor, is empty, has no dimension
            ``dim``, or (with ``validate``) has a slice whose softmax does not exist.

    Example:
        >>> softmax(torch.tensor([1000.0, 1000.0, -float("inf")]))
        tensor([0.5000, 0.5000, 0.0000])

    Source: slide 11; Bridle, *Probabilistic interpretation of feedforward classification network
    outputs*, 1990. In torch: ``torch.softmax``, which returns NaN where this refuses.
    """
    dim = check_dimension(dim, check_tensor("z", z))
    _check_logits(z, dim, validate)
    exact = in_working_precision(z)
    shifted = exact - exact.amax(dim, keepdim=True).detach()
    powers = shifted.exp()
    return (powers / powers.sum(dim, keepdim=True)).to(z.dtype)


def log_softmax(z: Tensor, dim: int = -1, *, validate: bool = True) -> Tensor:
    r"""Return the logarithm of :func:`softmax`, exact also where the probability underflows to 0.

    .. math::

        \ln p_i = z_i - \max z - \ln \sum_j e^{z_j - \max z}

    Args:
        z: logits, any shape with at least one dimension; minus infinity rules a class out.
        dim: the dimension along which the classes lie.
        validate: as for :func:`softmax`.

    Returns:
        Log-probabilities in the shape and dtype of ``z``.

    Raises:
        TypeError, ValueError: as for :func:`softmax`.

    Example:
        >>> log_softmax(torch.tensor([0.0, 1000.0]))
        tensor([-1000.,     0.])

    Source: slide 11. In torch: ``torch.log_softmax``, which returns NaN where this refuses.
    """
    dim = check_dimension(dim, check_tensor("z", z))
    _check_logits(z, dim, validate)
    exact = in_working_precision(z)
    shifted = exact - exact.amax(dim, keepdim=True).detach()
    return (shifted - shifted.exp().sum(dim, keepdim=True).log()).to(z.dtype)


def log_sigmoid(z: Tensor) -> Tensor:
    r"""Return :math:`\ln \sigma(z) = -\ln(1 + e^{-z})`, exact where :math:`\sigma(z)` is 0 or 1.

    .. math::

        \ln\sigma(z) = \begin{cases} -\ln(1 + e^{-z}) & z > 0 \\ z - \ln(1 + e^{z}) & z \le 0
        \end{cases}

    Each form would overflow, or lose its digits, on the other's side.

    Args:
        z: logits, any shape.

    Returns:
        Log-probabilities in the shape and dtype of ``z``.

    Raises:
        TypeError, ValueError: ``z`` is no floating-point tensor or is empty.

    Example:
        >>> log_sigmoid(torch.tensor([-1000.0, 0.0, 1000.0]))
        tensor([-1.0000e+03, -6.9315e-01, -0.0000e+00])

    In torch: ``torch.nn.functional.logsigmoid``.
    """
    exact = in_working_precision(check_tensor("z", z))
    # The clamps keep the branch that is not taken finite, and so its gradient.
    above = -torch.log1p(torch.exp(-exact.clamp(min=0)))
    below = exact - torch.log1p(torch.exp(exact.clamp(max=0)))
    return torch.where(exact > 0, above, below).to(z.dtype)


def one_hot(
    labels: Tensor, classes: int, *, dtype: torch.dtype | None = None, validate: bool = True
) -> Tensor:
    r"""Return for each label :math:`k` the unit vector :math:`e_k`: 1 at place k, 0 elsewhere.

    Args:
        labels: integers from 0 to ``classes`` − 1, any shape, at least one.
        classes: the number K of classes, at least 1.
        dtype: of the result, a floating-point type; None for torch's default.
        validate: refuse labels out of range. Needs a look at the values on the host; with False
            such a label becomes a row of zeros.

    Returns:
        Shape (…, K), on the device of ``labels``.

    Raises:
        TypeError, ValueError: ``labels`` are no integers, are empty or out of range; ``classes`` is
            no positive integer; ``dtype`` is not floating-point.

    Example:
        >>> one_hot(torch.tensor([2, 0]), 3)
        tensor([[0., 0., 1.],
                [1., 0., 0.]])

    Source: slide 11. In torch: ``torch.nn.functional.one_hot``, which returns integers and guesses
    the number of classes when it is not told.
    """
    check_integer("classes", classes, low=1)
    dtype = torch.get_default_dtype() if dtype is None else check_floating("dtype", dtype)
    labels = check_labels("labels", labels, classes, validate=check_flag("validate", validate))
    return (labels.unsqueeze(-1) == torch.arange(classes, device=labels.device)).to(dtype)


def _check_logits(z: Tensor, dim: int, validate: bool) -> None:
    if not check_flag("validate", validate):
        return
    largest = z.detach().amax(dim)  # NaN if any is
    if bool(largest.isfinite().all()):
        return
    if bool(largest.isnan().any()):
        raise ValueError("z must be numbers or -inf, got NaN")
    if bool((largest == float("inf")).any()):
        raise ValueError("z must be finite or -inf, got inf")
    raise ValueError(f"z must leave one class possible in each slice along dim {dim}, got all -inf")


class Identity(nn.Module):
    """The module of :func:`identity`.

    Example:
        >>> Identity()(torch.tensor([-3.0]))
        tensor([-3.])
    """

    def forward(self, z: Tensor) -> Tensor:
        """Return ``z``."""
        return identity(z)


class _AlongClasses(nn.Module):
    def __init__(self, dim: int = -1, *, validate: bool = True) -> None:
        super().__init__()
        if isinstance(dim, bool) or not isinstance(dim, int):
            raise TypeError(f"dim must be an integer, got {dim!r}")
        self.dim, self.validate = dim, check_flag("validate", validate)

    def extra_repr(self) -> str:
        """Tell the dimension of the classes."""
        return f"dim={self.dim}"


class Softmax(_AlongClasses):
    """The module of :func:`softmax`.

    Args:
        dim: the dimension along which the classes lie.
        validate: refuse slices whose softmax does not exist.

    Raises:
        TypeError: ``dim`` is no integer or ``validate`` no bool.

    Example:
        >>> Softmax()(torch.zeros(1, 4))
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def forward(self, z: Tensor) -> Tensor:
        """Return the probabilities of the logits ``z``."""
        return softmax(z, self.dim, validate=self.validate)


class LogSoftmax(_AlongClasses):
    """The module of :func:`log_softmax`.

    Args:
        dim: the dimension along which the classes lie.
        validate: refuse slices whose softmax does not exist.

    Raises:
        TypeError: ``dim`` is no integer or ``validate`` no bool.

    Example:
        >>> LogSoftmax()(torch.zeros(1, 2))
        tensor([[-0.6931, -0.6931]])
    """

    def forward(self, z: Tensor) -> Tensor:
        """Return the log-probabilities of the logits ``z``."""
        return log_softmax(z, self.dim, validate=self.validate)
