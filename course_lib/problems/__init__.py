"""What is minimised: least squares with a known minimiser, real data sets, small networks."""

from course_lib.problems.digit_images import digits
from course_lib.problems.fashion_images import FASHION_CLASSES, fashion_mnist
from course_lib.problems.idx import DamagedDataError
from course_lib.problems.least_squares import LeastSquares
from course_lib.problems.networks import mlp

__all__ = [
    "FASHION_CLASSES",
    "DamagedDataError",
    "LeastSquares",
    "digits",
    "fashion_mnist",
    "mlp",
]
