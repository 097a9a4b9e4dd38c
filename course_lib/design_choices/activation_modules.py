"""The activations of the lecture as modules, to be put between the layers of a net."""

from __future__ import annotations

from torch import Tensor, nn

from course_lib.arguments import check_number
from course_lib.design_choices.activations import absolute, leaky_relu, relu, sigmoid, sign, tanh

__all__ = ["Absolute", "LeakyReLU", "ReLU", "Sigmoid", "Sign", "Tanh"]


class Sign(nn.Module):
    """The module of :func:`~course_lib.design_choices.sign`.

    Example:
        >>> import torch
        >>> Sign()(torch.tensor([-2.0, 0.5]))
        tensor([-1.,  1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the sign of each entry."""
        return sign(x)


class Sigmoid(nn.Module):
    """The module of :func:`~course_lib.design_choices.sigmoid`.

    Example:
        >>> import torch
        >>> Sigmoid()(torch.tensor([0.0, 100.0]))
        tensor([0.5000, 1.0000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the sigmoid of each entry."""
        return sigmoid(x)


class Tanh(nn.Module):
    """The module of :func:`~course_lib.design_choices.tanh`.

    Example:
        >>> import torch
        >>> Tanh()(torch.tensor([0.0, 100.0]))
        tensor([0., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the hyperbolic tangent of each entry."""
        return tanh(x)


class ReLU(nn.Module):
    """The module of :func:`~course_lib.design_choices.relu`.

    Example:
        >>> import torch
        >>> ReLU()(torch.tensor([-2.0, 0.5]))
        tensor([0.0000, 0.5000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the positive part of each entry."""
        return relu(x)


class LeakyReLU(nn.Module):
    """The module of :func:`~course_lib.design_choices.leaky_relu`.

    Args:
        alpha: slope for negative inputs, from 0 to 1.

    Raises:
        TypeError, ValueError: ``alpha`` is no number from 0 to 1.

    Example:
        >>> import torch
        >>> LeakyReLU(alpha=0.25)(torch.tensor([-2.0, 0.5]))
        tensor([-0.5000,  0.5000])
        >>> LeakyReLU()
        LeakyReLU(alpha=0.01)
    """

    def __init__(self, alpha: float = 0.01) -> None:
        super().__init__()
        self.alpha = check_number("alpha", alpha, low=0, high=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return each entry, the negative ones times alpha."""
        return leaky_relu(x, self.alpha)

    def extra_repr(self) -> str:
        """Name the slope."""
        return f"alpha={self.alpha}"


class Absolute(nn.Module):
    """The module of :func:`~course_lib.design_choices.absolute`.

    Example:
        >>> import torch
        >>> Absolute()(torch.tensor([-2.0, 0.5]))
        tensor([2.0000, 0.5000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the absolute value of each entry."""
        return absolute(x)
