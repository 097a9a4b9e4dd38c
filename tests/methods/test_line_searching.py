"""Slide 14's loop and the optimizer that is its body."""

import pytest
import torch

from course_lib.methods import (
    SGD,
    FixedStep,
    GradientDescent,
    LineSearchMethod,
    NoStepError,
    SteepestDescent,
    line_search,
)
from course_lib.training import NonFiniteLossError, minimize

START = [1.0, -2.0, 0.5]


def f(x):
    return (x**2 @ torch.tensor([1.0, 3.0, 0.2])) + (x**4).sum()


def never(path):
    return None


def answers(**more):
    return {"direction": SteepestDescent(), "step_size": FixedStep(), "stop": never, **more}


def test_loop_optimizer_and_torch_take_the_same_steps():
    path = line_search(f, START, lr=0.05, steps=20, **answers())
    for method in (GradientDescent, SGD, torch.optim.SGD):
        other = minimize(f, START, lambda params, m=method: m(params, lr=0.05), steps=20)
        torch.testing.assert_close(path.x, other.x, rtol=0, atol=1e-6)
    assert path.touched["gradient"] == 21


def test_direction_and_step_size_are_asked_in_turn_with_a_memory_of_their_own():
    def turning(point, memory):
        memory["k"] = memory.get("k", 0) + 1
        d = torch.zeros_like(point.x)
        d[int(memory["k"]) % 3] = 1
        return d

    def shrinking(point, d, memory, *, first):
        memory["k"] = memory.get("k", 0) + 1
        return first / memory["k"]

    path = line_search(
        f, START, **answers(direction=turning, step_size=shrinking), lr=0.75, steps=3
    )
    assert path.x.diff(dim=0).tolist() == [[0, 0.75, 0], [0, 0, 0.375], [0.25, 0, 0]]

    other = minimize(
        f, START, lambda params: LineSearchMethod(params, turning, shrinking, lr=0.75), steps=3
    )
    assert torch.equal(other.x, path.x)


def test_it_stops_where_it_is_told_to_with_the_reason():
    def stop(path):
        return "low" if path.values[-1] < 1 else None

    path = line_search(f, START, **answers(stop=stop), lr=0.02)
    assert path.reason == "low"
    assert (path.values[:-1] >= 1).all()
    assert line_search(f, START, **answers(), lr=0.02, steps=4).reason == "all 4 steps made"


@pytest.mark.parametrize("by", ["direction", "step_size"])
def test_a_method_that_cannot_go_on_ends_the_run_with_its_reason(by):
    def stuck(*_, **__):
        raise NoStepError("no way down")

    path = line_search(f, START, **answers(**{by: stuck}))
    assert (len(path), path.reason) == (0, "no way down")
    parts = [answers(**{by: stuck})[name] for name in ("direction", "step_size")]
    path = minimize(f, START, lambda params: LineSearchMethod(params, *parts), steps=9)
    assert (len(path), path.reason) == (0, "no way down")


def test_a_step_to_infinity_is_not_made():
    path = minimize(f, START, lambda params: GradientDescent(params, lr=1e38), steps=9)
    assert (len(path), path.reason) == (0, "the step leads to values that are not finite")


def test_a_learning_rate_of_zero_moves_nothing():
    path = minimize(f, START, lambda params: GradientDescent(params, lr=0), steps=2)
    assert torch.equal(path.x[2], path.x[0])


def test_divergence_is_an_error_that_holds_the_path():
    with pytest.raises(NonFiniteLossError) as caught:
        line_search(f, START, **answers(), lr=100.0)
    assert len(caught.value.record) >= 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"direction": "down"}, TypeError, "direction must be"),
        ({"step_size": 0.1}, TypeError, "step_size must be"),
        ({"stop": None}, TypeError, "stop must be"),
        ({"stop": lambda path: False}, TypeError, "stop must return the reason"),
        ({"lr": -1.0}, ValueError, "lr must be a non-negative finite number"),
        ({"steps": 1.5}, TypeError, "steps must be"),
    ],
)
def test_what_makes_no_sense_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        line_search(f, START, **{**answers(), **change})
