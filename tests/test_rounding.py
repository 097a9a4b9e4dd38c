"""Rounded numbers do not depend on the last bits of the arithmetic."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.rounding import significant

NUMBERS = st.floats(-1e12, 1e12, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-300)


@given(NUMBERS, st.integers(1, 9))
def test_the_text_is_within_half_a_unit_of_the_last_place(value, digits):
    written = float(significant(value, digits))
    unit = 0 if value == 0 else 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
    assert abs(written - value) <= 0.5000001 * unit + 1e-9 * abs(value)


@given(st.integers(1, 999).filter(lambda n: n % 10 == 5), st.integers(-8, 8))
def test_halves_are_rounded_alike_with_noise(half, exponent):
    value = half * 10.0**exponent
    texts = {significant(value * (1 + noise), 2) for noise in (0, 1e-13, -1e-13)}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.999, 2, "1.0"),
        (-0.0949, 1, "-0.09"),
        (999999, 2, "1.0e6"),
        (123456, 3, "123000"),
        (0.00123, 2, "0.0012"),
        (0.000999, 1, "0.001"),
        (0.000123, 2, "1.2e-4"),
        (float("nan"), 2, "nan"),
        (float("-inf"), 2, "-inf"),
    ],
)
def test_the_form_is_plain_in_the_middle_and_scientific_outside(value, digits, text):
    assert significant(value, digits) == text


@pytest.mark.parametrize("digits", [0, 10, -1])
def test_digits_out_of_range_are_refused(digits):
    with pytest.raises(ValueError, match="digits must be from 1 to 9"):
        significant(1.0, digits)
