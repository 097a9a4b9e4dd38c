"""Units that are powers of two: exact, and in range where plain squares are not."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods.scaling import (
    exponent_of,
    in_own_unit,
    in_unit,
    largest_exponent,
    length_of,
    times_power,
)

numbers = st.floats(1, 10).flatmap(lambda m: st.integers(-290, 290).map(lambda e: m * 10.0**e))
vectors = st.lists(numbers, min_size=1, max_size=5)
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@given(vectors)
def test_a_length_is_right_at_any_size(entries):
    v = torch.tensor(entries, dtype=torch.float64)
    assert length_of(v) == pytest.approx(math.hypot(*entries), rel=1e-14)


@given(vectors)
def test_the_largest_entry_is_near_one_in_its_own_unit(entries):
    v, e = in_own_unit(torch.tensor(entries, dtype=torch.float64))
    assert 0.5 <= float(v.abs().max()) < 1
    assert e == exponent_of(torch.tensor(entries, dtype=torch.float64))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_there_and_back_changes_no_bit_from_the_smallest_to_the_largest_number(dtype):
    info = torch.finfo(dtype)
    for number in (info.max, info.smallest_normal, info.smallest_normal * info.eps, 1 + info.eps):
        v = torch.tensor([number, 0.0], dtype=dtype)
        near, e = in_own_unit(v)
        assert 0.5 <= float(near[0]) < 1
        assert near[1] == 0
        assert torch.equal(in_unit(near, -e), v)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_largest_exponent_has_squares_in_range(dtype):
    ends = (
        in_unit(torch.ones(2, dtype=dtype), largest_exponent(dtype)),
        in_unit(torch.ones(2, dtype=dtype), -largest_exponent(dtype)),
    )
    for v in ends:
        assert 0 < float(v @ v) < math.inf


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_stays_so(bad):
    v = torch.tensor([bad, 1.0])
    assert not math.isfinite(length_of(v))
    assert exponent_of(v) == 0


def test_out_of_range_is_infinite_or_zero():
    assert times_power(1.0, 5000) == math.inf
    assert times_power(-1.0, 5000) == -math.inf
    assert times_power(1.0, -5000) == 0.0
    assert in_unit(torch.tensor([1.0, 0.0]), -5000).tolist() == [math.inf, 0.0]
