"""The methods that the shared suite is run on, each with its counterpart in torch.

A new method joins by one line in `CASES`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from course_lib.methods import (
    SGD,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    HeavyBall,
    Lion,
    Muon,
    Nesterov,
    RMSprop,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
)
from tests.methods.example_rules import ExampleListMomentum, ExampleMomentum
from tests.methods.momentum_by_torch import LecturesMomentumByTorch
from tests.methods.nesterov_by_torch import LecturesNesterovByTorch
from tests.methods.newer_references import (
    LionByPytorchOptimizer,
    MuonByTorch,
    ScheduleFreeAdamWByItsAuthors,
    ScheduleFreeSGDByItsAuthors,
)


@dataclass(frozen=True)
class Case:
    """One configuration of a method, and the optimizer whose steps it must take."""

    ours: Callable[..., torch.optim.Optimizer]
    reference: Callable[..., torch.optim.Optimizer]
    options: dict[str, Any] = field(default_factory=dict)
    reference_options: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-12
    sparse: bool = False
    half_options: dict[str, Any] = field(default_factory=dict)
    matrices: bool = False
    """The method takes real matrices only."""

    def takes(self, p):
        return not self.matrices or (p.dim() == 2 and not p.is_complex())

    def shaped(self, t):
        """A tensor of a shape that the method takes: `t`, or a view of it as a matrix."""
        if not self.matrices or t.dim() == 2:
            return t
        return t.flatten(1) if t.dim() > 2 else t.view(1, -1)

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


def _adaptive(ours, reference, options, **more):
    """The same for methods that divide by gradients; eps must not vanish in half precision."""
    return _cases(ours, reference, options, tolerance=1e-10, half_options={"eps": 0.1}, **more)


CASES = [
    *_cases(SGD, torch.optim.SGD, {"lr": 0.1}, sparse=True),
    *_cases(SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}, sparse=True),
    *_cases(SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}, sparse=True),
    *_cases(HeavyBall, LecturesMomentumByTorch, {"lr": 0.1, "beta": 0.9}),
    *_cases(Nesterov, LecturesNesterovByTorch, {"lr": 0.1, "beta": 0.9}),
    *_cases(ExampleMomentum, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    *_cases(ExampleListMomentum, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    *_adaptive(Adagrad, torch.optim.Adagrad, {"lr": 0.1}, sparse=True),
    *_adaptive(
        Adagrad,
        torch.optim.Adagrad,
        {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5},
        sparse=True,
    ),
    *_adaptive(RMSprop, torch.optim.RMSprop, {"lr": 0.01}),
    *_adaptive(RMSprop, torch.optim.RMSprop, {"lr": 0.01, "momentum": 0.5, "centered": True}),
    *_adaptive(Adam, torch.optim.Adam, {"lr": 0.01}),
    *_adaptive(Adam, torch.optim.Adam, {"lr": 0.01, "amsgrad": True}),
    *_adaptive(AdamW, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.0}),
    *_adaptive(Adamax, torch.optim.Adamax, {"lr": 0.01}),
    *_cases(Lion, LionByPytorchOptimizer, {"lr": 0.01}),
    *_cases(ScheduleFreeSGD, ScheduleFreeSGDByItsAuthors, {"lr": 0.1, "warmup_steps": 5}),
    *_adaptive(ScheduleFreeAdamW, ScheduleFreeAdamWByItsAuthors, {"lr": 0.01, "r": 0.5}),
    *_cases(Muon, MuonByTorch, {"lr": 0.1, "weight_decay": 0.0}, matrices=True),
]
PLAIN = [c for c in CASES if not c.options.get("weight_decay") and "maximize" not in c.options]
