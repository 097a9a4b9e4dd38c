"""The methods that ask their closure several times a step, for the shared suite.

A new method joins by one line in `CLOSURE_CASES`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from course_lib.methods import (
    BFGS,
    LBFGS,
    ArmijoBacktracking,
    CoordinateDescent,
    ExactStep,
    FixedStep,
    GradientDescent,
    LinearCG,
    Newton,
    NonlinearCG,
    SaddleFreeNewton,
    StochasticLineSearch,
    StrongWolfe,
    TrustRegion,
)


@dataclass(frozen=True)
class ClosureCase:
    """One configuration of a method.

    Attributes:
        ours: makes the optimizer from parameters and options.
        options: its options.
        monotone: whether the value never rises, whatever the function.
        factor: by which share 30 steps lower the distance to the lowest value of the suite's bowl.
        half: whether it can be used in float16 and bfloat16.
    """

    ours: Callable[..., torch.optim.Optimizer]
    options: dict[str, Any] = field(default_factory=dict)
    monotone: bool = True
    factor: float = 1e-6
    half: bool = True

    def make(self, params, **options):
        return self.ours(params, **{**self.options, **options})

    def __str__(self):
        return "-".join([self.ours.__name__, *(f"{k}={v}" for k, v in self.options.items())])


CLOSURE_CASES = [
    ClosureCase(GradientDescent, {"lr": 0.3}, monotone=False, factor=0.05),
    ClosureCase(GradientDescent, {"lr": 1.0, "step_size": ArmijoBacktracking()}, factor=0.05),
    ClosureCase(GradientDescent, {"lr": 1.0, "step_size": StrongWolfe(c2=0.1)}, factor=0.05),
    ClosureCase(GradientDescent, {"step_size": ExactStep()}, monotone=False, factor=0.05),
    ClosureCase(StochasticLineSearch, {"batches_per_epoch": 1}, factor=0.05),
    ClosureCase(BFGS),
    ClosureCase(BFGS, {"lr": 0.7, "damping": True, "step_size": FixedStep()}, monotone=False),
    ClosureCase(LBFGS),
    ClosureCase(LBFGS, {"lr": 0.7, "history_size": 3, "step_size": FixedStep()}, monotone=False),
    ClosureCase(NonlinearCG),
    ClosureCase(NonlinearCG, {"beta": "FR", "restart_every": 4}),
    ClosureCase(LinearCG, monotone=False),
    ClosureCase(Newton, {"modification": "eigenvalues"}),
    ClosureCase(Newton, {"modification": "Cholesky"}),
    ClosureCase(SaddleFreeNewton),
    ClosureCase(SaddleFreeNewton, {"lr": 0.9, "damping": 0.1}, monotone=False),
    ClosureCase(SaddleFreeNewton, {"solver": "Krylov", "krylov_size": 4}),
    ClosureCase(TrustRegion, {"solver": "exact"}),
    ClosureCase(TrustRegion, {"solver": "dogleg"}),
    ClosureCase(TrustRegion, {"solver": "Steihaug-CG"}),
    ClosureCase(CoordinateDescent, {"lr": 2.0, "step_size": ArmijoBacktracking()}, factor=0.5),
    ClosureCase(
        CoordinateDescent, {"lr": 0.2, "rule": "Gauss-Southwell"}, monotone=False, factor=0.5
    ),
    ClosureCase(
        CoordinateDescent,
        {"lr": 1.0, "rule": "random", "step_size": ArmijoBacktracking()},
        factor=0.5,
    ),
    ClosureCase(
        CoordinateDescent,
        {"rule": "Gauss-Southwell", "step_size": ExactStep()},
        monotone=False,
        factor=0.1,
    ),
]
