"""Elementwise functions of a tensor that carry their derivative with them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_floating_tensor

__all__ = ["elementwise"]

Elementwise = Callable[..., Tensor]


def elementwise(derivative: Elementwise | None = None) -> Callable[[Elementwise], Elementwise]:
    r"""Check the tensor that a function gets, and give autograd the function's derivative.

    Autograd differentiates the operations of a formula one by one. Where the formula of a
    derivative is known, this is better: round-off does not depend on the detour, only the input
    is kept for the backward pass, and the choice made at a kink is written down where it can be
    read. By the chain rule the gradient that arrives is multiplied by :math:`f'(x)`; where
    :math:`f'(x)=0` nothing passes, not even an infinite gradient.

    Args:
        derivative: :math:`f'`, called with the arguments of :math:`f`. It must itself be
            differentiable by autograd, which then gives higher derivatives. None if autograd
            shall differentiate the operations of :math:`f`.

    Returns:
        A decorator for functions ``f(x, ...)`` of a tensor ``x`` and of numbers. What it makes
        works with autograd in both modes, ``torch.func`` and ``torch.compile``, and raises
        TypeError if ``x`` is no tensor of 16, 32 or 64 bit floating-point numbers.

    Example:
        >>> @elementwise(derivative=lambda x: 3 * x * x)
        ... def cube(x):
        ...     return x * x * x
        >>> x = torch.tensor(2.0, requires_grad=True)
        >>> torch.autograd.grad(cube(x), x)
        (tensor(12.),)
    """

    def decorate(function: Elementwise) -> Elementwise:
        @functools.wraps(function)
        def checked(x: Tensor, *parameters: Any, **named: Any) -> Tensor:
            check_floating_tensor("x", x)
            if derivative is None:
                return function(x, *parameters, **named)
            f = functools.partial(_with, function, parameters, named)
            slope = functools.partial(_with, derivative, parameters, named)
            rule = _ChainRule if torch.compiler.is_compiling() else _ChainRuleBothModes
            return rule.apply(x, f, slope)

        return checked

    return decorate


def _with(function: Elementwise, parameters: tuple[Any, ...], named: Any, x: Tensor) -> Tensor:
    return function(x, *parameters, **named)


class _ChainRule(torch.autograd.Function):
    """Apply f in the forward pass; multiply by its derivative in the backward pass."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, f: Elementwise, derivative: Elementwise) -> Tensor:
        return f(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, _, ctx.derivative = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return _chain(gradient, ctx.derivative(x)), None, None


class _ChainRuleBothModes(_ChainRule):
    """The same with forward mode, which ``torch.compile`` refuses to trace."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _ChainRule.setup_context(ctx, inputs, output)
        ctx.save_for_forward(inputs[0])

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        (x,) = ctx.saved_tensors
        return _chain(tangent, ctx.derivative(x))


def _chain(outer: Tensor, slope: Tensor) -> Tensor:
    return torch.where(slope == 0, 0, outer * slope)
