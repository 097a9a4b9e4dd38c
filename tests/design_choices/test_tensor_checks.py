import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.design_choices.tensor_checks import (
    check_alike,
    check_dimension,
    check_distributions,
    check_labels,
    check_log_distributions,
    check_probabilities,
    check_tensor,
    distribution_tolerance,
    in_working_precision,
)
from tests.design_choices.drawn_tensors import DTYPES, HALF, distributions

nan = float("nan")


def test_what_passes_comes_back_as_it_is():
    z = torch.zeros(2, 3)
    assert check_tensor("z", z) is z
    assert check_alike("y", z, "z", z) is z
    assert [check_dimension(dim, z) for dim in (0, 1, -1, -2)] == [0, 1, 1, 0]
    labels = torch.tensor([0, 2])
    assert check_labels("y", labels, 3) is labels
    assert check_labels("y", labels.to(torch.uint8), 3).dtype == torch.int64


@given(p=distributions((3, 4)))
def test_distributions_of_all_sizes_pass_and_in_other_directions_do_not(p):
    check_distributions("p", p, 1)
    check_distributions("p", p.mT, 0)
    with pytest.raises(ValueError, match="p must sum to 1 along dim 0"):
        check_distributions("p", p, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@given(p=distributions((1, 50)))
def test_the_tolerance_is_wider_than_rounding_and_no_wider_than_needed(dtype, p):
    check_distributions("p", p.to(dtype), 1)
    tolerance = distribution_tolerance(dtype)
    assert tolerance <= 0.02
    with pytest.raises(ValueError, match="must"):
        check_distributions("p", (p * (1 + 3 * tolerance)).to(dtype), 1)
    with pytest.raises(ValueError, match="p must sum to 1"):
        check_distributions("p", (p * (1 - 3 * tolerance)).to(dtype), 1)


@given(value=st.floats(allow_nan=False))
def test_a_probability_is_from_zero_to_one(value):
    tensor = torch.tensor([value, 0.5], dtype=torch.float64)
    if 0 <= value <= 1:
        check_probabilities("p", tensor)
        return
    with pytest.raises(ValueError, match=re.escape("p must be probabilities from 0 to 1, got")):
        check_probabilities("p", tensor)


def test_nan_is_no_probability_but_outputs_may_pass_it_on():
    bad = torch.tensor([[nan, 0.5]])
    for check in (lambda **o: check_probabilities("p", bad, **o),
                  lambda **o: check_distributions("p", bad, 1, **o)):  # fmt: skip
        with pytest.raises(ValueError, match="p must be probabilities from 0 to 1, got NaN"):
            check()
        check(allow_nan=True)
    with pytest.raises(ValueError, match="from 0 to 1"):
        check_probabilities("p", torch.tensor([nan, 2.0]), allow_nan=True)


def test_half_precision_is_worked_on_in_float32():
    for dtype in DTYPES:
        expected = torch.float32 if dtype in HALF else dtype
        assert in_working_precision(torch.ones(2, dtype=dtype)).dtype == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", [2, 10, 1000, 100_000])
def test_rounded_logarithms_of_distributions_pass(dtype, classes):
    for z in (torch.randn(3, classes), torch.zeros(3, classes), torch.arange(classes)[None] * 0.5):
        check_log_distributions("p", torch.log_softmax(z.double(), 1).to(dtype), 1)


def test_logarithms_of_no_distribution_are_refused_and_nan_passes():
    check_log_distributions("p", torch.tensor([0.0, -torch.inf]), 0)
    check_log_distributions("p", torch.tensor([torch.nan, -1.0]), 0)
    with pytest.raises(ValueError, match=r"p must be log-probabilities, at most 0, got 0\.5"):
        check_log_distributions("p", torch.tensor([0.5, -1.0]), 0)
    for dtype in (torch.float16, torch.float32):
        with pytest.raises(ValueError, match="exponentials of p must sum to 1 along dim 0, within"):
            check_log_distributions("p", torch.tensor([0.5, 0.48]).log().to(dtype), 0)
