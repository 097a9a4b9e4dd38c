import re
from fractions import Fraction

import pytest

from course_lib.arguments import check_number


@pytest.mark.parametrize("value", [10**400, -(10**400), Fraction(10**400, 3)])
def test_a_number_too_large_for_a_float_is_refused(value):
    with pytest.raises(
        ValueError, match=f"size must be a finite number, got {re.escape(repr(value))}"
    ):
        check_number("size", value)
