"""Nonlinear conjugate gradients: linear CG on quadratics, restarts, and scipy's minimisers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize as scipy_minimize

from course_lib.methods import (
    ConjugateDirection,
    FixedStep,
    LinearCG,
    NonlinearCG,
    conjugate_gradient,
    line_search,
)
from course_lib.methods.step_sizes import ExactStep, StrongWolfe
from course_lib.training import minimize
from tests.methods.quadratics import FUNCTIONS, each_function, quadratics, value_and_gradient

each_beta = pytest.mark.parametrize("beta", ["PR+", "FR"])


class _KnownPoint:
    """A point whose gradient is given."""

    def __init__(self, *gradient):
        self.gradient = torch.tensor(gradient, dtype=torch.float64)

    def slope(self, d):
        return float(self.gradient @ d)


def directions(direction, *gradients):
    memory = {}
    return [direction(_KnownPoint(*gradient), memory).tolist() for gradient in gradients]


@each_beta
@settings(max_examples=20)
@given(quadratics(max_n=6, max_condition=1e3))
def test_with_exact_steps_it_is_linear_cg_on_quadratics(beta, problem):
    path = minimize(
        problem,
        problem.start,
        lambda p: NonlinearCG(p, beta=beta, step_size=ExactStep()),
        steps=problem.n,
    )
    size = float(problem.minimizer.norm())
    for k, x in enumerate(path.x):
        want = conjugate_gradient(
            lambda v: problem.A @ v, problem.b, tolerance=0.0, max_iterations=k
        )
        assert float((x - want.x).norm()) <= 1e-6 * size
    linear = minimize(problem, problem.start, LinearCG, steps=len(path))
    assert float((path.x[: len(linear) + 1] - linear.x).norm()) <= 1e-6 * size
    if len(path) == problem.n:
        assert problem.gap(path.x[-1]) <= 1e-9 * problem.gap(problem.start)


@each_beta
@settings(max_examples=20)
@given(quadratics(max_n=6, max_condition=1e2))
def test_its_directions_are_conjugate_and_its_gradients_orthogonal_on_quadratics(beta, problem):
    path = minimize(
        problem,
        problem.start,
        lambda p: NonlinearCG(p, beta=beta, step_size=ExactStep()),
        steps=problem.n - 1,
    )
    s = path.x[1:] - path.x[:-1]
    s = s / s.norm(dim=1, keepdim=True)
    g = path.x @ problem.A - problem.b
    kept = g.norm(dim=1) > 1e-6 * g[0].norm()  # below, rounding decides
    g = (g / g.norm(dim=1, keepdim=True))[kept]
    s = s[kept[:-1]]
    products = s @ problem.A @ s.T
    size = float(torch.linalg.matrix_norm(problem.A, 2))
    assert _off_diagonal(products) <= 1e-6 * size
    assert _off_diagonal(g @ g.T) <= 1e-6


def _off_diagonal(matrix):
    return float((matrix - matrix.diag().diag()).abs().max()) if matrix.numel() else 0.0


def test_the_formulas():
    g, h = (3.0, 4.0), (1.0, 2.0)
    # FR: 5/25; PR: h.(h - g)/25 = (-2 - 4)/25 < 0, so PR+ is steepest descent
    assert directions(ConjugateDirection("FR"), g, h) == [
        [-3.0, -4.0],
        pytest.approx([-1 - 3 / 5, -2 - 4 / 5]),
    ]
    assert directions(ConjugateDirection("PR+"), g, h) == [[-3.0, -4.0], [-1.0, -2.0]]
    # PR: (4, -1).((4, -1) - (3, 4))/25 = (4 + 5)/25
    assert directions(ConjugateDirection("PR+"), g, (4.0, -1.0))[1] == pytest.approx(
        [-4 - 27 / 25, 1 - 36 / 25]
    )


def test_it_starts_again_where_the_direction_does_not_fall_enough():
    # FR: beta = 4, d = -(-2, 0) + 4 (-1, 0) goes up against g = (-2, 0)
    assert directions(ConjugateDirection("FR"), (1.0, 0.0), (-2.0, 0.0))[1] == [2.0, 0.0]
    # at a right angle to the gradient: beta = 1, d = (0, -1) + (-1, 0) + ..., still falls
    assert directions(ConjugateDirection("FR"), (1.0, 0.0), (0.0, 1.0))[1] == [-1.0, -1.0]


def test_it_starts_again_every_n_steps():
    gradients = [(1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, 1.0), (1.0, 0.0)]
    found = directions(ConjugateDirection("FR", restart_every=2), *gradients)
    steepest = [[-a, -b] for a, b in gradients]
    assert [d == s for d, s in zip(found, steepest, strict=True)] == [
        True, False, True, False, True,
    ]  # fmt: skip
    every = directions(ConjugateDirection("FR", restart_every=1), *gradients)
    assert every == steepest


def test_after_a_step_that_changed_nothing_only_polak_and_ribiere_forget():
    """The reason to prefer PR+: a bad direction, then a tiny step along it."""
    bad = (1.0, 100.0)
    g = _KnownPoint(1.0, 0.0)
    for beta, angle in (("PR+", 1.0), ("FR", 0.02)):
        memory = {
            "g": g.gradient,
            "d": torch.tensor(bad, dtype=torch.float64) * -1,
            "made": 5,
        }
        d = ConjugateDirection(beta)(g, memory)
        cosine = -g.slope(d) / float(d.norm())
        assert cosine == pytest.approx(angle, abs=0.001)


@settings(max_examples=50)
@given(
    st.lists(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), min_size=2, max_size=6),
    st.sampled_from(["FR", "PR+"]),
)
def test_every_direction_falls_by_a_hundredth_of_the_steepest_at_least(gradients, beta):
    memory, direction = {}, ConjugateDirection(beta)
    for gradient in gradients:
        point = _KnownPoint(*gradient)
        size = float(point.gradient @ point.gradient)
        if size == 0:
            continue
        assert point.slope(direction(point, memory)) <= -0.01 * size * (1 - 1e-12)


@each_function
@each_beta
def test_it_reaches_the_minimum_that_scipy_reaches(function, beta):
    f, start = FUNCTIONS[function]

    want = scipy_minimize(
        value_and_gradient(f), start.numpy(), jac=True, method="CG", options={"gtol": 1e-6}
    )
    every = len(start) if beta == "FR" else None  # left alone, FR takes thousands of steps
    path = minimize(
        f, start, lambda p: NonlinearCG(p, beta=beta, restart_every=every), steps=600,
        stop=lambda path: "there" if path.gradient_norms[-1] <= 1e-6 else None,
    )  # fmt: skip
    assert path.reason == "there"
    torch.testing.assert_close(path.x[-1], torch.tensor(want.x), rtol=3e-2, atol=3e-2)
    assert path.values[-1] == pytest.approx(want.fun, rel=1e-9, abs=1e-8)
    assert all(path.values[1:] <= path.values[:-1])


@each_beta
@settings(max_examples=15)
@given(quadratics(max_n=6, max_condition=1e3))
def test_it_finds_the_minimum_of_any_quadratic(beta, problem):
    path = minimize(
        problem, problem.start, lambda p: NonlinearCG(p, beta=beta), steps=30 * problem.n
    )
    assert problem.gap(path.x[-1]) <= 1e-9 * problem.gap(problem.start)


def test_with_a_fixed_step_it_still_goes_down_at_first():
    f, start = FUNCTIONS["quadratic"]
    path = minimize(f, start, lambda p: NonlinearCG(p, lr=1e-3, step_size=FixedStep()), steps=5)
    assert all(path.values[1:] < path.values[:-1])


def test_its_direction_fits_the_framework():
    f, start = FUNCTIONS["Rosenbrock"]
    step_size = StrongWolfe(c2=0.1)
    path = line_search(
        f, start, direction=ConjugateDirection(), step_size=step_size, stop=lambda _: None, steps=10
    )
    same = minimize(f, start, lambda p: NonlinearCG(p, step_size=step_size), steps=10)
    assert torch.equal(path.x, same.x)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"beta": "PR"}, ValueError, 'beta must be "PR.* or "FR", got .PR.'),
        ({"beta": None}, ValueError, "beta must be"),
        ({"restart_every": 0}, ValueError, "restart_every must be an integer of at least 1, got 0"),
        ({"restart_every": True}, TypeError, "restart_every"),
        ({"lr": -1.0}, ValueError, "lr must be"),
        ({"step_size": 0.1}, TypeError, "step_size must be a step size"),
    ],
)
def test_wrong_arguments_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        NonlinearCG([torch.ones(2, requires_grad=True)], **options)
