"""Nets of one hidden layer whose weights are set by a formula, with a bound for their error."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.arguments import check_integer, check_number
from course_lib.problems.smoothness import check_interval, evenly_spaced, values_at

__all__ = ["interpolating_net", "interpolation_bound", "step_bound", "step_net"]


def interpolating_net(
    f: Callable[[Tensor], Tensor],
    a: float,
    b: float,
    pieces: int,
    *,
    dtype: torch.dtype = torch.float64,
) -> nn.Sequential:
    r"""Make the net of one hidden ReLU layer that joins points of ``f`` by straight lines.

    .. math:: \mathrm{DNN}(x) = f(x_0) + \sum_{j=0}^{N-1}(\Delta_j-\Delta_{j-1})\,
              \mathrm{ReLU}(x-x_j), \qquad
              \Delta_j = \frac{f(x_{j+1})-f(x_j)}{x_{j+1}-x_j},\quad \Delta_{-1}=0

    with ``pieces`` :math:`N` and nodes :math:`x_j=a+j\frac{b-a}N`. Nothing is trained: hidden
    unit :math:`j` bends the line at :math:`x_j`, its outer weight is the change of slope there.
    The net goes through all points :math:`(x_j, f(x_j))`. Its error on [a, b] is at most
    :func:`interpolation_bound`. Left of a it is constant, right of b it goes on straight.

    Args:
        f: function of a float64 tensor of shape (n,), returns its values, a floating tensor of
            shape (n,).
        a: left end of the interval.
        b: right end, above a.
        pieces: number N of straight pieces and of hidden units, at least 1.
        dtype: type of the weights, ``torch.float32`` or ``torch.float64``. The nodes are numbers
            of this type; slopes are computed in float64 and rounded at the end.

    Returns:
        An ordinary net on the CPU, ``Linear(1, N)``, ``ReLU``, ``Linear(N, 1)``: it takes shape
        (m, 1) to shape (m, 1), and could be trained further.

    Raises:
        TypeError, ValueError: an argument is out of its range, ``f`` returns no such values, or
            there are so many pieces that ``dtype`` cannot tell the nodes apart.

    Example:
        >>> net = interpolating_net(torch.abs, -1, 1, 2)
        >>> net(torch.tensor([[-1.0], [0.0], [0.5]], dtype=torch.float64)).squeeze(1).tolist()
        [1.0, 0.0, 0.5]

    Source: slide 2; piecewise linear interpolation written as a net, as in Yarotsky 2017, §3.
    """
    x = evenly_spaced(a, b, pieces, dtype)
    y = values_at(f, x)
    slopes = y.diff() / x.diff()
    bends = torch.cat([slopes[:1], slopes.diff()])
    return _net(torch.ones_like(bends), -x[:-1], nn.ReLU(), bends, y[0], dtype)


def interpolation_bound(a: float, b: float, pieces: int, curvature: float) -> float:
    r"""Bound the error of :func:`interpolating_net` on [a, b]: :math:`\frac{h^2}8\max|f''|`.

    Here :math:`h=\frac{b-a}N` is the width of a piece. The bound is attained by parabolas. It
    does not count round-off.

    Args:
        a: left end of the interval.
        b: right end, above a.
        pieces: number N of pieces, at least 1.
        curvature: :math:`\max|f''|` on [a, b], at least 0, known or from
            :func:`largest_curvature`.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> interpolation_bound(0, 1, 4, curvature=2)  # for x², whose error is just that
        0.015625
    """
    a, b = check_interval(a, b)
    check_integer("pieces", pieces, low=1)
    check_number("curvature", curvature, low=0)
    width = (b - a) / pieces
    return width * width * float(curvature) / 8


def step_net(
    f: Callable[[Tensor], Tensor],
    a: float,
    b: float,
    pieces: int,
    *,
    steepness: float = 40.0,
    dtype: torch.dtype = torch.float64,
) -> nn.Sequential:
    r"""Make the net of one hidden sigmoid layer that climbs along ``f`` in smoothed steps.

    .. math:: \mathrm{DNN}(x) = f(x_0) + \sum_{j=1}^{N}\big(f(x_j)-f(x_{j-1})\big)\,
              \sigma\Big(\frac kh(x-t_j)\Big), \qquad t_j = \frac{x_{j-1}+x_j}2

    with ``pieces`` :math:`N`, :math:`h=\frac{b-a}N`, nodes :math:`x_j=a+jh` and ``steepness``
    :math:`k`. Hidden unit :math:`j` is a step at :math:`t_j`, half-way between two nodes. The error
    on [a, b] is at most :func:`step_bound` for any continuous f, differentiable or not.

    Args:
        f: as for :func:`interpolating_net`.
        a: left end of the interval.
        b: right end, above a.
        pieces: number N of steps and of hidden units, at least 1.
        steepness: k, above 0: a step is finished over a few k-ths of the distance between steps.
        dtype: as for :func:`interpolating_net`.

    Returns:
        An ordinary net on the CPU, ``Linear(1, N)``, ``Sigmoid``, ``Linear(N, 1)``.

    Raises:
        TypeError, ValueError: as for :func:`interpolating_net`.

    Example:
        >>> net = step_net(torch.sqrt, 0, 1, 100)
        >>> round(net(torch.tensor([[0.25]], dtype=torch.float64)).item(), 2)
        0.5

    Source: slide 2; Cybenko 1989 proves the theorem for sigmoids in any dimension. This is the
    elementary construction in one.
    """
    check_number("steepness", steepness, above=0)
    x = evenly_spaced(a, b, pieces, dtype)
    y = values_at(f, x)
    centers = (x[:-1] + x[1:]) / 2
    factor = steepness * pieces / float(x[-1] - x[0])
    if factor * max(1.0, float(x.abs().max())) > torch.finfo(dtype).max:
        raise ValueError(
            f"steepness must give weights within the range of {dtype}, got {steepness!r}"
        )
    inner = torch.full_like(centers, factor)
    return _net(inner, -factor * centers, nn.Sigmoid(), y.diff(), y[0], dtype)


def step_bound(modulus: float, steepness: float = 40.0) -> float:
    r"""Bound the error of :func:`step_net` on [a, b]: :math:`\omega_f(h)\big/(1-e^{-k/2})`.

    The nearest step mixes two values of f, each taken at a distance of at most h. All other steps
    lie :math:`\frac h2, h, \frac{3h}2,\dots` away or more; what they lack sums to the rest.

    Args:
        modulus: :math:`\omega_f(h)` for :math:`h=\frac{b-a}N`, at least 0: known, such as
            :math:`Lh` if f is L-Lipschitz, or from :func:`modulus_of_continuity`.
        steepness: k, above 0.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> round(step_bound(0.1), 9), round(step_bound(0.1, steepness=2.0), 3)
        (0.1, 0.158)
    """
    check_number("modulus", modulus, low=0)
    return float(modulus) / -math.expm1(-check_number("steepness", steepness, above=0) / 2)


def _net(
    inner: Tensor,
    bias: Tensor,
    activation: nn.Module,
    outer: Tensor,
    start: Tensor,
    dtype: torch.dtype,
) -> nn.Sequential:
    """Return x -> start + sum_j outer_j activation(inner_j x + bias_j)."""
    values = [inner[:, None], bias, outer[None], start[None]]
    if not all(value.to(dtype).isfinite().all() for value in values):
        raise ValueError(
            f"f must have values and slopes within the range of {dtype}, got larger ones"
        )
    hidden, output = (
        nn.utils.skip_init(nn.Linear, *sizes, dtype=dtype, device="cpu")
        for sizes in ((1, len(inner)), (len(inner), 1))
    )
    parameters = (hidden.weight, hidden.bias, output.weight, output.bias)
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)
    return nn.Sequential(hidden, activation, output)
