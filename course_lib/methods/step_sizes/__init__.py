"""Step sizes: how far to go along a direction."""

from course_lib.methods.step_sizes.armijo import ArmijoBacktracking
from course_lib.methods.step_sizes.exact import ExactStep
from course_lib.methods.step_sizes.interpolation import cubic_minimizer
from course_lib.methods.step_sizes.line import Line, Trial
from course_lib.methods.step_sizes.strong_wolfe import StrongWolfe

__all__ = ["ArmijoBacktracking", "ExactStep", "Line", "StrongWolfe", "Trial", "cubic_minimizer"]
