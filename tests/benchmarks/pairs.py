"""What is timed against what, and the bounds that must hold."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch

from course_lib.methods import SGD, Adagrad, Adam, Adamax, AdamW, HeavyBall, Nesterov, RMSprop
from tests.benchmarks.alone import OperationsAlone

Bounds = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Pair:
    """A method, what it is compared with, and bounds of the ratio for each load (None: none).

    Attributes:
        kept: bounds where the allocator keeps what was freed; those of `bounds` where it is None.
        option: what the benchmarks must be asked for to measure it, if it is not always measured.
    """

    name: str
    ours: Callable[..., torch.optim.Optimizer]
    theirs: Callable[..., torch.optim.Optimizer]
    bounds: Bounds
    kept: Bounds | None = None
    option: str | None = None


def _adaptive(ours, theirs) -> Pair:
    return Pair(ours.__name__, ours, theirs, (0.8, 0.25, 0.5), (1.2, 0.25, 1.0))


def _momentum(name, ours, theirs) -> Pair:
    return Pair(name, ours, theirs, (1.1, 0.4, 1.0))


def _compiled(ours, theirs, **options) -> Pair:
    return Pair(
        f"{ours.__name__} compiled / fused",
        functools.partial(ours, compile=True, **options),
        functools.partial(theirs, fused=True, **options),
        (1.3, 1.3, 1.3),
        option="compile",
    )


def _alone(ours, theirs) -> Pair:
    name = f"{ours.__name__}, operations alone"
    make = functools.partial(OperationsAlone, method=ours)
    return Pair(name, make, theirs, (None, None, None), option="alone")


_NESTEROV = {"momentum": 0.9, "nesterov": True}
_TORCHS_MOMENTUM = functools.partial(torch.optim.SGD, momentum=0.9)
_TORCHS_NESTEROV = functools.partial(torch.optim.SGD, **_NESTEROV)

PAIRS = [
    _momentum("SGD", SGD, torch.optim.SGD),
    _momentum("SGD with momentum", functools.partial(SGD, momentum=0.9), _TORCHS_MOMENTUM),
    _momentum("SGD with nesterov", functools.partial(SGD, **_NESTEROV), _TORCHS_NESTEROV),
    _momentum("HeavyBall", HeavyBall, _TORCHS_MOMENTUM),
    _momentum("Nesterov", Nesterov, _TORCHS_NESTEROV),
    _adaptive(Adagrad, torch.optim.Adagrad),
    _adaptive(RMSprop, torch.optim.RMSprop),
    _adaptive(Adam, torch.optim.Adam),
    _adaptive(AdamW, torch.optim.AdamW),
    _adaptive(Adamax, torch.optim.Adamax),
    _compiled(SGD, torch.optim.SGD),
    _compiled(Adagrad, torch.optim.Adagrad),
    _compiled(Adam, torch.optim.Adam),
    _compiled(AdamW, torch.optim.AdamW),
    _alone(Adagrad, torch.optim.Adagrad),
    _alone(RMSprop, torch.optim.RMSprop),
    _alone(Adam, torch.optim.Adam),
    _alone(AdamW, torch.optim.AdamW),
    _alone(Adamax, torch.optim.Adamax),
]
