"""Backtracking, against Armijo's inequality and the bound on the step it accepts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.methods import (
    ArmijoBacktracking,
    GradientDescent,
    LineSearchMethod,
    Newton,
    NoStepError,
)
from course_lib.training import minimize
from tests.methods.step_sizes.lines import evaluate, logistic, point_at, problem, wells

seeds = st.integers(0, 10_000)
shares = st.floats(1e-6, 0.95)


def quadratic(seed, n=4):
    """A quadratic with eigenvalues from 0.1 to 10, and its Hessian."""
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    H = Q @ torch.diag(torch.logspace(-1, 1, n, dtype=torch.float64)) @ Q.T
    H = (H + H.T) / 2
    b = torch.randn(n, generator=generator, dtype=torch.float64)
    return lambda x: 0.5 * x @ H @ x - b @ x, H, b


@settings(max_examples=50)
@given(st.sampled_from(["quartic", "wells", "exponential"]), seeds, shares,
       st.floats(0.05, 0.95), st.floats(-3, 3))  # fmt: skip
def test_the_step_is_the_first_of_the_sequence_that_falls_enough(name, seed, c, factor, exponent):
    f, x, d = problem(name, seed)
    first = 10**exponent
    point, closure = point_at(f, x)
    t = ArmijoBacktracking(c, factor, max_trials=1000)(point, d, {}, first=first)
    value, g = evaluate(f, x)
    j = 0
    while True:
        tried = first * factor**j
        change = evaluate(f, x + tried * d)[0] - value
        if change <= c * tried * (g @ d).item():
            break
        j += 1
    assert t == tried
    assert closure.touched["value"] == j + 1
    assert closure.touched["gradient"] == 1


@settings(max_examples=50)
@given(seeds, shares, st.floats(0.05, 0.95), st.floats(-3, 3))
def test_the_step_is_not_below_the_bound_for_lipschitz_gradients(seed, c, factor, exponent):
    first, search = 10**exponent, ArmijoBacktracking(c, factor, max_trials=1000)
    bowl, _, _ = quadratic(seed)
    x = torch.linspace(-1, 2, 4, dtype=torch.float64)
    for f, L in ((bowl, 10), (logistic, 9 / 4 + 0.1)):  # bounds of the second derivatives
        point, _ = point_at(f, x)
        t = search(point, -point.gradient, {}, first=first)
        assert t >= min(first, 2 * factor * (1 - c) / L) * (1 - 1e-9)


@settings(max_examples=30)
@given(seeds, st.floats(0.01, 0.99))
def test_newtons_step_on_a_quadratic_is_refused_from_one_half_on(seed, c):
    f, _, b = quadratic(seed)
    x = b + 1
    point, _ = point_at(f, x)
    newton = Newton([torch.zeros(4, requires_grad=True)]).direction
    d = newton(point, {})
    t = ArmijoBacktracking(c)(point, d, {}, first=1.0)
    if c < 0.499:
        assert t == 1.0
    if c > 0.501:
        assert t < 1.0


def test_with_c_of_nine_tenths_gradient_descent_refuses_the_exact_step():
    path = minimize(
        lambda x: 0.5 * (x * x).sum(), torch.tensor([3.0, -4.0], dtype=torch.float64), steps=1,
        method=lambda params: GradientDescent(
            params, lr=1.0, step_size=ArmijoBacktracking(c=0.9, factor=0.5)
        ),
    )  # fmt: skip
    # F falls by (t - t²/2) |g'd|, which is 0.9 t |g'd| or more for t <= 0.2: 1/8 is the first.
    torch.testing.assert_close(path.x[1], path.x[0] * (1 - 0.125))


@pytest.mark.parametrize("lr", [1.0, 1e12])
def test_gradient_descent_converges_without_tuning(lr):
    """Constant steps diverge from 0.2 on."""
    f, H, b = quadratic(1)
    path = minimize(
        f, torch.zeros(4, dtype=torch.float64), steps=1000,
        method=lambda params: GradientDescent(params, lr=lr, step_size=ArmijoBacktracking()),
        stop=lambda path: "done" if path.gradient_norms[-1] < 1e-3 else None,
    )  # fmt: skip
    assert path.reason == "done"
    torch.testing.assert_close(path.x[-1], torch.linalg.solve(H, b), rtol=0, atol=1.1e-2)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_too_high(bad):
    def f(x):
        return torch.where(x < -1, bad, (x - 2) ** 2).sum()

    point, _ = point_at(f, [3.0])
    d = torch.tensor([-1.0], dtype=torch.float64)
    assert ArmijoBacktracking()(point, d, {}, first=1000.0) == 1000 / 2**9  # 1.95; 3.9 is as well
    assert ArmijoBacktracking()(point, d, {}, first=16.0) == 1.0  # 2 leaves the value as it is


def test_the_number_of_trials_is_bounded():
    point, closure = point_at(wells, [1.0, 2.0])
    with pytest.raises(NoStepError, match=r"no step that falls enough, down to t = 2\.5e"):
        ArmijoBacktracking(max_trials=3)(point, -point.gradient, {}, first=1e6)
    assert closure.touched["value"] == 3


def test_at_a_kink_it_tells_that_there_is_no_step():
    x = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    direction = lambda point, memory: torch.tensor([1.0, 0.0], dtype=torch.float64)  # noqa: E731
    method = LineSearchMethod([x], direction, ArmijoBacktracking())

    def closure():
        x.grad = torch.tensor([-2.0, 0.0], dtype=torch.float64)  # of 2|x| from the left
        return 2 * x.detach().abs().sum() - 1

    method.step(closure)
    assert "F is not smooth here" in method.reason
    assert x.tolist() == [0.0, 1.0]


def test_it_does_not_pass_a_step_that_changes_nothing():
    """1e20 + 1e-3 is 1e20: the value has not risen, and the point has not moved."""
    point, _ = point_at(lambda x: (x - 1e20 - 1).abs().sum(), [1e20])
    d = torch.tensor([1e-3], dtype=torch.float64)
    assert point.slope(d) == -1e-3
    with pytest.raises(NoStepError, match="no step that falls enough"):
        ArmijoBacktracking()(point, d, {}, first=1.0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"c": 0.0}, ValueError, "c must be a finite number above 0 and below 1, got 0.0"),
        ({"c": 1.0}, ValueError, "c must be"),
        ({"c": 2}, ValueError, "c must be a finite number above 0 and below 1, got 2"),
        ({"c": math.nan}, ValueError, "c must be"),
        ({"factor": 1.0}, ValueError, "factor must be a finite number above 0 and below 1"),
        ({"factor": "half"}, TypeError, "factor must be"),
        ({"max_trials": 0}, ValueError, "max_trials must be an integer of at least 1"),
        ({"max_trials": True}, TypeError, "max_trials must be an integer"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        ArmijoBacktracking(**options)
