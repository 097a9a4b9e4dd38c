"""Sizes, points and functions that the classical test set refuses, and what it hands out."""

import pickle

import pytest
import torch

from course_lib.problems import Minimum, TestFunction, more_garbow_hillstrom
from course_lib.problems import classical_test_set as collection


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        ("watson", (1,), "n must be an integer from 2 to 31, got 1"),
        ("watson", (32,), "n must be an integer from 2 to 31"),
        ("watson", (6.0,), "n must be an integer"),
        ("extended_rosenbrock", (3,), "n must be a multiple of 2, got 3"),
        ("extended_rosenbrock", (0,), "n must be an integer of at least 2"),
        ("extended_powell_singular", (6,), "n must be a multiple of 4, got 6"),
        ("gulf_research", (101,), "m must be an integer from 3 to 100"),
        ("box_three_dimensional", (2,), "m must be an integer of at least 3"),
        ("biggs_exp6", (5,), "m must be an integer of at least 6"),
        ("brown_dennis", ("20",), "m must be an integer"),
        ("jennrich_sampson", (True,), "m must be an integer"),
        ("linear_full_rank", (5, 4), "m must be an integer of at least 5, got 4"),
        ("linear_rank_1_with_zeros", (2, 4), "n must be an integer of at least 3"),
        ("chebyquad", (8, 7), "m must be an integer of at least 8"),
        ("brown_almost_linear", (1,), "n must be an integer of at least 2"),
        ("penalty_1", (0,), "n must be an integer of at least 1"),
        ("trigonometric", (float("nan"),), "n must be an integer"),
    ],
)
def test_a_wrong_size_is_refused(make, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        getattr(collection, make)(*arguments)


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (torch.zeros(3), ValueError),
        (torch.zeros(()), ValueError),
        (torch.zeros(2, 0), ValueError),
        (torch.zeros(2, dtype=torch.int64), TypeError),
        (torch.zeros(2, dtype=torch.complex64), TypeError),
        ([1.0, 2.0], TypeError),
        ("point", TypeError),
        (None, TypeError),
    ],
)
def test_a_wrong_point_is_refused(x, error):
    f = collection.rosenbrock()
    with pytest.raises(error, match="x must"):
        f.residuals(x)
    with pytest.raises(error, match="x must"):
        f.value(x)


def test_nan_and_infinity_show_in_the_value():
    f = collection.rosenbrock()
    values = f.value(torch.tensor([[float("nan"), 1.0], [float("inf"), 1.0]]))
    assert values[0].isnan()
    assert not values[1].isfinite()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"number": -1}, "number must be"),
        ({"name": " "}, "name must be"),
        ({"residuals": 3}, "residuals must be"),
        ({"start": []}, "start must hold"),
        ({"start": "ab"}, "start must hold"),
        ({"start": [float("nan"), 0.0]}, "start must be a finite number"),
        ({"m": 0}, "m must be"),
        ({"minima": [Minimum(-1.0)]}, "minima must be a finite number of at least 0"),
        ({"minima": [Minimum(0.0, (1.0,))]}, "minima must hold points of 2 numbers"),
        ({"minima": [Minimum(0.0, unit=float("inf"))]}, "minima must be a finite number"),
    ],
)
def test_a_wrong_test_function_is_refused(changed, message):
    good = {"number": 1, "name": "bowl", "residuals": lambda x: x, "start": [1.0, 2.0], "m": 2}
    assert TestFunction(**good).value(torch.ones(2)).item() == 2
    given = {**good, **changed}
    with pytest.raises((TypeError, ValueError), match=message):
        TestFunction(**given)


@pytest.mark.parametrize(
    ("returned", "error"),
    [
        (lambda x: x[..., :1], ValueError),
        (lambda x: x.double(), ValueError),
        (lambda x: [1.0, 2.0], TypeError),
    ],
)
def test_residuals_of_a_wrong_form_are_refused(returned, error):
    f = TestFunction(0, "wrong", returned, start=[1.0, 2.0], m=2)
    with pytest.raises(error, match="residuals must return"):
        f.value(torch.ones(2))


def test_what_is_handed_out_can_be_changed():
    f = collection.wood()
    f.start.zero_()
    f.minimizers[0].zero_()
    assert f.start.tolist() == [-3, -1, -3, -1]
    assert f.minimizers[0].tolist() == [1, 1, 1, 1]


def test_constructors_travel_by_name():
    assert pickle.loads(pickle.dumps(more_garbow_hillstrom)) is more_garbow_hillstrom
    assert pickle.loads(pickle.dumps(collection.chebyquad))(9).n == 9
