"""Deep narrow nets whose weights are set by a formula: folding an interval, and squaring."""

from __future__ import annotations

import math

import torch
from torch import nn

from course_lib.arguments import check_floating, check_integer

__all__ = ["squaring_bound", "squaring_net", "tent_net"]


def tent_net(depth: int, *, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    r"""Make the net that folds [0, 1] onto itself ``depth`` times: a saw with :math:`2^L` pieces.

    .. math:: g(x) = 2\,\mathrm{ReLU}(x) - 4\,\mathrm{ReLU}\big(x-\tfrac12\big), \qquad
              g_L = \underbrace{g\circ\dots\circ g}_{L}

    On [0, 1] the tent g rises from 0 to 1 and falls back to 0. Each of the L hidden layers has two
    units and doubles the number of straight pieces: :math:`g_L` is 0 at even and 1 at odd multiples
    of :math:`2^{-L}`. With one hidden layer that takes :math:`2^L` units. All weights are zero or
    powers of two up to sign, so that the net computes without round-off on [0, 1].

    Args:
        depth: number L of hidden layers, from 1 to the number of binary places of ``dtype`` (23 or
            52): beyond, the pieces are finer than its numbers.
        dtype: type of the weights, ``torch.float32`` or ``torch.float64``.

    Returns:
        An ordinary net on the CPU, ``Linear(1, 2)``, ``ReLU``, …, ``Linear(2, 1)``: it takes shape
        (m, 1) to shape (m, 1).

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> x = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
        >>> tent_net(3)(x).squeeze(1).tolist()
        [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]

    Source: Telgarsky 2016; Yarotsky 2017, proposition 2.
    """
    _check(depth, dtype)
    fold = [2.0, -4.0]
    middle = [[fold, fold]] * (depth - 1)
    return _net([[[1.0], [1.0]], *middle, [fold]], [0.0, -0.5], dtype)


def squaring_net(depth: int, *, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    r"""Make the net of ``depth`` hidden layers that squares on [0, 1] up to :math:`2^{-2L-2}`.

    .. math:: \mathrm{DNN}(x) = x - \sum_{l=1}^{L}\frac{g_l(x)}{4^l}

    with the saws :math:`g_l` of :func:`tent_net`. It is the piecewise linear interpolation of
    :math:`x^2` with :math:`2^L` pieces, which one hidden layer makes of :math:`2^L` units. Here
    each of the L layers has three: two fold, one carries the sum so far.

    Args:
        depth: number L of hidden layers, from 1 to the number of binary places of ``dtype``.
        dtype: type of the weights, ``torch.float32`` or ``torch.float64``.

    Returns:
        An ordinary net on the CPU, ``Linear(1, 3)``, ``ReLU``, …, ``Linear(3, 1)``. Outside of
        [0, 1] it does not square.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> x = torch.tensor([[0.0], [0.25], [1.0]], dtype=torch.float64)
        >>> squaring_net(2)(x).squeeze(1).tolist()
        [0.0, 0.0625, 1.0]

    Source: Yarotsky 2017, proposition 2.
    """
    _check(depth, dtype)
    fold = [2.0, -4.0, 0.0]
    sums = [[-2.0 / 4**level, 4.0 / 4**level, 1.0] for level in range(1, depth + 1)]
    middle = [[fold, fold, carry] for carry in sums[:-1]]
    return _net([[[1.0]] * 3, *middle, [sums[-1]]], [0.0, -0.5, 0.0], dtype)


def squaring_bound(depth: int) -> float:
    r"""Bound the error of :func:`squaring_net` on [0, 1]: :math:`2^{-2L-2}`, attained.

    It is :math:`\frac{h^2}8\max|f''|` with :math:`h=2^{-L}` and :math:`f''=2`. Round-off is not
    counted.

    Example:
        >>> squaring_bound(4) == 1 / 1024
        True
    """
    return math.ldexp(1.0, -2 * check_integer("depth", depth, low=1) - 2)


def _check(depth: int, dtype: torch.dtype) -> None:
    if check_floating("dtype", dtype) not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
    check_integer("depth", depth, low=1, high=-round(math.log2(torch.finfo(dtype).eps)))


def _net(weights: list[list[list[float]]], bias: list[float], dtype: torch.dtype) -> nn.Sequential:
    """Return the ReLU net with these matrices; ``bias`` is that of every hidden layer."""
    modules: list[nn.Module] = []
    for matrix in weights:
        weight = torch.tensor(matrix, dtype=dtype, device="cpu")
        layer = nn.utils.skip_init(
            nn.Linear, weight.shape[1], weight.shape[0], dtype=dtype, device="cpu"
        )
        with torch.no_grad():
            layer.weight.copy_(weight)
            last = matrix is weights[-1]
            layer.bias.copy_(torch.tensor([0.0] if last else bias, dtype=dtype, device="cpu"))
        modules += [layer, nn.ReLU()]
    return nn.Sequential(*modules[:-1])
