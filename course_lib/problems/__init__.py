"""What is minimised: least squares with a known minimiser, real data sets, small networks."""

from course_lib.problems.least_squares import LeastSquares
from course_lib.problems.networks import mlp

__all__ = ["LeastSquares", "mlp"]
