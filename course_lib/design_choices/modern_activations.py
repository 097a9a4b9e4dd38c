"""Derivatives in closed form of the activations that came into use beside the lecture's."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.design_choices.activations import sigmoid, sigmoid_derivative
from course_lib.design_choices.elementwise import elementwise

__all__ = ["elu_derivative", "gelu_derivative", "silu_derivative", "softplus_derivative"]


@elementwise()
def elu_derivative(x: Tensor) -> Tensor:
    r"""Return the derivative of ELU, :math:`x` for :math:`x>0` and :math:`e^x-1` below.

    .. math:: \mathrm{ELU}'(x)=e^{\min(x,0)}

    Tensor of any shape, dtype float16, bfloat16, float32 or float64; errors as for
    :func:`~course_lib.design_choices.sigmoid`.

    Example:
        >>> elu_derivative(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0.3679, 1.0000, 1.0000])

    Source: Clevert, Unterthiner and Hochreiter, *Fast and accurate deep network learning by
    exponential linear units*, 2016. In torch: ``torch.nn.functional.elu`` with its default
    ``alpha=1``.
    """
    return torch.exp(torch.clamp(x, max=0))


@elementwise()
def gelu_derivative(x: Tensor) -> Tensor:
    r"""Return the derivative of GELU, :math:`x\,\Phi(x)`.

    .. math:: \mathrm{GELU}'(x)=\Phi(x)+x\,\varphi(x), \qquad
        \varphi(x)=\tfrac{1}{\sqrt{2\pi}}e^{-x^2/2}

    where :math:`\Phi` is the distribution function of a standard Gaussian and :math:`\varphi` its
    density. Tensor of any shape, dtype float16, bfloat16, float32 or float64; errors as for
    :func:`~course_lib.design_choices.sigmoid`.

    Example:
        >>> gelu_derivative(torch.tensor([-1.0, 0.0, float("inf")]))
        tensor([-0.0833,  0.5000,  1.0000])

    Source: Hendrycks and Gimpel, *Gaussian error linear units*, 2016. In torch:
    ``torch.nn.functional.gelu`` with its default ``approximate="none"``; its gradient at plus
    and minus infinity is NaN, here it is the limit. (Its value at minus infinity is NaN as well,
    and on some processors that at plus infinity.)
    """
    distribution = torch.erfc(-x / math.sqrt(2)) / 2
    x = torch.clamp(x, -40, 40)  # beyond, the density is 0 in every dtype
    return distribution + x * torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)


@elementwise()
def silu_derivative(x: Tensor) -> Tensor:
    r"""Return the derivative of SiLU (also called Swish), :math:`x\,\sigma(x)`.

    .. math:: \mathrm{SiLU}'(x)=\sigma(x)+x\,\sigma'(x)

    Tensor of any shape, dtype float16, bfloat16, float32 or float64; errors as for
    :func:`~course_lib.design_choices.sigmoid`.

    Example:
        >>> silu_derivative(torch.tensor([-1.0, 0.0, float("inf")]))
        tensor([0.0723, 0.5000, 1.0000])

    Source: Ramachandran, Zoph and Le, *Searching for activation functions*, 2017. In torch:
    ``torch.nn.functional.silu``; its gradient at plus and minus infinity is NaN, here it is the
    limit.
    """
    near = torch.clamp(x, -800, 800)  # beyond, the derivative of the sigmoid is 0 in every dtype
    return sigmoid(x) + near * sigmoid_derivative(near)


@elementwise()
def softplus_derivative(x: Tensor) -> Tensor:
    r"""Return the derivative of softplus, :math:`\ln(1+e^x)`: the sigmoid.

    .. math:: \mathrm{softplus}'(x)=\sigma(x)

    Tensor of any shape, dtype float16, bfloat16, float32 or float64; errors as for
    :func:`~course_lib.design_choices.sigmoid`.

    Example:
        >>> softplus_derivative(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0.2689, 0.5000, 0.8808])

    Source: Glorot, Bordes and Bengio, *Deep sparse rectifier neural networks*, 2011. In torch:
    ``torch.nn.functional.softplus``, which above its ``threshold`` of 20 is the identity, with
    gradient exactly 1.
    """
    return sigmoid(x)
