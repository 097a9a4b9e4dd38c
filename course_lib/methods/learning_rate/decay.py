"""Learning rates that fall by a formula: the slide's three, and the ones they are compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from course_lib.arguments import check_integer, check_number
from course_lib.methods.learning_rate.schedule import Schedule

__all__ = ["Constant", "Cosine", "Exponential", "InverseTime", "Polynomial", "Staircase"]


@dataclass(frozen=True)
class Constant(Schedule):
    r"""The same learning rate in every step: :math:`t_k = \alpha`.

    Args:
        alpha: :math:`\alpha`, a finite number above 0.

    Raises:
        TypeError, ValueError: an option is no such number.

    Example:
        >>> Constant(0.1)(1000)
        0.1

    Source: the case that slide 22 starts from. In torch: no scheduler at all.
    """

    alpha: float

    def __post_init__(self) -> None:
        self._keep(alpha=check_number("alpha", self.alpha, above=0))

    def rate(self, k: int) -> float:
        """Return t_k."""
        return self.alpha


@dataclass(frozen=True)
class InverseTime(Schedule):
    r"""Inverse time decay, the slide's :math:`1/t`: :math:`t_k = \dfrac{\alpha}{1 + \beta k}`.

    It halves after :math:`1/\beta` steps, and then ever more slowly: the second halving takes
    twice as long as the first, the third twice as long as the second.

    Args:
        alpha: :math:`\alpha = t_0`, a finite number above 0.
        beta: :math:`\beta`, a finite number of at least 0; 0 makes it constant.

    Raises:
        TypeError, ValueError: an option is no such number.

    Example:
        >>> schedule = InverseTime(alpha=0.5, beta=1.0)
        >>> schedule(0), schedule(1), schedule(4)
        (0.5, 0.25, 0.1)

    Source: slide 22. In torch: ``LambdaLR`` with ``lambda k: 1 / (1 + beta * k)``.
    """

    alpha: float
    beta: float

    def __post_init__(self) -> None:
        self._keep(
            alpha=check_number("alpha", self.alpha, above=0),
            beta=check_number("beta", self.beta, low=0),
        )

    def rate(self, k: int) -> float:
        """Return t_k."""
        return self.alpha / (1 + self.beta * k)


@dataclass(frozen=True)
class Polynomial(Schedule):
    r"""Decay by a power of the step: :math:`t_k = \dfrac{\alpha}{(1 + k)^a}`.

    With :math:`a = 1` it is :class:`InverseTime` with :math:`\beta = 1`; a smaller :math:`a` falls
    more slowly.

    Args:
        alpha: :math:`\alpha = t_0`, a finite number above 0.
        power: :math:`a`, a finite number of at least 0; 0 makes it constant.

    Raises:
        TypeError, ValueError: an option is no such number.

    Example:
        >>> schedule = Polynomial(alpha=1.0, power=0.5)
        >>> schedule(0), schedule(3), schedule(99)
        (1.0, 0.5, 0.1)

    Source: Polyak and Juditsky, *Acceleration of stochastic approximation by averaging*, SIAM
    Journal on Control and Optimization 30 (1992). In torch: ``LambdaLR``; its ``PolynomialLR``
    is another one, a polynomial that falls to 0 within a number of steps.
    """

    alpha: float
    power: float

    def __post_init__(self) -> None:
        self._keep(
            alpha=check_number("alpha", self.alpha, above=0),
            power=check_number("power", self.power, low=0),
        )

    def rate(self, k: int) -> float:
        """Return t_k."""
        return self.alpha / _power(1 + k, self.power)


@dataclass(frozen=True)
class Exponential(Schedule):
    r"""Exponential decay: :math:`t_k = \alpha\, e^{-\beta k}`, every step by the same factor.

    Args:
        alpha: :math:`\alpha = t_0`, a finite number above 0.
        beta: :math:`\beta`, a finite number of at least 0; 0 makes it constant.

    Raises:
        TypeError, ValueError: an option is no such number.

    Example:
        >>> import math
        >>> schedule = Exponential(alpha=0.8, beta=math.log(2))
        >>> [round(schedule(k), 12) for k in range(4)]
        [0.8, 0.4, 0.2, 0.1]

    Source: slide 22. In torch: ``ExponentialLR`` with ``gamma`` :math:`= e^{-\beta}`.
    """

    alpha: float
    beta: float

    def __post_init__(self) -> None:
        self._keep(
            alpha=check_number("alpha", self.alpha, above=0),
            beta=check_number("beta", self.beta, low=0),
        )

    def rate(self, k: int) -> float:
        """Return t_k."""
        return self.alpha * math.exp(-self.beta * k)


@dataclass(frozen=True)
class Staircase(Schedule):
    r"""Staircase decay: :math:`t_k = \alpha / c^{\lfloor k / L \rfloor}`, constant on each stair.

    The slide counts in epochs, while :math:`k` counts whatever the caller counts:
    :func:`~course_lib.methods.per_epoch` turns one into the other.

    Args:
        alpha: :math:`\alpha = t_0`, a finite number above 0.
        factor: :math:`c`, what the rate is divided by, a finite number above 1; the slide says 5
            or 10.
        every: :math:`L`, the length of a stair, a whole number of at least 1.

    Raises:
        TypeError, ValueError: an option is no such number.

    Example:
        >>> schedule = Staircase(alpha=1.0, factor=10, every=3)
        >>> [schedule(k) for k in range(7)]
        [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.01]

    Source: slide 22. In torch: ``StepLR`` with ``step_size`` :math:`= L` and ``gamma``
    :math:`= 1/c`: there the rate is multiplied, here it is divided.
    """

    alpha: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        self._keep(
            alpha=check_number("alpha", self.alpha, above=0),
            factor=check_number("factor", self.factor, above=1),
            every=check_integer("every", self.every, low=1),
        )

    def rate(self, k: int) -> float:
        """Return t_k."""
        return self.alpha / _power(self.factor, k // self.every)


@dataclass(frozen=True)
class Cosine(Schedule):
    r"""Cosine annealing: half a cosine wave from :math:`\alpha` down to a final rate.

    .. math::

        t_k = t_\text{end} + \tfrac12 (\alpha - t_\text{end})
              \Bigl(1 + \cos\frac{\pi k}{K}\Bigr) \quad (k \le K),
        \qquad t_k = t_\text{end} \quad (k > K)

    It has to be told how long the run is going to be.

    Args:
        alpha: :math:`\alpha = t_0`, a finite number above 0.
        steps: :math:`K`, when the final rate is reached, a whole number of at least 1.
        final: :math:`t_\text{end}`, a number from 0 to ``alpha``.

    Raises:
        TypeError, ValueError: an option is no such number.

    Example:
        >>> schedule = Cosine(alpha=0.2, steps=4)
        >>> [round(schedule(k), 4) for k in (0, 1, 2, 3, 4, 5)]
        [0.2, 0.1707, 0.1, 0.0293, 0.0, 0.0]

    Source: Loshchilov and Hutter, *SGDR: stochastic gradient descent with warm restarts*, ICLR
    2017, without the restarts. In torch: ``CosineAnnealingLR``, equal up to :math:`k = K`; after
    that its rate climbs again.
    """

    alpha: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        alpha = check_number("alpha", self.alpha, above=0)
        self._keep(
            alpha=alpha,
            steps=check_integer("steps", self.steps, low=1),
            final=check_number("final", self.final, low=0, high=alpha),
        )

    def rate(self, k: int) -> float:
        """Return t_k."""
        if k >= self.steps:
            return self.final
        return (
            self.final + (self.alpha - self.final) * (1 + math.cos(math.pi * (k / self.steps))) / 2
        )


def _power(base: float, exponent: float) -> float:
    """Return the power, infinite where it is too large for a float: the rate is then 0."""
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf
