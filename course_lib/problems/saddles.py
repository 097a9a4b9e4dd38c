"""Saddles to get away from: unbounded, flat to second order, between two minima, and noisy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from course_lib.arguments import check_integer, check_number
from course_lib.problems.surface import Surface
from course_lib.randomness import LARGEST_SEED, generator_of

__all__ = ["NoisySurface", "bounded_saddle", "monkey_saddle", "noisy_saddle", "saddle"]


def saddle() -> Surface:
    r"""Return the saddle :math:`f(u, v) = u^2 - v^2`, which is unbounded below.

    Along the :math:`u`-axis the origin is a minimum, along the :math:`v`-axis a maximum.

    Example:
        >>> saddle().minimizers.shape, saddle().minimum
        (torch.Size([0, 2]), -inf)
    """
    return Surface(
        "saddle",
        "u^2 - v^2",
        _saddle,
        _saddle_slopes,
        start=(-1.5, 0.01),
        box=((-2.0, 2.0), (-2.0, 2.0)),
    )


def monkey_saddle() -> Surface:
    r"""Return the monkey saddle :math:`f(u, v) = u^3 - 3uv^2`, flat to second order at the origin.

    Three valleys and three ridges meet there: two for a rider's legs and one for a tail. The
    Hessian at the origin is zero, so that no test of second order tells it from a minimum.

    Example:
        >>> import torch
        >>> monkey_saddle().value(torch.tensor([[-0.5, 0.0], [0.5, 0.0]]))
        tensor([-0.1250,  0.1250])
    """
    return Surface(
        "monkey saddle",
        r"u^3 - 3\,u v^2",
        _monkey_saddle,
        _monkey_saddle_slopes,
        start=(1.0, 0.01),
        box=((-1.5, 1.5), (-1.5, 1.5)),
    )


def bounded_saddle(escape: float = 0.1) -> Surface:
    r"""Return a saddle between two minima.

    .. math:: f(x) = \tfrac12 x^\top H x + \|x\|_{10}^{10}, \qquad H = \operatorname{diag}(1, -c)

    or :math:`\frac12(u^2 - c\,v^2) + u^{10} + v^{10}`. The two minimisers lie on the
    :math:`v`-axis at :math:`\pm(c/10)^{1/8}`, and the minimum there is :math:`-0.4\,c\,v^2`.

    Args:
        escape: :math:`c`, how fast the ground falls away from the saddle, a finite number above 0.

    Raises:
        TypeError, ValueError: ``escape`` is out of its range.

    Source: Staib, Reddi, Kale, Kumar and Sra, *Escaping saddle points with adaptive gradient
    methods*, ICML 2019, section 6, with :math:`c = 0.1`.

    Example:
        >>> pit = bounded_saddle()
        >>> pit.minimizers[1], round(pit.minimum, 5)
        (tensor([0.0000, 0.5623], dtype=torch.float64), -0.01265)
    """
    c = check_number("escape", escape, above=0)
    v = (c / 10) ** (1 / 8)
    return Surface(
        "bounded saddle",
        rf"\tfrac12\left(u^2 - {c:g}\,v^2\right) + u^{{10}} + v^{{10}}",
        partial(_bounded_saddle, c=c),
        partial(_bounded_saddle_slopes, c=c),
        start=(0.8, 0.01 * v),
        box=((-1.2, 1.2), (-1.5 * v, 1.5 * v)),
        minimizers=[(0.0, -v), (0.0, v)],
        minimum=-0.4 * c * v * v,
    )


class NoisySurface:
    r"""A surface whose slope is seen with noise, as that of a batch: :math:`f(x) + b^\top x`.

    At each question, and for each point asked at once, a new :math:`b` is drawn, Gaussian with mean
    zero and independent components. So value and gradient are right on average, and the covariance
    of the gradient is :math:`\operatorname{diag}` of the `variances`, the same everywhere.

    Args:
        surface: :math:`f`.
        variances: of the two components of :math:`b`, finite numbers of at least 0.
        seed: non-negative integer, of which the noise is a function.

    Attributes:
        surface: as given; what is true of :math:`f`, without noise.
        variances: as given, a pair of floats.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> noisy = NoisySurface(saddle(), variances=(1.0, 0.01), seed=0)
        >>> b = noisy.gradient(torch.zeros(4000, 2, dtype=torch.float64))
        >>> bool((b.var(dim=0) / torch.tensor([1.0, 0.01]) - 1).abs().max() < 0.1)
        True
    """

    def __init__(self, surface: Surface, variances: Sequence[float], *, seed: int = 0) -> None:
        if not isinstance(surface, Surface):
            raise TypeError(f"surface must be a Surface, got {surface!r}")
        if isinstance(variances, str) or not isinstance(variances, Sequence) or len(variances) != 2:
            raise TypeError(f"variances must be a pair of numbers, got {variances!r}")
        self.surface = surface
        self.variances = tuple(check_number("variances", value, low=0) for value in variances)
        check_integer("seed", seed, low=0, high=LARGEST_SEED)
        self._generator = generator_of("noise on a surface", seed)

    def value(self, x: Tensor) -> Tensor:
        r"""Return :math:`f(x) + b^\top x`, which autograd can differentiate.

        Args:
            x: points, shape (…, 2), any floating-point dtype.

        Returns:
            Values, shape (…).
        """
        value = self.surface.value(x)
        return value + (self._noise(x) * x).sum(dim=-1)

    def gradient(self, x: Tensor) -> Tensor:
        r"""Return :math:`\nabla f(x) + b`.

        Args:
            x: points, shape (…, 2), any floating-point dtype.

        Returns:
            Gradients, shape (…, 2).
        """
        slope = self.surface.gradient(x)
        return slope + self._noise(x)

    def _noise(self, x: Tensor) -> Tensor:
        b = torch.randn(x.shape, generator=self._generator, dtype=torch.float64, device="cpu")
        deviations = [math.sqrt(variance) for variance in self.variances]
        return (b * torch.tensor(deviations, dtype=torch.float64)).to(x)

    def __repr__(self) -> str:
        return f"NoisySurface({self.surface!r}, variances={self.variances})"


def noisy_saddle(
    escape: float = 0.1, variances: Sequence[float] = (1.0, 0.01), *, seed: int = 0
) -> NoisySurface:
    r"""Return Staib's saddle: a way out along which there is hardly any noise.

    It is :func:`bounded_saddle`, seen with noise of covariance :math:`\operatorname{diag}(1, 0.01)`
    while the way out is along the second axis.

    Args:
        escape: :math:`c` of :func:`bounded_saddle`.
        variances: of the noise along the first and the second axis.
        seed: of the noise.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Staib et al., ICML 2019, section 6, who draw :math:`b` from a finite set with this
    covariance.

    Example:
        >>> noisy_saddle(seed=3).variances
        (1.0, 0.01)
    """
    return NoisySurface(bounded_saddle(escape), variances, seed=seed)


# Functions of the module, so that a surface can be pickled and sent to another process.


def _saddle(u: Tensor, v: Tensor) -> Tensor:
    return u * u - v * v


def _saddle_slopes(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    return 2 * u, -2 * v


def _monkey_saddle(u: Tensor, v: Tensor) -> Tensor:
    return u * (u * u - 3 * v * v)


def _monkey_saddle_slopes(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    return 3 * (u * u - v * v), -6 * u * v


def _tenth_power(u: Tensor) -> Tensor:
    square = u * u
    return square * square.square().square()


def _bounded_saddle(u: Tensor, v: Tensor, *, c: float) -> Tensor:
    return (u * u - c * v * v) / 2 + _tenth_power(u) + _tenth_power(v)


def _bounded_saddle_slopes(u: Tensor, v: Tensor, *, c: float) -> tuple[Tensor, Tensor]:
    return u + 10 * u * (u * u).square().square(), -c * v + 10 * v * (v * v).square().square()
