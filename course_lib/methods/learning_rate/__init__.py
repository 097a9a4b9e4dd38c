"""Learning rates: the step size t_k as a function of the step k, or of how the run is going."""

from course_lib.methods.learning_rate.convergence import RobbinsMonro, robbins_monro
from course_lib.methods.learning_rate.counting import PerEpoch, per_epoch
from course_lib.methods.learning_rate.decay import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    Polynomial,
    Staircase,
)
from course_lib.methods.learning_rate.one_cycle import OneCycle
from course_lib.methods.learning_rate.plateau import ReduceOnPlateau
from course_lib.methods.learning_rate.schedule import ComposedSchedule, Schedule
from course_lib.methods.learning_rate.scheduler import Scheduler
from course_lib.methods.learning_rate.warm_up import WarmUp

__all__ = [
    "ComposedSchedule",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseTime",
    "OneCycle",
    "PerEpoch",
    "Polynomial",
    "ReduceOnPlateau",
    "RobbinsMonro",
    "Schedule",
    "Scheduler",
    "Staircase",
    "WarmUp",
    "per_epoch",
    "robbins_monro",
]
