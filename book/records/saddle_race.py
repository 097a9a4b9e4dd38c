"""How many steps each method needs to get away from a saddle, or down a valley, at its best rate.

Each method with a learning rate is tried with the same 13 rates. Chosen is the rate with the
smallest median number of steps from eleven tuning starts, or, if most walks are never through, with
the smallest median value at the end. Reported are the steps from eleven other starts, and from the
surface's own start with every rate. A start is the surface's own one with each coordinate, before
the surface is turned, multiplied by a random factor.

A method is through at the first step from which on the value stays below a goal. Where there is a
saddle to get away from, that is a height well below it: -1 on the saddle of height 0, which has no
minimum, and half the saddle's height in the long valley, whose minima have height 0. Elsewhere it
is all but a hundredth of the way from the start's value to the minimum.

Where to set the goal is a choice, and in the long valley the order of the methods depends on it. So
there everything is done again, the choice of the rate included, for goals of other heights and for
the hundredth of the other surfaces.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.methods import (
    SGD,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    HeavyBall,
    Nesterov,
    Newton,
    RMSprop,
    SaddleFreeNewton,
    TrustRegion,
)
from course_lib.problems import (
    Surface,
    beale,
    long_valley,
    rosenbrock,
    rotated,
    rotated_quadratic,
    saddle,
)
from course_lib.randomness import generator_of
from course_lib.training import NonFiniteLossError, minimize

SEEDS = (0,)
TUNING_SEEDS = (100,)
STARTS, STEPS = 11, 1000
RATES = [mantissa * 10.0**power for power in (-3, -2, -1, 0) for mantissa in (1, 2, 5)] + [10.0]
TURN = math.pi / 4
HEIGHT = 0.25  # of the saddle in the long valley
HALFWAY = HEIGHT / 2
LOW = None  # the goal that is a hundredth of the way above the minimum
# Shares of the height of the long valley's saddle, of which 0.5 is the goal; and the hundredth.
OTHER_GOALS: tuple[float | None, ...] = (0.9, 0.5, 0.1, 0.01, LOW)
FAR = -1e4  # on the saddle, where nothing ends a walk

# Name: the surface, the angle by which its starts are turned, and the goal if it is a height.
SURFACES: dict[str, tuple[Surface, float, float | None]] = {
    "saddle": (saddle(), 0.0, -1.0),
    "long valley": (long_valley(), 0.0, HALFWAY),
    "long valley, turned": (rotated(long_valley(), TURN), TURN, HALFWAY),
    "Beale": (beale(), 0.0, LOW),
    "Rosenbrock": (rosenbrock(), 0.0, LOW),
    "rotated quadratic": (rotated_quadratic(), 0.0, LOW),
}
WITH_RATE: dict[str, Callable[..., Any]] = {
    "SGD": SGD,
    "heavy ball": HeavyBall,
    "Nesterov": Nesterov,
    "Adagrad": Adagrad,
    "RMSprop": RMSprop,
    "Adam": Adam,
    "AdamW": AdamW,
    "Adamax": Adamax,
}
WITHOUT_RATE: dict[str, Callable[..., Any]] = {
    "Newton": Newton,
    "saddle-free Newton": SaddleFreeNewton,
    "saddle-free, Krylov": partial(SaddleFreeNewton, solver="Krylov", krylov_size=1),
    "trust region": TrustRegion,
}


def starts_of(surface: Surface, angle: float, seed: int) -> Tensor:
    """Starts like the surface's own, shape (STARTS, 2)."""
    generator = generator_of("starts of the saddle race", seed)
    factors = torch.randn(STARTS, 2, generator=generator, dtype=torch.float64).div(2).exp()
    c, s = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    return (factors * (turn.T @ surface.start)) @ turn.T


def goals_of(surface: Surface, starts: Tensor, height: float | None) -> Tensor:
    """The value to get below, for each start."""
    if height is not None:
        return torch.full((len(starts),), height, dtype=torch.float64)
    return surface.minimum + 0.01 * (surface.value(starts) - surface.minimum)


def settled(values: Tensor, goals: Tensor) -> Tensor:
    """The step from which on each column of values is at most its goal; infinite if there is none.

    A column that is far below is taken to stay there; one that is not a number has failed.
    """
    far = (values <= FAR).cumsum(dim=0) > 0
    bad = ~(values <= goals) & ~far
    last_bad = torch.where(bad, torch.arange(1, len(values) + 1)[:, None], 0).amax(dim=0)
    return torch.where(last_bad < len(values), last_bad.double(), math.inf)


def walk(make: Callable[..., Any], rate: float, surface: Surface, starts: Tensor) -> Tensor:
    """Values along the way from all starts at once, shape (STEPS + 1, starts)."""
    x = starts.clone().requires_grad_()
    optimizer = make([x], lr=rate)
    values = [surface.value(x.detach())]
    for _ in range(STEPS):
        x.grad = surface.gradient(x.detach())
        optimizer.step()
        values.append(surface.value(x.detach()))
    return torch.stack(values)


def walk_alone(make: Callable[..., Any], surface: Surface, start: Tensor) -> Tensor:
    """Values along the way of a method without a rate, which ends where it cannot go on."""

    def stop(path: Any) -> str | None:
        return "far below" if path.values[-1] <= FAR else None

    try:
        path = minimize(surface.value, start, make, steps=STEPS, stop=stop)
    except NonFiniteLossError as error:
        path = error.record
    values = torch.from_numpy(path.values)
    rest = torch.full((STEPS + 1 - len(values),), float(values[-1]), dtype=torch.float64)
    return torch.cat([values, rest])


def measure() -> dict[str, Any]:
    """Tune each method on each surface, then report other starts, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        surfaces = {name: race(*described) for name, described in SURFACES.items()}
    finally:
        torch.set_num_threads(threads)
    return {
        "steps": STEPS,
        "starts": STARTS,
        "tuning_seeds": list(TUNING_SEEDS),
        "rates": RATES,
        "surfaces": surfaces,
    }


def race(surface: Surface, angle: float, height: float | None) -> dict[str, Any]:
    """All methods on one surface."""
    tuning, reported = (starts_of(surface, angle, seed) for (seed,) in (TUNING_SEEDS, SEEDS))
    own = surface.start[None]
    methods = {}
    for name, make in WITH_RATE.items():
        together = torch.cat([tuning, own, reported])
        walks = [walk(make, rate, surface, together) for rate in RATES]
        methods[name] = tuned(walks, goals_of(surface, together, height))
        if height == HALFWAY:
            methods[name]["other goals"] = [
                {"goal": share, "rate": told["rate"], "other starts": told["other starts"]}
                for share in OTHER_GOALS
                for told in [tuned(walks, goals_of(surface, together, share and share * HEIGHT))]
            ]
    for name, make in WITHOUT_RATE.items():
        together = torch.cat([reported, own])
        values = torch.stack([walk_alone(make, surface, start) for start in together], dim=1)
        steps = settled(values, goals_of(surface, together, height))
        methods[name] = {
            "own start": counted(steps[-1]),
            "other starts": [counted(s) for s in steps[:-1]],
        }
    return methods


def tuned(walks: list[Tensor], goals: Tensor) -> dict[str, Any]:
    """Choose the best rate by the tuning starts; the surface's own and the others come after."""
    steps = [settled(values, goals) for values in walks]
    medians = [float(counts[:STARTS].median()) for counts in steps]
    ends = [float(torch.nan_to_num(values[-1, :STARTS], nan=math.inf).median()) for values in walks]
    best = min(
        range(len(RATES)), key=lambda i: (medians[i], ends[i] if math.isinf(medians[i]) else 0.0, i)
    )
    return {
        "rate": RATES[best],
        "tuning medians": [counted(median) for median in medians],
        "own start, by rate": [counted(counts[STARTS]) for counts in steps],
        "own start": counted(steps[best][STARTS]),
        "other starts": [counted(count) for count in steps[best][STARTS + 1 :]],
    }


def counted(steps: Any) -> float | None:
    """A number of steps, or None for never."""
    steps = float(steps)
    return None if not np.isfinite(steps) else steps
