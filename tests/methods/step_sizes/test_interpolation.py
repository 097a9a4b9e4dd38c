"""The cubic through two points, against its derivative."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from course_lib.methods.step_sizes import Trial, cubic_minimizer

coefficients = st.floats(-10, 10)
places = st.floats(-3, 3)


def trial(p, t):
    return Trial(t, p(t), p.deriv()(t))


@given(coefficients, coefficients, coefficients, coefficients, places, places)
def test_it_is_the_minimiser_of_any_cubic_that_has_one(c0, c1, c2, c3, a, b):
    assume(abs(a - b) > 0.1)
    assume(c3 == 0 or abs(c3) > 0.1)
    p = np.polynomial.Polynomial([c0, c1, c2, c3])
    stationary = [r.real for r in np.atleast_1d(p.deriv().roots()) if abs(r.imag) < 1e-9]
    minima = [r for r in stationary if p.deriv(2)(r) > 0.1]
    assume(minima)
    found = cubic_minimizer(trial(p, a), trial(p, b), -1e6, 1e6)
    assert found == pytest.approx(minima[0], rel=1e-5, abs=1e-5)
    assert cubic_minimizer(trial(p, b), trial(p, a), -1e6, 1e6) == found


@pytest.mark.parametrize(("low", "high", "found"), [(0.5, 3, 1), (1.5, 3, 1.5), (0, 0.5, 0.5)])
def test_it_is_moved_into_the_interval(low, high, found):
    p = np.polynomial.Polynomial([0, -3, 0, 1])
    assert cubic_minimizer(trial(p, 0.0), trial(p, 3.0), low, high) == pytest.approx(found)


def test_it_is_the_far_end_of_a_falling_line_and_the_near_end_of_a_rising_one():
    falling, rising = (np.polynomial.Polynomial([1, slope]) for slope in (-1, 1))
    assert cubic_minimizer(trial(falling, 0.0), trial(falling, 1.0), 1.01, 10) == 10
    assert cubic_minimizer(trial(rising, 0.0), trial(rising, 1.0), 1.01, 10) == 1.01


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Trial(0.0, 1.0, -1.0), Trial(1.0, math.inf, math.inf)),
        (Trial(0.0, 1.0, -1.0), Trial(1.0, 1e200, 1e200)),  # their squares overflow
        (Trial(0.0, 0.0, -1.0), Trial(1.0, -1.0, -2.0)),  # no minimum
        (Trial(1.0, 0.0, -1.0), Trial(1.0, 0.0, -1.0)),
        (Trial(0.0, 0.0, 0.0), Trial(1.0, 0.0, 0.0)),  # flat
    ],
)
def test_it_is_the_middle_where_there_is_none(a, b):
    assert cubic_minimizer(a, b, 0.0, 1.0) == 0.5
