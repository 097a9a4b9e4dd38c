"""What a description of a surface must hold, and what its functions must return."""

import math

import pytest
import torch

from course_lib.problems import Surface


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"name": ""}, TypeError, "name must be a text"),
        ({"formula": None}, TypeError, "formula must be a text .*got None"),
        ({"function": 3}, TypeError, "function must be a function of two tensors, got 3"),
        ({"derivatives": None}, TypeError, "derivatives must be .*got None"),
        ({"start": (1.0,)}, TypeError, r"start must hold a pair .*got \(1.0,\)"),
        ({"start": "ab"}, TypeError, "start must hold a pair .*got 'ab'"),
        ({"start": (1.0, math.nan)}, ValueError, "start must be a finite number, got nan"),
        ({"box": ((0, 1), (1, 0))}, ValueError, "box must be .*lowest, highest"),
        ({"box": (0, 1)}, TypeError, "box must hold a pair"),
        ({"box": "uv"}, TypeError, "box must be two pairs"),
        ({"minimizers": "none"}, TypeError, "minimizers must be a sequence"),
        ({"minimizers": [(0, 0, 0)]}, TypeError, "minimizers must hold a pair"),
        ({"minimum": math.nan}, ValueError, "minimum must be .*got nan"),
        ({"minimum": math.inf}, ValueError, "minimum must be .*got inf"),
        ({"minimum": -math.inf}, ValueError, "minimum must be a finite number if there are"),
    ],
)
def test_a_wrong_description_is_refused(change, kind, message):
    right = {
        "name": "bowl",
        "formula": "u^2 + v^2",
        "function": lambda u, v: u * u + v * v,
        "derivatives": lambda u, v: (2 * u, 2 * v),
        "start": (1, 1),
        "box": ((-2, 2), (-2, 2)),
        "minimizers": [(0, 0)],
        "minimum": 0,
    }
    assert Surface(**right).value(torch.ones(2)).item() == 2
    with pytest.raises(kind, match=message):
        Surface(**{**right, **change})


@pytest.mark.parametrize("wrong", [lambda u, v: 1.0, lambda u, v: u.sum(), lambda u, v: u.double()])
def test_functions_must_return_tensors_like_their_arguments(wrong):
    surface = Surface(
        "plane", "u", wrong, lambda u, v: (u, wrong(u, v)), start=(0, 0), box=((-1, 1), (-1, 1))
    )
    with pytest.raises((TypeError, ValueError), match="function must return tensors"):
        surface.value(torch.ones(3, 2))
    with pytest.raises((TypeError, ValueError), match="derivatives must return tensors"):
        surface.gradient(torch.ones(3, 2))


@pytest.mark.parametrize("wrong", [lambda u, v: u, lambda u, v: (u, v, u), lambda u, v: None])
def test_derivatives_must_be_a_pair(wrong):
    surface = Surface("plane", "u", lambda u, v: u, wrong, start=(0, 0), box=((-1, 1), (-1, 1)))
    with pytest.raises(TypeError, match="derivatives must return a pair of tensors, got"):
        surface.gradient(torch.ones(3, 2))
