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
from course_lib.problems.one_hidden_layer import OneHiddenLayer
from course_lib.problems.rotation import rotated
from course_lib.problems.saddles import (
    NoisySurface,
    bounded_saddle,
    monkey_saddle,
    noisy_saddle,
    saddle,
)
from course_lib.problems.smoothness import largest_curvature, modulus_of_continuity
from course_lib.problems.surface import Surface
from course_lib.problems.tent_maps import squaring_bound, squaring_net, tent_net
from course_lib.problems.valleys import (
    beale,
    elongated_quadratic,
    long_valley,
    rosenbrock,
    rotated_quadratic,
)

__all__ = [
    "FASHION_CLASSES",
    "DamagedDataError",
    "LeastSquares",
    "Minimum",
    "NoisySurface",
    "OneHiddenLayer",
    "Surface",
    "TestFunction",
    "beale",
    "bounded_saddle",
    "digits",
    "elongated_quadratic",
    "fashion_mnist",
    "interpolating_net",
    "interpolation_bound",
    "largest_curvature",
    "long_valley",
    "mlp",
    "modulus_of_continuity",
    "monkey_saddle",
    "more_garbow_hillstrom",
    "noisy_saddle",
    "rosenbrock",
    "rotated",
    "rotated_quadratic",
    "saddle",
    "squaring_bound",
    "squaring_net",
    "step_bound",
    "step_net",
    "tent_net",
]
