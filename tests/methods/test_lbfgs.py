"""L-BFGS against BFGS, in exact arithmetic's properties, and on functions with known minima."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize as scipy_minimize

from course_lib.methods import (
    BFGS,
    LBFGS,
    FixedStep,
    LBFGSDirection,
    line_search,
    two_loop_recursion,
)
from course_lib.methods.step_sizes import ExactStep, StrongWolfe
from course_lib.training import minimize
from tests.methods.quadratics import (
    FUNCTIONS,
    each_function,
    matrix_of,
    quadratics,
    value_and_gradient,
)


def closure_of(optimizer, loss_of):
    def closure():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        return loss

    return closure


def assert_near(x, y, tolerance):
    assert float((x - y).norm(dim=-1).max()) <= tolerance * float(y.norm())


@given(quadratics(max_condition=1e3), st.integers(1, 6), st.booleans())
def test_the_two_loops_are_the_product_of_the_updates(problem, m, scaling):
    n = problem.n
    generator = torch.Generator().manual_seed(m)
    s = list(torch.randn(m, n, generator=generator, dtype=torch.float64))
    y = [problem.A @ s_i for s_i in s]
    v = torch.randn(n, generator=generator, dtype=torch.float64)
    identity = torch.eye(n, dtype=torch.float64)
    H = (s[-1] @ y[-1]) / (y[-1] @ y[-1]) * identity if scaling else identity
    for s_i, y_i in zip(s, y, strict=True):
        rho = 1 / (s_i @ y_i)
        left = identity - rho * torch.outer(s_i, y_i)
        H = left @ H @ left.T + rho * torch.outer(s_i, s_i)
    found = two_loop_recursion(v, s, y, scaling=scaling)
    assert float((found - H @ v).norm()) <= 1e-8 * float(torch.linalg.matrix_norm(H) * v.norm())
    newest = two_loop_recursion(y[-1], s, y, scaling=scaling)
    assert float((newest - s[-1]).norm()) <= 1e-8 * float(s[-1].norm())  # the secant equation


def test_without_pairs_the_two_loops_leave_a_vector_as_it_is():
    v = torch.arange(3.0)
    assert torch.equal(two_loop_recursion(v, [], []), v)


def test_the_two_loops_refuse_pairs_that_do_not_match():
    with pytest.raises(ValueError, match="shorter"):
        two_loop_recursion(torch.ones(2), [torch.ones(2)], [])


@pytest.mark.parametrize("function", ["Rosenbrock", "Wood", "logistic"])
def test_with_all_pairs_it_is_bfgs(function):
    f, start = FUNCTIONS[function]
    a = minimize(f, start, lambda p: LBFGS(p, history_size=50, scaling=False), steps=15)
    b = minimize(f, start, lambda p: BFGS(p, scaling=False), steps=15)
    assert_near(a.x, b.x, 1e-6)


@settings(max_examples=25)
@given(quadratics(max_n=6, max_condition=1e2), st.integers(1, 3))
def test_with_exact_steps_it_ends_after_n_steps(problem, more):
    """Even with few pairs it is CG then (Nocedal and Wright, Theorem 7.4's setting)."""
    path = minimize(
        problem,
        problem.start,
        lambda p: LBFGS(p, history_size=problem.n + more, step_size=ExactStep()),
        steps=problem.n,
    )
    assert problem.gap(path.x[-1]) <= 1e-12 * problem.gap(problem.start)


@settings(max_examples=30)
@given(quadratics(max_n=8, max_condition=1e6))
def test_it_finds_the_minimum_of_any_quadratic(problem):
    path = minimize(problem, problem.start, LBFGS, steps=200)
    assert problem.gap(path.x[-1]) <= 1e-9 * problem.gap(problem.start)


@each_function
@pytest.mark.parametrize("history_size", [5, 100])
def test_it_reaches_the_minimum_that_scipy_reaches(function, history_size):
    f, start = FUNCTIONS[function]

    want = scipy_minimize(
        value_and_gradient(f), start.numpy(), jac=True, method="L-BFGS-B",
        options={"ftol": 0.0, "gtol": 1e-6},
    )  # fmt: skip
    path = minimize(
        f, start, lambda p: LBFGS(p, history_size=history_size), steps=300,
        stop=lambda path: "there" if path.gradient_norms[-1] <= 1e-6 else None,
    )  # fmt: skip
    assert path.reason == "there"
    torch.testing.assert_close(path.x[-1], torch.tensor(want.x), rtol=3e-2, atol=3e-2)
    assert path.values[-1] == pytest.approx(want.fun, rel=1e-9, abs=1e-9)


def test_pairs_are_kept_up_to_the_history_size_and_oldest_go_first():
    f, start = FUNCTIONS["Wood"]
    x = start.clone().requires_grad_()
    method = LBFGS([x], history_size=3)
    closure = closure_of(method, lambda: f(x))
    lengths, points = [], [start]
    for _ in range(6):
        method.step(closure)
        points.append(x.detach().clone())
        lengths.append(len(method.state[x]["memory"]["direction"]["s"]))
    assert lengths == [0, 1, 2, 3, 3, 3]
    kept = method.state[x]["memory"]["direction"]["s"]
    for s, a, b in zip(kept, points[2:5], points[3:6], strict=True):
        assert torch.equal(s, b - a)


def test_a_pair_without_curvature_is_left_out():
    """On a concave function every pair is one; steepest descent remains, and it goes down."""
    path = minimize(
        lambda x: -(x @ x), [1.0, 2.0], lambda p: LBFGS(p, lr=0.1, step_size=FixedStep()), steps=4
    )
    want = minimize(lambda x: -(x @ x), [1.0, 2.0], lambda p: torch.optim.LBFGS(
        p, lr=0.1, max_iter=1, tolerance_change=0.0), steps=4)  # fmt: skip
    torch.testing.assert_close(path.x, want.x)
    assert all(path.values[1:] < path.values[:-1])


def test_where_the_direction_goes_up_it_starts_again():
    """Pairs of another function, with y = -s turned round, make H negative definite."""
    x = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    method = LBFGS([x], step_size=FixedStep())
    closure = closure_of(method, lambda: (x @ x) / 2)
    method.step(closure)
    memory = method.state[x]["memory"]["direction"]
    s = torch.tensor([1.0, 0.0], dtype=torch.float64)
    memory.update(x=x.detach().clone(), s=[s], y=[-s])
    before = x.detach().clone()
    method.step(closure)
    assert method.reason is None
    torch.testing.assert_close(x.detach(), before - before / before.abs().sum().clamp(min=1))
    assert method.state[x]["memory"]["direction"]["s"] == []


def test_its_direction_fits_the_framework():
    def stop(path):
        return "there" if path.gradient_norms[-1] < 1e-8 else None

    f, start = FUNCTIONS["Rosenbrock"]
    path = line_search(
        f, start, direction=LBFGSDirection(), step_size=StrongWolfe(), stop=stop, steps=200
    )
    assert path.reason == "there"
    torch.testing.assert_close(path.x, minimize(f, start, LBFGS, steps=200, stop=stop).x)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"history_size": 0}, ValueError, "history_size must be an integer of at least 1, got 0"),
        ({"history_size": 2.5}, TypeError, "history_size"),
        ({"least_curvature": -1.0}, ValueError, "least_curvature"),
        ({"least_curvature": float("nan")}, ValueError, "least_curvature"),
        ({"scaling": 1}, TypeError, "scaling must be True or False"),
        ({"lr": -1.0}, ValueError, "lr must be"),
        ({"step_size": 0.1}, TypeError, "step_size must be a step size"),
    ],
)
def test_wrong_arguments_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        LBFGS([torch.ones(2, requires_grad=True)], **options)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_scaling_the_function_changes_little(scale):
    """As the rules for pairs are relative, small functions are minimised as well as large ones."""
    A = matrix_of([1.0, 10.0, 100.0], 1)
    start = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    path = minimize(lambda x: scale * (x @ A @ x), start, LBFGS, steps=40)
    assert path.values[-1] <= 1e-12 * path.values[0]
