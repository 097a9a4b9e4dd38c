"""The first trial of the strong Wolfe search by the decrease of the last step, against scipy."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize._linesearch import line_search_wolfe1

from course_lib.methods import GradientDescent, StrongWolfe
from tests.methods.step_sizes.lines import Recorder, evaluate, point_at, problem, rosenbrock

seeds = st.integers(0, 10_000)


@settings(max_examples=30)
@given(seeds, st.floats(0.05, 3), st.floats(1e-3, 50))
def test_the_first_trial_by_decrease_is_scipys(seed, t, drop):
    f, x, d = problem("logistic", seed)
    d = t * d
    value, g = evaluate(f, x)
    theirs = Recorder(f)
    line_search_wolfe1(
        lambda x: theirs(torch.as_tensor(x)).item(),
        lambda x: evaluate(f, torch.as_tensor(x))[1].numpy(),
        x.numpy(), d.numpy(), g.numpy(), value, value + drop,
    )  # fmt: skip
    point, _ = point_at(f, x)
    memory = {"value": value + drop}
    StrongWolfe(first_trial="decrease")(point, d, memory, first=1.0)
    ours, _, _ = point._moves[0]
    assert memory == {"value": value}
    torch.testing.assert_close(ours * d, theirs.asked[0] - x, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("before", [0.0, -1.0])
def test_without_a_decrease_the_first_trial_is_lr(before):
    f, x, d = problem("logistic", 0)
    value, _ = evaluate(f, x)
    plain, _ = point_at(f, x)
    StrongWolfe()(plain, d, {}, first=0.7)
    trials = [t for t, _, _ in plain._moves]
    point, _ = point_at(f, x)
    StrongWolfe(first_trial="decrease")(point, d, {"value": value + before}, first=0.7)
    assert [t for t, _, _ in point._moves] == trials
    assert trials[0] == 0.7


def test_the_first_trial_of_all_moves_steepest_descent_by_about_one():
    """As scipy's BFGS and CG do."""
    point, _ = point_at(rosenbrock, [-1.2, 1.0])
    d, memory = -point.gradient, {}
    StrongWolfe(first_trial="decrease")(point, d, memory, first=1.0)
    length = point._moves[0][0] * torch.linalg.vector_norm(d).item()
    assert length == pytest.approx(1.01, rel=1e-9)


def test_the_decrease_is_that_of_the_step_before():
    path = []
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    method = GradientDescent([x], lr=1.0, step_size=StrongWolfe(c2=0.1, first_trial="decrease"))

    def closure():
        x.grad = None
        loss = rosenbrock(x)
        loss.backward()
        path.append(x.detach().clone())
        return loss

    values, starts = [], []
    for _ in range(3):
        starts.append(len(path))
        values.append(method.step(closure).item())
    for k in (1, 2):
        here, first = path[starts[k]], path[starts[k] + 1]
        _, g = evaluate(rosenbrock, here)
        t = 2 * 1.01 * (values[k] - values[k - 1]) / -(g @ g)
        torch.testing.assert_close(first, here - t * g, rtol=1e-9, atol=0)
