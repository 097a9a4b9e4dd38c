"""What is minimised: least squares, surfaces, classical test functions, data sets, small networks.

And nets that are not trained: their weights are set by a formula, with a bound for their error.
"""

from course_lib.problems.approximation import (
    interpolating_net,
    interpolation_bound,
    step_bound,
    step_net,
)
from course_lib.problems.classical_test_set import Minimum, TestFunction, more_garbow_hillstrom
from course_lib.problems.digit_images import digits
from course_lib.problems.fashion_images import FASHION_CLASSES, fashion_mnist
from course_lib.problems.idx import DamagedDataError
from course_lib.problems.least_squares import LeastSquares
from course_lib.problems.networks import mlp
from course_lib.problems.smoothness import largest_curvature, modulus_of_continuity
from course_lib.problems.surface import Surface
from course_lib.problems.surfaces import (
    elongated_quadratic,
    monkey_saddle,
    rosenbrock,
    rotated_quadratic,
    saddle,
)
from course_lib.problems.tent_maps import squaring_bound, squaring_net, tent_net

__all__ = [
    "FASHION_CLASSES",
    "DamagedDataError",
    "LeastSquares",
    "Minimum",
    "Surface",
    "TestFunction",
    "digits",
    "elongated_quadratic",
    "fashion_mnist",
    "interpolating_net",
    "interpolation_bound",
    "largest_curvature",
    "mlp",
    "modulus_of_continuity",
    "monkey_saddle",
    "more_garbow_hillstrom",
    "rosenbrock",
    "rotated_quadratic",
    "saddle",
    "squaring_bound",
    "squaring_net",
    "step_bound",
    "step_net",
    "tent_net",
]
