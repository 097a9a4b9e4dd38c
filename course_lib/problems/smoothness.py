"""How smooth a function of one variable is, estimated from its values at evenly spaced points."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.arguments import check_callable, check_floating, check_integer, check_number

__all__ = [
    "check_interval",
    "evenly_spaced",
    "largest_curvature",
    "modulus_of_continuity",
    "values_at",
]


def largest_curvature(
    f: Callable[[Tensor], Tensor], a: float, b: float, *, samples: int = 10_001
) -> float:
    r"""Estimate :math:`\max|f''|` on [a, b] by second divided differences between neighbours.

    Each difference of a smooth f is :math:`f''` at a point between its three samples, so the
    estimate comes from below. It misses what happens between the samples, and its round-off is
    about :math:`10^{-15}\max|f|\,(n/(b-a))^2` for n samples. f needs no gradient.

    Args:
        f: as for :func:`~course_lib.problems.interpolating_net`.
        a: left end of the interval.
        b: right end, above a.
        samples: number n of points, evenly spaced, at least 3.

    Raises:
        TypeError, ValueError: as for :func:`~course_lib.problems.interpolating_net`.

    Example:
        >>> round(largest_curvature(torch.sin, 0, 3), 6)
        1.0
    """
    check_integer("samples", samples, low=3)
    x = evenly_spaced(a, b, samples - 1, torch.float64, name="samples")
    slopes = values_at(f, x).diff() / x.diff()
    largest = float((2 * slopes.diff() / (x[2:] - x[:-2])).abs().max())
    if not math.isfinite(largest):
        raise ValueError(f"f must have slopes within the range of float64, got {largest} for f''")
    return largest


def modulus_of_continuity(
    f: Callable[[Tensor], Tensor], a: float, b: float, delta: float, *, samples: int = 10_001
) -> float:
    r"""Estimate :math:`\omega_f(\delta)=\max\{|f(x)-f(y)| : |x-y|\le\delta\}` on [a, b].

    The largest change over a distance of at most ``delta``, among evenly spaced samples: an
    estimate from below. For an L-Lipschitz f it is at most two spacings times L too small.

    Args:
        f: as for :func:`~course_lib.problems.interpolating_net`.
        a: left end of the interval.
        b: right end, above a.
        delta: distance, at least the spacing of the samples; beyond b - a it changes nothing.
        samples: number of points, at least 2.

    Raises:
        TypeError, ValueError: as for :func:`~course_lib.problems.interpolating_net`.

    Example:
        >>> round(modulus_of_continuity(torch.sqrt, 0, 1, 0.25), 9)
        0.5
    """
    check_integer("samples", samples, low=2)
    x = evenly_spaced(a, b, samples - 1, torch.float64, name="samples")
    spacing = float(x[-1] - x[0]) / (samples - 1)
    # A distance that is a multiple of the spacing but for round-off counts as that multiple.
    spacings = check_number("delta", delta, above=0) / spacing + 1e-6
    reach = math.floor(min(spacings, samples - 1))
    if reach < 1:
        raise ValueError(
            f"delta must be at least the spacing {spacing:.3g} of the samples, got {delta!r}: take "
            "more samples"
        )
    y = values_at(f, x)[None]
    highest = nn.functional.max_pool1d(y, reach + 1, stride=1)
    lowest = -nn.functional.max_pool1d(-y, reach + 1, stride=1)
    return float((highest - lowest).max())


def check_interval(a: float, b: float) -> tuple[float, float]:
    """Return both ends as floats if they are finite and ``a`` is below ``b``.

    Example:
        >>> check_interval(1, 0)
        Traceback (most recent call last):
        ...
        ValueError: a must be below b, got a=1 and b=0
    """
    left, right = check_number("a", a), check_number("b", b)
    if not left < right:
        raise ValueError(f"a must be below b, got a={a!r} and b={b!r}")
    if not math.isfinite(right - left):
        raise ValueError(f"b - a must be finite, got a={a!r} and b={b!r}")
    return left, right


def evenly_spaced(
    a: float, b: float, pieces: int, dtype: torch.dtype, name: str = "pieces"
) -> Tensor:
    """Return N + 1 evenly spaced points of [a, b], numbers of ``dtype``, as a float64 tensor.

    Example:
        >>> evenly_spaced(0, 1, 4, torch.float32).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    left, right = check_interval(a, b)
    check_integer("pieces", pieces, low=1)
    if check_floating("dtype", dtype) not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
    x = torch.linspace(left, right, pieces + 1, dtype=torch.float64, device="cpu")
    x = x.to(dtype).double()
    if not (x.isfinite().all() and (x.diff() > 0).all()):
        given = pieces + 1 if name == "samples" else pieces
        raise ValueError(
            f"{name} must be so few that {dtype} can tell the points of [{left}, {right}] apart, "
            f"got {given}"
        )
    return x


def values_at(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return f at all points, as float64, if it is what a function of one variable returns.

    Whether all values are finite is looked up here, once, when a net is made.

    Example:
        >>> values_at(torch.log, torch.tensor([0.0, 1.0], dtype=torch.float64))
        Traceback (most recent call last):
        ...
        ValueError: f must be finite on [a, b], got -inf at 0.0
    """
    check_callable("f", f, "a function of a tensor of shape (n,)")
    with torch.no_grad():
        y = f(x.clone())
    what = f"f must return a floating-point tensor of shape ({len(x)},)"
    if not isinstance(y, Tensor):
        raise TypeError(f"{what}, got {type(y).__name__}")
    if not y.dtype.is_floating_point:
        raise TypeError(f"{what}, got {y.dtype}")
    if y.shape != x.shape:
        raise ValueError(f"{what}, got {tuple(y.shape)}")
    if y.device != x.device:
        raise ValueError(f"{what} on {x.device}, where its argument is, got {y.device}")
    y = y.double()
    if not (finite := y.isfinite()).all():
        worst = int((~finite).nonzero()[0])
        raise ValueError(f"f must be finite on [a, b], got {y[worst].item()} at {x[worst].item()}")
    return y
