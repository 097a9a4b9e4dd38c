"""The exact step, against the minimum along the line."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from course_lib.methods import ExactStep, GradientDescent, NoStepError
from course_lib.training import minimize
from tests.methods.step_sizes.lines import point_at
from tests.methods.step_sizes.test_armijo import quadratic


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_on_a_quadratic_it_is_the_minimum_along_the_line(seed, n):
    f, _, _ = quadratic(seed, n)
    generator = torch.Generator().manual_seed(seed + 1)
    x, d = torch.randn(2, n, generator=generator, dtype=torch.float64)
    point, closure = point_at(f, x)
    t = ExactStep()(point, d, {}, first=123.0)
    found = minimize_scalar(lambda t: f(x + t * d).item(), tol=1e-12)
    assert t == pytest.approx(found.x, rel=1e-5, abs=1e-6)
    assert abs(point.move(t, d).slope(d)) <= 1e-9 * max(1, abs(point.slope(d)))
    assert closure.touched["hessian"] == 1


def test_successive_gradients_are_at_right_angles():
    f, H, b = quadratic(2)
    path = minimize(
        f, torch.ones(4, dtype=torch.float64), steps=10,
        method=lambda params: GradientDescent(params, step_size=ExactStep()),
    )  # fmt: skip
    gradients = path.x @ H - b
    for g, h in itertools.pairwise(gradients):
        assert abs(g @ h) <= 1e-12 * g.norm() * g.norm()
    assert path.touched["hessian"] == 10


def test_elsewhere_it_is_a_step_of_newton_along_the_line():
    point, _ = point_at(lambda x: (x**4).sum(), [1.0])
    for d in (-2.0, 0.5):  # the direction may go up
        direction = torch.tensor([d], dtype=torch.float64)
        t = ExactStep()(point, direction, {}, first=1.0)
        assert 1 + t * d == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("f", "x", "d", "reason"),
    [
        (lambda x: -(x * x).sum(), [1.0], [1.0], "the curvature along the direction is -2"),
        (lambda x: x.sum() + 0 * (x * x).sum(), [1.0], [-1.0], "the curvature .* is 0"),
        (lambda x: (x * x).sum(), [0.0, 0.0], [0.0, 0.0], "the curvature .* is 0"),
        (lambda x: x.pow(1.5).sum(), [0.0], [1.0], "slope and curvature .* must be finite"),
        (lambda x: 1e300 * x.sum() + 1e-300 * (x * x).sum(), [1.0], [-1.0], "is too small beside"),
    ],
)
def test_it_tells_why_it_cannot_go_on(f, x, d, reason):
    point, _ = point_at(f, x)
    with pytest.raises(NoStepError, match=reason):
        ExactStep()(point, torch.tensor(d, dtype=torch.float64), {}, first=1.0)


def test_a_method_with_it_asks_for_the_hessian():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert GradientDescent([x], step_size=ExactStep()).uses_hessian
