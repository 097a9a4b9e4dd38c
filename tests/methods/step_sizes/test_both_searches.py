"""What backtracking and the strong Wolfe search have in common: where they cannot go on."""

import math

import pytest
import torch

from course_lib.methods import (
    BFGS,
    ArmijoBacktracking,
    GradientDescent,
    NoStepError,
    StrongWolfe,
)
from tests.methods.step_sizes.lines import (
    point_at,
    rosenbrock,
)


@pytest.mark.parametrize(
    ("f", "x", "d", "reason"),
    [
        (lambda x: (x * x).sum(), [1.0], [1.0], "the direction goes up: the slope along it is 2"),
        (lambda x: (x * x).sum(), [1.0, 0.0], [0.0, 1.0], "the slope along the direction is 0"),
        (lambda x: (x * x).sum(), [0.0], [1.0], "the slope along the direction is 0"),
        (lambda x: (x * x).sum(), [1.0], [math.nan], "slope along the direction is not finite"),
        (lambda x: x.log().sum(), [-1.0], [-1.0], "the value nan of F is not finite"),
    ],
)
@pytest.mark.parametrize("step_size", [StrongWolfe(), ArmijoBacktracking()])
def test_it_tells_why_it_cannot_go_on(step_size, f, x, d, reason):
    point, _ = point_at(f, x)
    with pytest.raises(NoStepError, match=reason):
        step_size(point, torch.tensor(d, dtype=torch.float64), {}, first=1.0)


@pytest.mark.parametrize("step_size", [StrongWolfe(), ArmijoBacktracking()])
def test_a_wrong_gradient_is_told_and_moves_nothing(step_size):
    w = torch.tensor([2.0, 1.0], dtype=torch.float64, requires_grad=True)

    def closure():
        w.grad = -2 * w.detach()
        return (w.detach() ** 2).sum()

    method = GradientDescent([w], lr=1.0, step_size=step_size)
    method.step(closure)
    assert "falls enough" in method.reason
    assert w.tolist() == [2.0, 1.0]
    assert method.state_dict()["state"].get(0, {}).get("memory", {}) == {}


def test_close_to_a_minimum_where_values_are_round_off_slopes_lead_on():
    """A step that halves the distance from 1e-6 changes a value of 1e6 by nothing."""

    def f(x):
        return 1e6 + 0.5 * (x * x * scales).sum()

    scales = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)
    start = torch.tensor([1e-6, -1e-6, 1e-6], dtype=torch.float64)
    for method, steps in ((BFGS, 20), (GradientDescent, 100)):
        for step_size in (StrongWolfe(), ArmijoBacktracking()):
            x = start.clone().requires_grad_()
            optimizer = method([x], lr=1.0, step_size=step_size)

            def closure(x=x):
                x.grad = None
                loss = f(x)
                loss.backward()
                return loss

            for _ in range(steps):
                optimizer.step(closure)
                if optimizer.reason is not None:
                    break
            assert x.abs().max() < 1e-10, (method, step_size, optimizer.reason)


@pytest.mark.parametrize("first", [0.0, -1.0, math.nan, math.inf])
def test_a_first_trial_that_is_no_step_is_refused(first):
    point, _ = point_at(rosenbrock, [-1.2, 1.0])
    for step_size in (StrongWolfe(), ArmijoBacktracking()):
        with pytest.raises(ValueError, match="first must be a finite number above 0"):
            step_size(point, -point.gradient, {}, first=first)
