"""Coordinate descent: Gauss and Seidel's method on quadratics, its rules, and where it fails."""

import copy
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.methods import (
    ArmijoBacktracking,
    CoordinateDescent,
    CoordinateDirection,
    ExactStep,
    GradientDescent,
)
from course_lib.training import minimize

RULES = ["cyclic", "random", "Gauss-Southwell"]


def quadratic(n, seed, *, dominance=1.0):
    """A positive definite matrix with a dominant diagonal, and a right-hand side."""
    rng = np.random.default_rng(seed)
    A = rng.uniform(-1, 1, (n, n))
    A = (A + A.T) / 2
    np.fill_diagonal(A, 0)
    np.fill_diagonal(A, dominance * np.abs(A).sum(axis=1) + rng.uniform(0.1, 2, n))
    return A, rng.standard_normal(n)


def descend(A, b, rule, steps, *, seed=0, step_size=None, lr=1.0):
    A, b = torch.tensor(A), torch.tensor(b)
    return minimize(
        lambda x: x @ A @ x / 2 - b @ x,
        torch.zeros_like(b),
        lambda p: CoordinateDescent(
            p, lr, rule=rule, seed=seed, step_size=step_size or ExactStep()
        ),
        steps=steps,
    )


def moved(path):
    """The coordinate that each step changes."""
    changes = (path.x[1:] != path.x[:-1]).numpy()
    assert (changes.sum(axis=1) <= 1).all()
    return changes.argmax(axis=1)


@settings(max_examples=30)
@given(st.integers(1, 8), st.integers(0, 2**31))
def test_with_exact_steps_a_round_of_the_cycle_is_one_of_gauss_and_seidel(n, seed):
    A, b = quadratic(n, seed)
    path = descend(A, b, "cyclic", 3 * n)
    x = np.zeros(n)
    for k in range(3 * n):
        i = k % n
        x[i] = (b[i] - A[i, :i] @ x[:i] - A[i, i + 1 :] @ x[i + 1 :]) / A[i, i]
        if len(path) > k:  # it ends early where the gradient has vanished
            np.testing.assert_allclose(path.x[k + 1].numpy(), x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_it_reaches_the_minimiser_of_a_quadratic(rule):
    A, b = quadratic(6, 1)
    path = descend(A, b, rule, 400)
    np.testing.assert_allclose(path.x[-1].numpy(), np.linalg.solve(A, b), rtol=1e-8)
    assert (np.diff(path.values) <= 1e-15).all()


@settings(max_examples=30)
@given(st.integers(2, 8), st.integers(0, 2**31))
def test_a_gauss_southwell_step_with_one_learning_rate_falls_at_least_as_much_as_any_other(n, seed):
    """Where all diagonal entries are alike, the largest derivative is the largest fall."""
    A, b = quadratic(n, seed)
    A = A / np.sqrt(np.outer(np.diag(A), np.diag(A)))
    path = descend(A, b, "Gauss-Southwell", 2 * n)
    values = path.values
    for k in range(len(path)):
        x = path.x[k].numpy()
        g = A @ x - b
        falls = g**2 / (2 * np.diag(A))
        assert values[k] - values[k + 1] >= falls.max() - 1e-12


def test_gauss_southwell_needs_fewer_steps_than_chance_on_dominant_diagonals():
    for seed in range(3):
        A, b = quadratic(20, seed)
        lowest = -b @ np.linalg.solve(A, b) / 2
        gaps = {rule: descend(A, b, rule, 60, seed=seed).values[-1] - lowest for rule in RULES}
        assert gaps["Gauss-Southwell"] <= gaps["random"]
        assert gaps["Gauss-Southwell"] <= gaps["cyclic"]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("step_size", [None, ArmijoBacktracking()])
def test_it_goes_down_with_a_fixed_step_and_with_a_search(rule, step_size):
    A, b = quadratic(5, 2)
    A_, b_ = torch.tensor(A), torch.tensor(b)
    path = minimize(
        lambda x: x @ A_ @ x / 2 - b_ @ x,
        torch.zeros_like(b_),
        lambda p: CoordinateDescent(p, 1 / A.max(), rule=rule, step_size=step_size),
        steps=500,
    )
    np.testing.assert_allclose(path.x[-1].numpy(), np.linalg.solve(A, b), rtol=1e-6)


def test_the_rules_choose_as_they_say():
    A, b = quadratic(5, 3)
    assert moved(descend(A, b, "cyclic", 10)).tolist() == [0, 1, 2, 3, 4] * 2
    path = descend(A, b, "Gauss-Southwell", 10)
    gradients = path.x.numpy() @ A - b
    assert moved(path).tolist() == np.abs(gradients[:-1]).argmax(axis=1).tolist()


def test_the_random_rule_is_fair_and_a_function_of_the_seed():
    point = SimpleNamespace(gradient=torch.tensor([1.0, -2.0, 3.0, -1e-3]))

    def chosen(seed):
        direction, memory = CoordinateDirection("random", seed), {}
        return [int(direction(point, memory).abs().argmax()) for _ in range(1000)]

    first = chosen(0)
    assert first == chosen(0)
    assert first != chosen(1)
    counts = Counter(first)
    # 250 expected of each, with a standard deviation of 14
    assert all(180 < counts[i] < 320 for i in range(4))


@pytest.mark.parametrize("rule", RULES)
def test_coordinates_that_are_done_are_passed_over(rule):
    """With a search, a derivative of zero would otherwise end the run."""
    path = minimize(
        lambda x: (x[::2] ** 2).sum(),
        torch.ones(6, dtype=torch.float64),
        lambda p: CoordinateDescent(p, 0.5, rule=rule, step_size=ArmijoBacktracking()),
        steps=3,
    )
    assert sorted(moved(path).tolist()) == [0, 2, 4]
    assert path.values[-1] == 0


@pytest.mark.parametrize("rule", RULES)
def test_a_run_that_was_saved_goes_on_with_the_same_coordinates(rule):
    def made(x):
        return CoordinateDescent([x], 0.01, rule=rule, seed=3)

    def steps(method, x, count):
        def closure():
            method.zero_grad()
            loss = (x**4).sum()
            loss.backward()
            return loss

        for _ in range(count):
            method.step(closure)

    x = torch.linspace(1, 2, 7, dtype=torch.float64).requires_grad_()
    method = made(x)
    steps(method, x, 5)
    y = x.detach().clone().requires_grad_()
    resumed = made(y)
    resumed.load_state_dict(copy.deepcopy(method.state_dict()))
    steps(method, x, 9)
    steps(resumed, y, 9)
    assert torch.equal(x, y)


def test_a_zero_gradient_moves_nothing():
    path = minimize(
        lambda x: (x**2).sum(), torch.zeros(3), lambda p: CoordinateDescent(p, 0.1), steps=2
    )
    assert not path.x.any()


@pytest.mark.parametrize("rule", RULES)
def test_at_a_kink_it_gets_stuck_where_gradient_descent_does_not(rule):
    """2 |x - y| + (x² + y²) / 4 falls from (1, 1) along the diagonal and along no axis."""

    def f(x):
        return 2 * (x[0] - x[1]).abs() + (x**2).sum() / 4

    start, search = torch.ones(2, dtype=torch.float64), ArmijoBacktracking()
    path = minimize(
        f, start, lambda p: CoordinateDescent(p, 1.0, rule=rule, step_size=search), steps=50
    )
    assert torch.equal(path.x[-1], start)
    assert "backtracking found no step" in path.reason
    free = minimize(f, start, lambda p: GradientDescent(p, 1.0, step_size=search), steps=50)
    assert free.values[-1] < 1e-12


def test_on_powells_smooth_function_exact_cyclic_steps_circle_for_ever():
    """Powell 1973: the cycle passes six vertices of the cube, at none of which f is flat."""

    def f(x):
        beyond = torch.clamp(x.abs() - 1, min=0) ** 2
        return -(x[0] * x[1] + x[1] * x[2] + x[2] * x[0]) + beyond.sum()

    def along(x, i):
        """The minimiser of f along axis i: sign(s) (1 + |s| / 2) with s the sum of the others."""
        s = x.sum() - x[i]
        return torch.sign(s) * (1 + s.abs() / 2)

    class ExactAlongAxis:
        def __call__(self, point, d, memory, /, *, first):
            i = int(d.abs().argmax())
            return float((along(point.x, i) - point.x[i]) / d[i])

    e = 1e-3
    start = torch.tensor([-1 - e, 1 + e / 2, -1 - e / 4], dtype=torch.float64)
    path = minimize(
        f, start, lambda p: CoordinateDescent(p, 1.0, step_size=ExactAlongAxis()), steps=24
    )
    assert path.values[-1] == pytest.approx(1.0, abs=1e-3)  # the values at the vertices
    assert path.gradient_norms.min() > 1.9
    lengths = (path.x[1:] - path.x[:-1]).norm(dim=1)
    assert float(lengths[-6:].min()) > 1.9


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rule": "greedy"}, ValueError, r"rule must be one of \['cyclic', .*got 'greedy'"),
        ({"seed": -1}, ValueError, "seed must be an integer from 0 to"),
        ({"seed": 1.0}, TypeError, "seed must be an integer"),
    ],
)
def test_wrong_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        CoordinateDirection(**options)
