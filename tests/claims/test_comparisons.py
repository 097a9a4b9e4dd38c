"""A comparison holds where its inequality does, and shows figure and bound."""

import numpy as np
import pytest
import torch

from course_lib.claims import at_least, at_most, between, is_true


@pytest.mark.parametrize(
    ("comparison", "holds"),
    [
        (at_most("e", 1.0, 1.0), True),
        (at_most("e", 1.0 + 1e-12, 1.0), False),
        (at_least("e", 1, 1), True),
        (at_least("e", 0, 1), False),
        (between("e", 0.5, 0, 1), True),
        (between("e", -0.1, 0, 1), False),
        (between("e", 1.1, 0, 1), False),
        (at_most("e", float("nan"), 1), False),
        (at_least("e", float("nan"), 1), False),
        (at_most("e", float("inf"), 1), False),
        (at_least("e", float("inf"), 1), False),
        (at_most("e", -float("inf"), 1), False),
        (between("e", float("nan"), 0, 1), False),
        (at_least("e", 10**400, 1), True),
        (is_true("e", True), True),
        (is_true("e", np.bool_(False)), False),
        (is_true("e", torch.tensor(True)), True),
    ],
)
def test_bounds_are_kept_or_not(comparison, holds):
    assert comparison.holds is holds


@pytest.mark.parametrize(
    ("comparison", "text"),
    [
        (between("slope", torch.tensor(-1.004), -1.1, -0.9), "slope -1.00 in [-1.1, -0.9]"),
        (at_most("error", 0.0123456, 0.0125, digits=2), "error 0.012 ≤ 0.0125"),
        (at_least("accuracy", np.float32(0.8437), 0.8, digits=0), "accuracy ≥ 0.8"),
        (at_most("samples", 10000, 10000), "samples 10000 ≤ 10000"),
        (at_most("samples", torch.tensor(123456), 1e6), "samples 123456 ≤ 1000000"),
        (is_true("equal", False), "equal: no"),
    ],
)
def test_figures_are_rounded_and_bounds_shown_in_full(comparison, text):
    assert str(comparison) == text


@pytest.mark.parametrize(
    ("comparison", "text"),
    [
        (at_most("e", 0.1 + 1e-10, 0.1), "e 0.1000000001 ≤ 0.1"),
        (at_most("e", 0.1 + 1e-8, 0.1), "e 0.10000001 ≤ 0.1"),
        (at_least("e", 0.8 - 1e-14, 0.8), f"e {0.8 - 1e-14!r} ≥ 0.8"),
        (between("e", 2.0000004, 1, 2), "e 2.0000004 in [1, 2]"),
        (at_least("e", float("inf"), 2), "e inf (not finite) ≥ 2"),
        (between("e", float("nan"), 0, 2, digits=0), "e nan (not finite) in [0, 2]"),
    ],
)
def test_rounding_does_not_hide_why_a_bound_is_broken(comparison, text):
    assert not comparison.holds
    assert comparison.in_full() == text


def test_rounding_does_not_make_a_kept_bound_look_broken():
    assert str(at_most("e", 0.1272, 0.1274, digits=2)) == "e 0.127 ≤ 0.1274"
    assert str(at_least("e", 0.8, 0.79999, digits=1)) == "e 0.8 ≥ 0.79999"


@pytest.mark.parametrize("value", ["1", None, torch.zeros(2), [1], 1j, True])
def test_what_is_not_one_number_is_refused(value):
    with pytest.raises(TypeError, match="value must be one real number"):
        at_most("e", value, 1)


@pytest.mark.parametrize("compare", [at_most, at_least])
def test_a_missing_bound_is_not_a_truth_value(compare):
    with pytest.raises(TypeError, match="bound must be one real number, got None"):
        compare("e", 1, None)


@pytest.mark.parametrize("digits", [2.0, True, "2", None])
def test_digits_that_are_no_whole_number_are_refused(digits):
    with pytest.raises(ValueError, match="digits must be a whole number from 0 to 9"):
        at_most("e", 1, 2, digits=digits)


def test_a_truth_value_for_each_entry_is_refused():
    with pytest.raises(TypeError, match="value must be True or False, got tensor"):
        is_true("e", torch.tensor([True, False]))


def test_arguments_out_of_range_are_refused():
    with pytest.raises(ValueError, match="bound must be finite"):
        at_most("e", 1, float("inf"))
    with pytest.raises(ValueError, match="low must be at most high"):
        between("e", 1, 2, 0)
    with pytest.raises(ValueError, match="digits must be"):
        at_most("e", 1, 2, digits=-1)
    with pytest.raises(ValueError, match="name must be"):
        at_most(" ", 1, 2)
    with pytest.raises(TypeError, match="value must be True or False"):
        is_true("e", 1)
