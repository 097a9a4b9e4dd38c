"""The methods that the shared suite is run on, each with its counterpart in torch.

A new method joins by one line in `CASES`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from course_lib.methods import SGD, HeavyBall
from tests.methods.example_rules import (
    ExampleAdam,
    ExampleAdamW,
    ExampleListMomentum,
    ExampleMomentum,
)
from tests.methods.momentum_by_torch import LecturesMomentumByTorch


@dataclass(frozen=True)
class Case:
    """One configuration of a method, and the optimizer whose steps it must take."""

    ours: Callable[..., torch.optim.Optimizer]
    reference: Callable[..., torch.optim.Optimizer]
    options: dict[str, Any] = field(default_factory=dict)
    reference_options: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-12
    sparse: bool = False
    float16: bool = True

    def make(self, params, **options):
        return self.ours(params, **{**self.options, **options})

    def make_reference(self, params, **options):
        return self.reference(params, **{**self.options, **self.reference_options, **options})

    def __str__(self):
        return "-".join([self.ours.__name__, *(f"{k}={v}" for k, v in self.options.items())])


def _cases(ours, reference, options, **more):
    """One case for each combination with weight decay and maximize."""
    both = [{}, {"weight_decay": 0.1}, {"maximize": True}, {"weight_decay": 0.1, "maximize": True}]
    return [Case(ours, reference, {**options, **extra}, **more) for extra in both]


CASES = [
    *_cases(SGD, torch.optim.SGD, {"lr": 0.1}, sparse=True),
    *_cases(HeavyBall, LecturesMomentumByTorch, {"lr": 0.1, "beta": 0.9}),
    *_cases(ExampleMomentum, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    *_cases(ExampleListMomentum, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    # Adam's eps is 0 in float16, and its step 0/0 where the gradient is small, torch's too.
    *_cases(ExampleAdam, torch.optim.Adam, {"lr": 0.01}, tolerance=1e-10, float16=False),
    *_cases(
        ExampleAdamW,
        torch.optim.AdamW,
        {"lr": 0.01, "weight_decay": 0.0},
        tolerance=1e-10,
        float16=False,
    ),
]
PLAIN = [c for c in CASES if not c.options.get("weight_decay") and "maximize" not in c.options]
