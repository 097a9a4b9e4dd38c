"""Methods: which direction to go, and how far. Each one is a ``torch.optim.Optimizer``.

A stochastic method is a few lines in the lecture's letters, its
:meth:`~course_lib.methods.Method.update`; the base class :class:`~course_lib.methods.Method` makes
an optimizer of them. A deterministic method asks its closure several times a step; its base is
:class:`~course_lib.methods.ClosureMethod`, and most of them are a direction and a step size in
slide 14's framework, :func:`~course_lib.methods.line_search`.
"""

from course_lib.methods.base import Method
from course_lib.methods.closure_method import ClosureMethod
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
from course_lib.methods.line_search import (
    Direction,
    FixedStep,
    GradientDescent,
    LineSearchMethod,
    SteepestDescent,
    StepSize,
    line_search,
)
from course_lib.methods.momentum import HeavyBall
from course_lib.methods.point import NoStepError, Point
from course_lib.methods.sgd import SGD

__all__ = [
    "SGD",
    "ClosureMethod",
    "ComposedSchedule",
    "Constant",
    "Cosine",
    "Direction",
    "Exponential",
    "FixedStep",
    "GradientDescent",
    "HeavyBall",
    "InverseTime",
    "LineSearchMethod",
    "Method",
    "NoStepError",
    "OneCycle",
    "PerEpoch",
    "Point",
    "Polynomial",
    "ReduceOnPlateau",
    "RobbinsMonro",
    "Schedule",
    "Scheduler",
    "Staircase",
    "SteepestDescent",
    "StepSize",
    "WarmUp",
    "line_search",
    "per_epoch",
    "robbins_monro",
]
