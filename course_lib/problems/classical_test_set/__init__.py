r"""The 35 test functions of Moré, Garbow and Hillstrom, with their standard starts and minima.

Each is a sum of squares :math:`f(x) = \sum_{i=1}^m f_i(x)^2`. Functions 1 to 19 have a fixed
number of variables, of the others it can be chosen. Published minima have five or six digits, and
so have the values here: ``units`` tells the last digit. Minimisers are given to more digits than
the paper prints, where it prints any; tests find the gradient there to vanish.

The formulas agree with the paper's own subroutines, at the starts and at random points near them.
Where public collections disagree with these, the docstring of the function says so.

Source: J. J. Moré, B. S. Garbow, K. E. Hillstrom, *Testing unconstrained optimization software*,
ACM Transactions on Mathematical Software 7 (1981), 17–41, and *Algorithm 566*, ibid., 136–140.
"""

from __future__ import annotations

from course_lib.problems.classical_test_set.any_dimension import (
    extended_powell_singular,
    extended_rosenbrock,
    penalty_1,
    penalty_2,
    trigonometric,
    variably_dimensioned,
    watson,
)
from course_lib.problems.classical_test_set.equations import (
    brown_almost_linear,
    broyden_banded,
    broyden_tridiagonal,
    chebyquad,
    discrete_boundary_value,
    discrete_integral_equation,
)
from course_lib.problems.classical_test_set.four_to_eleven_variables import (
    biggs_exp6,
    brown_dennis,
    kowalik_osborne,
    osborne_1,
    osborne_2,
    powell_singular,
    wood,
)
from course_lib.problems.classical_test_set.linear import (
    linear_full_rank,
    linear_rank_1,
    linear_rank_1_with_zeros,
)
from course_lib.problems.classical_test_set.test_function import Minimum, TestFunction
from course_lib.problems.classical_test_set.three_variables import (
    bard,
    box_three_dimensional,
    gaussian,
    gulf_research,
    helical_valley,
    meyer,
)
from course_lib.problems.classical_test_set.two_variables import (
    beale,
    brown_badly_scaled,
    freudenstein_roth,
    jennrich_sampson,
    powell_badly_scaled,
    rosenbrock,
)

__all__ = [
    "FOR_MINIMIZATION",
    "Minimum",
    "TestFunction",
    "bard",
    "beale",
    "biggs_exp6",
    "box_three_dimensional",
    "brown_almost_linear",
    "brown_badly_scaled",
    "brown_dennis",
    "broyden_banded",
    "broyden_tridiagonal",
    "chebyquad",
    "discrete_boundary_value",
    "discrete_integral_equation",
    "extended_powell_singular",
    "extended_rosenbrock",
    "freudenstein_roth",
    "gaussian",
    "gulf_research",
    "helical_valley",
    "jennrich_sampson",
    "kowalik_osborne",
    "linear_full_rank",
    "linear_rank_1",
    "linear_rank_1_with_zeros",
    "meyer",
    "more_garbow_hillstrom",
    "osborne_1",
    "osborne_2",
    "penalty_1",
    "penalty_2",
    "powell_badly_scaled",
    "powell_singular",
    "rosenbrock",
    "trigonometric",
    "variably_dimensioned",
    "watson",
    "wood",
]

FOR_MINIMIZATION = (7, 18, 9, 3, 12, 25, 20, 23, 24, 4, 16, 11, 26, 21, 22, 5, 14, 35)
"""Numbers of the 18 functions that the paper lists for unconstrained minimisation, in its order."""


def more_garbow_hillstrom() -> list[TestFunction]:
    """Return all 35 functions, function ``number`` at place ``number - 1``.

    Those of variable dimension have the sizes that their own functions have by default; call
    these for others, such as ``chebyquad(n=10)``.

    Example:
        >>> functions = more_garbow_hillstrom()
        >>> len(functions), functions[0]
        (35, TestFunction(1: Rosenbrock, n=2, m=2))
        >>> [f.name for f in functions if f.n > 10]
        ['Osborne 2', 'Extended Powell singular']
    """
    return [
        rosenbrock(),
        freudenstein_roth(),
        powell_badly_scaled(),
        brown_badly_scaled(),
        beale(),
        jennrich_sampson(),
        helical_valley(),
        bard(),
        gaussian(),
        meyer(),
        gulf_research(),
        box_three_dimensional(),
        powell_singular(),
        wood(),
        kowalik_osborne(),
        brown_dennis(),
        osborne_1(),
        biggs_exp6(),
        osborne_2(),
        watson(),
        extended_rosenbrock(),
        extended_powell_singular(),
        penalty_1(),
        penalty_2(),
        variably_dimensioned(),
        trigonometric(),
        brown_almost_linear(),
        discrete_boundary_value(),
        discrete_integral_equation(),
        broyden_tridiagonal(),
        broyden_banded(),
        linear_full_rank(),
        linear_rank_1(),
        linear_rank_1_with_zeros(),
        chebyquad(),
    ]
