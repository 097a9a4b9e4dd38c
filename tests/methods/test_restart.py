"""What methods fall back on: the first direction, and one more try from scratch."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import (
    BFGS,
    LBFGS,
    NonlinearCG,
    NoStepError,
    RestartingMethod,
    StrongWolfe,
    first_direction,
)
from course_lib.methods.restart import is_descent, steepest
from course_lib.training import minimize
from tests.methods.quadratics import FUNCTIONS

each_method = pytest.mark.parametrize("method", [BFGS, LBFGS, NonlinearCG])
numbers = st.floats(-1e100, 1e100).filter(lambda value: value == 0 or abs(value) > 1e-100)


class KnownPoint:
    """A point whose gradient is given."""

    def __init__(self, gradient):
        self.gradient = torch.tensor(gradient, dtype=torch.float64)

    def slope(self, d):
        return float(self.gradient @ d)


@given(st.lists(numbers, min_size=1, max_size=5).filter(any))
def test_the_first_direction_is_the_negative_gradient_of_length_at_most_one(gradient):
    point = KnownPoint(gradient)
    size = float(point.gradient.abs().sum())
    d = first_direction(point)
    torch.testing.assert_close(d, -min(1, 1 / size) * point.gradient, rtol=1e-12, atol=0)
    assert float(d.abs().sum()) == pytest.approx(min(1, size), rel=1e-12)


def test_at_a_stationary_point_there_is_no_direction():
    for direction in (steepest, first_direction):
        with pytest.raises(NoStepError, match="the gradient is zero"):
            direction(KnownPoint([0.0, 0.0]))


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=2), st.floats(-math.pi, math.pi))
def test_a_descent_direction_makes_an_acute_angle_with_the_negative_gradient(gradient, angle):
    point = KnownPoint(gradient)
    a, b = point.gradient
    turned = torch.stack([math.cos(angle) * a - math.sin(angle) * b,
                          math.sin(angle) * a + math.cos(angle) * b])  # fmt: skip
    if abs(math.cos(angle)) > 1e-9 and float(point.gradient.norm()) > 1e-100:
        assert is_descent(point, -turned) == (math.cos(angle) > 0)


def test_what_is_not_a_number_is_no_descent_direction():
    assert not is_descent(KnownPoint([1.0, 1.0]), torch.tensor([math.nan, -1.0]).double())


class Remembering:
    """Steepest descent that claims to have learned something, and counts its restarts."""

    def __init__(self):
        self.restarts = 0

    def __call__(self, point, memory, /):
        memory["learned"] = memory.get("learned", 0) + 1
        return steepest(point)

    def restart(self, memory):
        self.restarts += 1
        return memory.pop("learned") > 1


class Refusing:
    """A fixed step that refuses some of the times it is asked."""

    def __init__(self, *times):
        self.times, self.asked = times, 0

    def __call__(self, point, d, memory, /, *, first):
        self.asked += 1
        if self.asked in self.times:
            raise NoStepError(f"refused at time {self.asked}")
        return first


def run(direction, step_size, steps):
    methods = []

    def make(params):
        methods.append(RestartingMethod(params, direction, step_size, lr=0.1))
        return methods[0]

    path = minimize(lambda x: x @ x, [1.0, 2.0], make, steps=steps)
    (state,) = methods[0].state.values()
    return path, state["memory"]["direction"]


def test_a_search_that_finds_nothing_is_made_once_more_from_scratch():
    direction, step_size = Remembering(), Refusing(3)
    path, memory = run(direction, step_size, 4)
    assert (len(path), step_size.asked, direction.restarts) == (4, 5, 1)
    assert memory == {"learned": 2}  # in the third step, anew, and in the fourth


def test_if_that_finds_nothing_either_it_stops_and_memory_is_as_it_was():
    direction, step_size = Remembering(), Refusing(3, 4)
    path, memory = run(direction, step_size, 4)
    assert (len(path), path.reason) == (2, "refused at time 4")
    assert memory == {"learned": 2}


def test_without_anything_learned_there_is_no_second_try():
    direction, step_size = Remembering(), Refusing(1)
    path = minimize(
        lambda x: x @ x, [1.0, 2.0], lambda p: RestartingMethod(p, direction, step_size), steps=4
    )
    assert (len(path), path.reason, step_size.asked) == (0, "refused at time 1", 1)


class OnlyAlongTheGradient(StrongWolfe):
    """It refuses all but the gradient, as if what was learned had become useless."""

    def __call__(self, point, d, memory, /, *, first):
        cosine = point.slope(d) / float(point.gradient.norm() * d.norm())
        return super().__call__(point, d if cosine < -1 + 1e-12 else -d, memory, first=first)


@each_method
def test_methods_that_learn_go_on_from_scratch(method):
    f, start = FUNCTIONS["Rosenbrock"]
    path = minimize(f, start, lambda p: method(p, step_size=OnlyAlongTheGradient()), steps=5)
    assert len(path) == 5
    assert all(path.values[1:] < path.values[:-1])


@each_method
def test_at_a_stationary_point_they_say_so(method):
    path = minimize(lambda x: x @ x, [0.0, 0.0], method, steps=5)
    assert len(path) == 0
    assert path.reason == "the gradient is zero: the point is stationary"
