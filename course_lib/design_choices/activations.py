"""The activations of slides 7 to 10, each with its derivative: what a hidden node computes."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_number
from course_lib.design_choices.elementwise import elementwise

__all__ = [
    "absolute",
    "absolute_derivative",
    "leaky_relu",
    "leaky_relu_derivative",
    "relu",
    "relu_derivative",
    "sigmoid",
    "sigmoid_derivative",
    "sign",
    "sign_derivative",
    "tanh",
    "tanh_derivative",
]


@elementwise()
def sign_derivative(x: Tensor) -> Tensor:
    r"""Return the derivative of :func:`sign`: :math:`0` wherever there is one.

    At :math:`x=0` sign jumps and has no derivative; there, 0 is a convention, torch's. Shape,
    dtype and errors as for :func:`sign`; NaN gives NaN.

    Example:
        >>> sign_derivative(torch.tensor([-2.0, 0.0, 0.5]))
        tensor([0., 0., 0.])
    """
    return torch.where(x.isnan(), x, 0)


@elementwise(derivative=sign_derivative)
def sign(x: Tensor) -> Tensor:
    r"""Return :math:`\operatorname{sign}(x)`: :math:`-1`, :math:`0` or :math:`1`.

    Autograd gets the gradient 0 everywhere (:func:`sign_derivative`): no information passes.

    Args:
        x: tensor of any shape; dtype float16, bfloat16, float32 or float64.

    Returns:
        Tensor of the same shape, dtype and device.

    Raises:
        TypeError: ``x`` is no tensor of such a dtype.

    Example:
        >>> sign(torch.tensor([-2.0, 0.0, 0.5]))
        tensor([-1.,  0.,  1.])

    Source: slide 7. In torch: ``torch.sign``, which makes 0 of NaN; here NaN stays NaN.
    """
    return torch.where(x > 0, 1, torch.where(x < 0, -1, x))


@elementwise()
def sigmoid_derivative(x: Tensor) -> Tensor:
    r"""Return :math:`\sigma'(x)=\frac{e^{-|x|}}{(1+e^{-|x|})^2}`, which is at most 1/4.

    It is the same number as :math:`\sigma(x)(1-\sigma(x))`, but that form subtracts from 1 what
    has been rounded to 1: in float32 it is exactly 0 from :math:`x=17` on, while at :math:`x=-20`
    it gives the right :math:`2\cdot10^{-9}`. This form is accurate to 6 units in the last place
    on both sides, in every dtype, and exactly even. Shape, dtype and errors as for :func:`sigmoid`.

    Example:
        >>> sigmoid_derivative(torch.tensor([-20.0, 0.0, 20.0]))
        tensor([2.0612e-09, 2.5000e-01, 2.0612e-09])

    Source: slide 8. In torch the gradient of ``torch.sigmoid`` is the lopsided form.
    """
    e = torch.exp(torch.where(x < 0, x, -x))
    return e / (1 + e).square()


@elementwise(derivative=sigmoid_derivative)
def sigmoid(x: Tensor) -> Tensor:
    r"""Return :math:`\sigma(x)=\frac1{1+e^{-x}}`, for :math:`x<0` as :math:`\frac{e^x}{1+e^x}`.

    The two forms are equal. The exponential is that of :math:`-|x|`, so it cannot overflow, and
    values near 0 keep their digits: 4 units in the last place, in every dtype. Autograd gets
    :func:`sigmoid_derivative`, which does not vanish too early for large :math:`x`.

    Args:
        x: tensor of any shape; dtype float16, bfloat16, float32 or float64.

    Returns:
        Tensor of the same shape, dtype and device, values in [0, 1].

    Raises:
        TypeError: ``x`` is no tensor of such a dtype.

    Example:
        >>> x = torch.tensor([-100.0, 0.0, 20.0], requires_grad=True)
        >>> sigmoid(x).detach()
        tensor([3.7835e-44, 5.0000e-01, 1.0000e+00])
        >>> torch.autograd.grad(sigmoid(x).sum(), x)
        (tensor([3.7835e-44, 2.5000e-01, 2.0612e-09]),)

    Source: slide 8. In torch: ``torch.sigmoid``, the same values; its gradient at 20 is 0.
    """
    e = torch.exp(-x.abs())
    return torch.where(x < 0, e, 1) / (1 + e)


@elementwise()
def tanh_derivative(x: Tensor) -> Tensor:
    r"""Return :math:`\tanh'(x)=\frac{4e^{-2|x|}}{(1+e^{-2|x|})^2}`, which is at most 1.

    It is the same number as :math:`1-\tanh^2(x)`, which in float32 is exactly 0 beyond about
    :math:`|x|=9`; this form is accurate to 6 units in the last place, in every dtype, and exactly
    even. Shape, dtype and errors as for :func:`tanh`.

    Example:
        >>> tanh_derivative(torch.tensor([-10.0, 0.0, 10.0]))
        tensor([8.2446e-09, 1.0000e+00, 8.2446e-09])

    Source: slide 8. In torch the gradient of ``torch.tanh`` is :math:`1-\tanh^2`.
    """
    e = torch.exp(2 * torch.where(x < 0, x, -x))
    return 4 * e / (1 + e).square()


@elementwise(derivative=tanh_derivative)
def tanh(x: Tensor) -> Tensor:
    r"""Return :math:`\tanh x=\frac{e^x-e^{-x}}{e^x+e^{-x}}=2\sigma(2x)-1`, values in [-1, 1].

    With :math:`u=e^{-2|x|}-1` it is :math:`-\frac{u}{2+u}` with the sign of :math:`x`. Nothing
    overflows, and ``expm1``, which computes :math:`e^z-1` without subtracting, keeps the digits of
    small values: 4 units in the last place, in every dtype. Autograd gets :func:`tanh_derivative`.

    Args:
        x: tensor of any shape; dtype float16, bfloat16, float32 or float64.

    Returns:
        Tensor of the same shape, dtype and device.

    Raises:
        TypeError: ``x`` is no tensor of such a dtype.

    Example:
        >>> tanh(torch.tensor([-100.0, 1e-30, 1.0]))
        tensor([-1.0000e+00,  1.0000e-30,  7.6159e-01])

    Source: slide 8. In torch: ``torch.tanh``, the same values; its gradient vanishes earlier.
    """
    u = torch.expm1(-2 * x.abs())
    return torch.copysign(u, x) / (2 + u)


@elementwise(derivative=sign_derivative)
def relu_derivative(x: Tensor) -> Tensor:
    r"""Return the derivative of :func:`relu`: 0 for :math:`x<0`, 1 for :math:`x>0`.

    At the kink :math:`x=0` any number from 0 to 1 is a subgradient; 0 is torch's choice. Shape,
    dtype and errors as for :func:`relu`; NaN gives NaN.

    Example:
        >>> relu_derivative(torch.tensor([-2.0, 0.0, 0.5]))
        tensor([0., 0., 1.])
    """
    return torch.clamp(sign(x), min=0)


@elementwise(derivative=relu_derivative)
def relu(x: Tensor) -> Tensor:
    r"""Return :math:`\max(0,x)`, the rectified linear unit.

    Autograd gets :func:`relu_derivative`. Where that is 0 no gradient passes, not even an
    infinite one.

    Args:
        x: tensor of any shape; dtype float16, bfloat16, float32 or float64.

    Returns:
        Tensor of the same shape, dtype and device.

    Raises:
        TypeError: ``x`` is no tensor of such a dtype.

    Example:
        >>> relu(torch.tensor([-2.0, 0.0, 0.5]))
        tensor([0.0000, 0.0000, 0.5000])

    Source: slide 9. In torch: ``torch.relu``; its gradient at NaN is 1, here it is NaN.
    """
    return torch.clamp(x, min=0)


def _leaky_relu_second_derivative(x: Tensor, alpha: float = 0.01) -> Tensor:
    return sign_derivative(x)


@elementwise(derivative=_leaky_relu_second_derivative)
def leaky_relu_derivative(x: Tensor, alpha: float = 0.01) -> Tensor:
    r"""Return the derivative of :func:`leaky_relu`: :math:`\alpha` for :math:`x<0`, 1 for x > 0.

    At the kink :math:`x=0` any number between the two is a subgradient; :math:`\alpha` is torch's
    choice. Arguments, shape, dtype and errors as for :func:`leaky_relu`; NaN gives NaN.

    Example:
        >>> leaky_relu_derivative(torch.tensor([-2.0, 0.0, 0.5]), alpha=0.25)
        tensor([0.2500, 0.2500, 1.0000])
    """
    alpha = check_number("alpha", alpha, low=0, high=1)
    return torch.where(x > 0, 1, torch.where(x <= 0, alpha, x))


@elementwise(derivative=leaky_relu_derivative)
def leaky_relu(x: Tensor, alpha: float = 0.01) -> Tensor:
    r"""Return :math:`\max(\alpha x,x)`: the identity for :math:`x>0`, a gentle slope below.

    Autograd gets :func:`leaky_relu_derivative`.

    Args:
        x: tensor of any shape; dtype float16, bfloat16, float32 or float64.
        alpha: slope :math:`\alpha` for :math:`x<0`, from 0 (then it is :func:`relu`) to 1 (the
            identity). Above 1 the maximum would pick the other branch: slope :math:`\alpha` for
            :math:`x>0` and 1 for :math:`x<0`.

    Returns:
        Tensor of the same shape, dtype and device.

    Raises:
        TypeError: ``x`` is no tensor of such a dtype, or ``alpha`` no number.
        ValueError: ``alpha`` is outside [0, 1].

    Example:
        >>> leaky_relu(torch.tensor([-2.0, 0.0, 0.5]), alpha=0.25)
        tensor([-0.5000,  0.0000,  0.5000])
        >>> leaky_relu(torch.zeros(2), alpha=2.0)
        Traceback (most recent call last):
        ...
        ValueError: alpha must be a finite number from 0 to 1, got 2.0

    Source: slide 9; Maas, Hannun and Ng, *Rectifier nonlinearities improve neural network acoustic
    models*, 2013. In torch: ``leaky_relu(x, negative_slope)``, which takes any slope.
    """
    alpha = check_number("alpha", alpha, low=0, high=1)
    if alpha < 2**-149 and (alpha == 0 or x.dtype != torch.float64):
        return relu(x)  # alpha is rounded to 0, and 0 times infinity would be no number
    return torch.maximum(alpha * x, x)


@elementwise(derivative=sign_derivative)
def absolute_derivative(x: Tensor) -> Tensor:
    r"""Return the derivative of :func:`absolute`: :math:`-1` for :math:`x<0`, 1 for :math:`x>0`.

    At the kink :math:`x=0` any number from -1 to 1 is a subgradient; 0 is torch's choice. Shape,
    dtype and errors as for :func:`absolute`; NaN gives NaN.

    Example:
        >>> absolute_derivative(torch.tensor([-2.0, 0.0, 0.5]))
        tensor([-1.,  0.,  1.])
    """
    return sign(x)


@elementwise(derivative=absolute_derivative)
def absolute(x: Tensor) -> Tensor:
    r"""Return :math:`|x|=\max(x,-x)`.

    Autograd gets :func:`absolute_derivative`.

    Args:
        x: tensor of any shape; dtype float16, bfloat16, float32 or float64.

    Returns:
        Tensor of the same shape, dtype and device.

    Raises:
        TypeError: ``x`` is no tensor of such a dtype.

    Example:
        >>> absolute(torch.tensor([-2.0, 0.0, 0.5]))
        tensor([2.0000, 0.0000, 0.5000])

    Source: slide 10. In torch: ``torch.abs``.
    """
    return torch.maximum(x, -x)
