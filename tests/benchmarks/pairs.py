"""What is timed against what, and the bounds that must hold."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from course_lib.methods import SGD
from tests.methods.example_rules import ExampleAdam, ExampleListMomentum


@dataclass(frozen=True)
class Pair:
    """A method, what it is compared with, and bounds of the ratio for each load (None: none)."""

    name: str
    ours: Callable[..., torch.optim.Optimizer]
    theirs: Callable[..., torch.optim.Optimizer]
    bounds: tuple[float | None, float | None, float | None] = (None, None, None)
    compiled: bool = False


def _adam_compiled(params):
    return ExampleAdam(params, compile=True)


def _sgd_compiled(params):
    return SGD(params, compile=True)


PAIRS = [
    Pair("SGD", SGD, torch.optim.SGD, (1.1, 0.4, 1.0)),
    Pair("tests' momentum", ExampleListMomentum, lambda ps: torch.optim.SGD(ps, momentum=0.9)),
    Pair("tests' Adam", ExampleAdam, torch.optim.Adam),
    Pair(
        "SGD compiled / fused",
        _sgd_compiled,
        lambda ps: torch.optim.SGD(ps, fused=True),
        compiled=True,
    ),
    Pair(
        "tests' Adam compiled / fused",
        _adam_compiled,
        lambda ps: torch.optim.Adam(ps, fused=True),
        compiled=True,
    ),
]
