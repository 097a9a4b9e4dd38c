"""Methods: which direction to go, and how far. Each one is a ``torch.optim.Optimizer``.

A stochastic method is a few lines in the lecture's letters, its
:meth:`~course_lib.methods.Method.update`; the base class :class:`~course_lib.methods.Method` makes
an optimizer of them. A deterministic method asks its closure several times a step; its base is
:class:`~course_lib.methods.ClosureMethod`, and most of them are a direction and a step size in
slide 14's framework, :func:`~course_lib.methods.line_search`.
"""

from course_lib.methods.adagrad import Adagrad
from course_lib.methods.adam import Adam, AdamW
from course_lib.methods.adamax import Adamax
from course_lib.methods.base import Method
from course_lib.methods.closure_method import ClosureMethod
from course_lib.methods.combined import CombinedOptimizer
from course_lib.methods.conjugate_gradients import ConjugateGradientResult, conjugate_gradient
from course_lib.methods.conventions import (
    CONVENTIONS,
    Convention,
    Equivalent,
    convention,
    equivalent,
)
from course_lib.methods.coordinate_descent import CoordinateDescent, CoordinateDirection
from course_lib.methods.flat import FlatParameters
from course_lib.methods.lanczos import KrylovSubspace, lanczos
from course_lib.methods.lbfgs import LBFGS, LBFGSDirection, two_loop_recursion
from course_lib.methods.learning_rate import (
    ComposedSchedule,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    PerEpoch,
    Polynomial,
    ReduceOnPlateau,
    RobbinsMonro,
    Schedule,
    Scheduler,
    Staircase,
    WarmUp,
    per_epoch,
    robbins_monro,
)
from course_lib.methods.line_searching import (
    Direction,
    FixedStep,
    GradientDescent,
    LineSearchMethod,
    SteepestDescent,
    StepSize,
    line_search,
)
from course_lib.methods.linear_cg import LinearCG
from course_lib.methods.lion import Lion
from course_lib.methods.matrix_method import MatrixMethod
from course_lib.methods.momentum import HeavyBall
from course_lib.methods.momentum_conventions import (
    beta_from_momentum,
    buffer_from_last_step,
    last_step_from_buffer,
    momentum_from_beta,
)
from course_lib.methods.momentum_rates import (
    MomentumParameters,
    heavy_ball_rate,
    nesterov_beta,
    nesterov_parameters,
    nesterov_rate,
    polyak_parameters,
)
from course_lib.methods.muon import Muon, orthogonalized
from course_lib.methods.nesterov import Nesterov
from course_lib.methods.newton import Newton, NewtonDirection
from course_lib.methods.nonlinear_cg import ConjugateDirection, NonlinearCG
from course_lib.methods.oracle import Oracle
from course_lib.methods.point import NoStepError, Point
from course_lib.methods.quasi_newton import BFGS, BFGSDirection
from course_lib.methods.restart import RestartingMethod, first_direction
from course_lib.methods.rmsprop import RMSprop
from course_lib.methods.saddle_free_newton import SaddleFreeNewton
from course_lib.methods.schedule_free import ScheduleFree
from course_lib.methods.schedule_free_adamw import ScheduleFreeAdamW
from course_lib.methods.schedule_free_sgd import ScheduleFreeSGD
from course_lib.methods.sgd import SGD, SGDWithMomentum
from course_lib.methods.sparse_adam import SparseAdam
from course_lib.methods.step_sizes import ArmijoBacktracking, ExactStep, StrongWolfe
from course_lib.methods.stochastic_line_search import StochasticLineSearch
from course_lib.methods.trust_region import (
    TrustRegion,
    TrustRegionStep,
    dogleg_step,
    exact_step,
    steihaug_cg_step,
)

__all__ = [
    "BFGS",
    "CONVENTIONS",
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ArmijoBacktracking",
    "BFGSDirection",
    "ClosureMethod",
    "CombinedOptimizer",
    "ComposedSchedule",
    "ConjugateDirection",
    "ConjugateGradientResult",
    "Constant",
    "Convention",
    "CoordinateDescent",
    "CoordinateDirection",
    "Cosine",
    "Direction",
    "Equivalent",
    "ExactStep",
    "Exponential",
    "FixedStep",
    "FlatParameters",
    "GradientDescent",
    "HeavyBall",
    "InverseTime",
    "KrylovSubspace",
    "LBFGSDirection",
    "LineSearchMethod",
    "LinearCG",
    "Lion",
    "MatrixMethod",
    "Method",
    "MomentumParameters",
    "Muon",
    "Nesterov",
    "Newton",
    "NewtonDirection",
    "NoStepError",
    "NonlinearCG",
    "OneCycle",
    "Oracle",
    "PerEpoch",
    "Point",
    "Polynomial",
    "RMSprop",
    "ReduceOnPlateau",
    "RestartingMethod",
    "RobbinsMonro",
    "SGDWithMomentum",
    "SaddleFreeNewton",
    "Schedule",
    "ScheduleFree",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Scheduler",
    "SparseAdam",
    "Staircase",
    "SteepestDescent",
    "StepSize",
    "StochasticLineSearch",
    "StrongWolfe",
    "TrustRegion",
    "TrustRegionStep",
    "WarmUp",
    "beta_from_momentum",
    "buffer_from_last_step",
    "conjugate_gradient",
    "convention",
    "dogleg_step",
    "equivalent",
    "exact_step",
    "first_direction",
    "heavy_ball_rate",
    "lanczos",
    "last_step_from_buffer",
    "line_search",
    "momentum_from_beta",
    "nesterov_beta",
    "nesterov_parameters",
    "nesterov_rate",
    "orthogonalized",
    "per_epoch",
    "polyak_parameters",
    "robbins_monro",
    "steihaug_cg_step",
    "two_loop_recursion",
]
