"""How far a plane through 0 keeps two classes apart, and the bound on the perceptron's mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_lib.design_choices.labelled_points import signed_points

__all__ = [
    "LargestMargin",
    "NotSeparableError",
    "NovikoffBound",
    "largest_margin",
    "margin",
    "novikoff_bound",
]

_TINY = torch.finfo(torch.float64).tiny


class NotSeparableError(ValueError):
    """No plane through 0 separates the two classes.

    Attributes:
        weights: the proof: float64 numbers of at least 0 with sum 1, shape (m,), for which the mean
            :math:`\\sum_i\\lambda_iy_ix_i` is 0 up to round-off. A separating :math:`w` would have
            a positive product with it.
    """

    def __init__(self, message: str, weights: Tensor) -> None:
        super().__init__(message)
        self.weights = weights


@dataclass(frozen=True)
class LargestMargin:
    r"""The plane through 0 that keeps two classes farthest apart.

    Attributes:
        w: its direction, shape (n,), of length 1.
        gamma: its margin :math:`\min_iy_iw^\top x_i`, measured on the data.
        upper: what no direction can exceed, by duality; ``upper - gamma`` is the accuracy.
        weights: the proof of that, numbers of at least 0 with sum 1, shape (m,):
            :math:`\|\sum_i\lambda_iy_ix_i\|` is ``upper``. Samples with a positive one are the
            support vectors, which lie closest to the plane.
    """

    w: Tensor
    gamma: float
    upper: float
    weights: Tensor


@dataclass(frozen=True)
class NovikoffBound:
    r"""Novikoff's bound on the perceptron's mistakes.

    Attributes:
        R: length of the longest sample.
        gamma: margin of the direction that was used.
        mistakes: the bound :math:`(R/\gamma)^2`, rounded up as far as round-off may reach.
    """

    R: float
    gamma: float
    mistakes: float


def margin(x: Tensor, y: Tensor, w: Tensor) -> float:
    r"""Return the margin of ``w``, :math:`\gamma=\min_i\frac{y_iw^\top x_i}{\|w\|}`.

    It is the distance of the closest sample from the plane :math:`w^\top x=0`, with a minus if
    some sample lies on the wrong side.

    Args:
        x: samples, shape (m, n), float32 or float64, finite. The computation is in float64.
        y: labels -1 or 1, shape (m,), of any real dtype, on the device of ``x``.
        w: weights, shape (n,), finite and not all 0, of the dtype and on the device of ``x``.

    Raises:
        TypeError, ValueError: an argument is not as said.

    Example:
        >>> x = torch.tensor([[2.0, 1.0], [-3.0, 0.5]])
        >>> margin(x, torch.tensor([1, -1]), torch.tensor([0.5, 0.0]))
        2.0
    """
    points, scale = signed_points(x, y)
    return _margin(points.double(), _direction(w, x)) * scale


def largest_margin(x: Tensor, y: Tensor) -> LargestMargin:
    r"""Find the direction with the largest margin, and prove that there is no better one.

    With :math:`a_i=y_ix_i` the largest margin is the distance of 0 from the convex hull of the
    :math:`a_i`:

    .. math:: \max_{\|w\|=1}\min_i w^\top a_i = \min_{\lambda\ge0,\ \sum_i\lambda_i=1}
        \Big\|\sum_i\lambda_ia_i\Big\|

    Wolfe's method finds the point of the hull closest to 0 in finitely many steps: it keeps a few
    of the points, goes to the point closest to 0 in the plane through them, drops those whose
    weight would become negative, and takes in the point that lies farthest on the side of 0. The
    left side at this point's direction and the right side at its :math:`\lambda` enclose the
    largest margin, whatever the rounding did on the way.

    Args:
        x: samples, shape (m, n), float32 or float64, finite. The computation is in float64.
        y: labels -1 or 1, shape (m,), of any real dtype, on the device of ``x``.

    Returns:
        The direction, its margin, and the upper bound, with their proof.

    Raises:
        NotSeparableError: 0 lies in the hull: no plane through 0 separates the classes with a
            margin above :math:`10^{-13}R`, where :math:`R` is the length of the longest sample.
        TypeError, ValueError: an argument is not as said.
        ArithmeticError: the data are so close to not separable that float64 cannot decide.

    Example:
        >>> x = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-3.0, -3.0]])
        >>> best = largest_margin(x, torch.tensor([1, 1, -1]))
        >>> best.w, round(best.gamma, 6), best.weights
        (tensor([0.7071, 0.7071]), 1.414214, tensor([0.5000, 0.5000, 0.0000]))

    Source: Wolfe, *Finding the nearest point in a polytope*, Mathematical Programming 11 (1976).
    The direction is that of a hard-margin support vector machine without a bias.
    """
    points, scale = signed_points(x, y)
    a = points.double()
    weights = _nearest_point(a)
    nearest = weights @ a
    upper = nearest.norm().item()
    R = a.norm(dim=1).max().item()
    if upper <= 1e-13 * R:
        raise NotSeparableError(
            "x and y must be separable by a plane through 0 (append a column of ones for any "
            f"plane), but a mean of the y_i x_i has length {upper * scale:.2g}, where the longest "
            f"has {R * scale:.2g}",
            weights,
        )
    # Two ways to the direction. The second keeps its digits where the margin is narrow.
    level = _solve(a[weights > 0], a.new_ones(int((weights > 0).sum())))
    gamma, w = max(
        ((_margin(a, w), w) for w in (nearest / upper, level / level.norm())),
        key=lambda found: found[0],
    )
    if gamma <= 0:
        raise ArithmeticError(
            f"float64 cannot decide whether x and y are separable: the largest margin is at most "
            f"{upper * scale:.2g}, where the longest sample has length {R * scale:.2g}"
        )
    return LargestMargin(w.to(x.dtype), gamma * scale, upper * scale, weights.to(x.dtype))


def novikoff_bound(x: Tensor, y: Tensor, w: Tensor | None = None) -> NovikoffBound:
    r"""Bound the number of mistakes of :func:`perceptron` on these data.

    .. math:: \text{mistakes} \le \Big(\frac R\gamma\Big)^2, \qquad R=\max_i\|x_i\|, \quad
        \gamma=\min_i\frac{y_iw^\top x_i}{\|w\|}

    for any ``w`` that separates the data; the largest margin gives the lowest bound. The order of
    the samples and the dimension do not matter.

    Args:
        x: samples, shape (m, n), float32 or float64, finite. The computation is in float64.
        y: labels -1 or 1, shape (m,), of any real dtype, on the device of ``x``.
        w: weights that separate the data, shape (n,), of the dtype and on the device of ``x``; by
            default those of :func:`largest_margin`.

    Raises:
        NotSeparableError: there is no ``w``, and none separates the data.
        ValueError: ``w`` does not separate the data.
        TypeError, ValueError, ArithmeticError: an argument is not as said, or as for
            :func:`largest_margin`.

    Example:
        >>> x = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-3.0, -4.0]])
        >>> bound = novikoff_bound(x, torch.tensor([1, 1, -1]))
        >>> bound.R, round(bound.gamma, 6), round(bound.mistakes, 6)
        (5.0, 1.414214, 12.5)

    Source: Novikoff, *On convergence proofs on perceptrons*, Symposium on the Mathematical Theory
    of Automata, 1962. The proof: each mistake adds at least :math:`\gamma` to the product of the
    weights with the direction, and at most :math:`R^2` to their squared length.
    """
    points, scale = signed_points(x, y)
    a = points.double()
    if w is None:
        gamma = largest_margin(x, y).gamma / scale
    else:
        gamma = _margin(a, _direction(w, x))
        if gamma <= 0:
            raise ValueError(f"w must separate the data, got one with margin {gamma * scale:.2g}")
    R = a.norm(dim=1).max().item()
    roundoff = (a.shape[1] + 4) * torch.finfo(torch.float64).eps
    certain = gamma - roundoff * R
    if certain <= 0:
        raise ArithmeticError(f"the margin {gamma * scale:.2g} is lost in float64's round-off")
    return NovikoffBound(R * scale, gamma * scale, (R * (1 + roundoff) / certain) ** 2)


def _direction(w: Any, x: Tensor) -> Tensor:
    """Check weights and return them in float64 with length 1."""
    if not isinstance(w, Tensor):
        raise TypeError(f"w must be a torch.Tensor of shape ({x.shape[1]},), got {w!r}")
    if w.dtype != x.dtype or w.device != x.device:
        raise ValueError(f"w must be {x.dtype} on {x.device} as x, got {w.dtype} on {w.device}")
    if w.shape != (x.shape[1],):
        raise ValueError(f"w must have shape ({x.shape[1]},), got {tuple(w.shape)}")
    largest = w.detach().double().abs().max()
    if not largest.isfinite() or largest == 0:
        raise ValueError(f"w must be finite and not all 0, got largest entry {largest.item()}")
    unit = w.detach().double() / largest
    return unit / unit.norm()


def _margin(a: Tensor, direction: Tensor) -> float:
    return (a @ direction).min().item()


def _nearest_point(a: Tensor) -> Tensor:
    """Return the weights of the point of the rows' convex hull that is closest to 0."""
    corral = [int(a.square().sum(1).argmin())]  # Wolfe's name for the few points that he keeps
    kept = a.new_ones(1)
    while True:
        nearest = kept @ a[corral]
        products = a @ nearest
        farthest = int(products.argmin())
        square = nearest @ nearest
        if farthest in corral or products[farthest] >= square * (1 - 1e-15):
            break
        previous = corral.copy(), kept.clone()
        corral.append(farthest)
        kept = torch.cat([kept, kept.new_zeros(1)])
        while True:
            wanted = _nearest_in_plane(a[corral])
            if (wanted > 0).all():
                kept = wanted
                break
            leaving = wanted <= 0
            # Go from the old weights towards the wanted ones until the first would be negative.
            reach = (kept / (kept - wanted).clamp(min=_TINY))[leaving].min()
            kept = ((1 - reach) * kept + reach * wanted).clamp(min=0)
            stay = ~leaving | (kept > kept[leaving].min())
            corral = [i for i, stays in zip(corral, stay.tolist(), strict=True) if stays]
            kept = kept[stay] / kept[stay].sum()
        nearest = kept @ a[corral]
        if nearest @ nearest >= square:
            corral, kept = previous  # round-off: no progress any more
            break
    weights = a.new_zeros(len(a))
    weights[corral] = kept
    return weights


def _nearest_in_plane(points: Tensor) -> Tensor:
    """Return the weights, of sum 1, of the point closest to 0 in the plane through the points."""
    rest = _solve((points[1:] - points[0]).T, -points[0])
    return torch.cat([1 - rest.sum(0, keepdim=True), rest])


def _solve(A: Tensor, b: Tensor) -> Tensor:
    """Return the shortest least-squares solution; A may, nearly, lack rank, so on the CPU."""
    return torch.linalg.lstsq(A.cpu(), b.cpu(), driver="gelsd").solution.to(A.device)
