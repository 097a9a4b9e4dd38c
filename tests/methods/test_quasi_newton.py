"""BFGS: what the theory of quadratics says, scipy's minimisers, and what goes wrong."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize as scipy_minimize

from course_lib.methods import BFGS, BFGSDirection, FixedStep, LinearCG, line_search
from course_lib.methods.step_sizes import ArmijoBacktracking, ExactStep, StrongWolfe
from course_lib.training import minimize
from tests.methods.known_point import KnownPoint
from tests.methods.quadratics import (
    BOWL,
    FUNCTIONS,
    different_eigenvalues,
    each_function,
    quadratic,
    quadratics,
    value_and_gradient,
)

each_scaling = pytest.mark.parametrize("scaling", [True, False])


def run(f, start, steps, **options):
    """Iterates, and the matrix that was learned at the end."""
    x = torch.as_tensor(start).clone().requires_grad_()
    method = BFGS([x], **options)

    def closure():
        method.zero_grad()
        loss = f(x)
        loss.backward()
        return loss

    points = [x.detach().clone()]
    for _ in range(steps):
        method.step(closure)
        points.append(x.detach().clone())
    return torch.stack(points), method.state[x]["memory"]["direction"].get("H"), method


@settings(max_examples=50)
@given(different_eigenvalues, st.integers(0, 10**6), st.booleans())
def test_after_n_exact_steps_it_has_learned_the_inverse_hessian(eigenvalues, seed, scaling):
    """Nocedal and Wright, Theorem 6.4; what the last step tells is learned at its end."""
    problem = quadratic([float(value) for value in eigenvalues], seed)
    options = {"direction": BFGSDirection(scaling=scaling), "step_size": ExactStep()}
    path = line_search(problem, problem.start, stop=lambda path: None, steps=problem.n, **options)
    assert len(path) == problem.n
    assert problem.gap(path.x[-1]) <= 1e-9 * problem.gap(problem.start)
    memory = {}
    for x in path.x:  # gradients shifted by b, so that none is zero; y is a difference
        options["direction"](KnownPoint(x, problem.A @ x + problem.b), memory)
    inverse = torch.linalg.inv(problem.A)
    error = torch.linalg.matrix_norm(memory["H"] - inverse)
    assert float(error) <= 1e-4 * float(torch.linalg.matrix_norm(inverse))


@settings(max_examples=25)
@given(quadratics(max_n=6, max_condition=1e2), st.booleans())
def test_with_exact_steps_it_makes_the_steps_of_linear_cg(problem, scaling):
    """Nocedal and Wright, Theorem 6.4, for a first H that is a multiple of the identity."""
    a = minimize(
        problem,
        problem.start,
        lambda p: BFGS(p, scaling=scaling, step_size=ExactStep()),
        steps=problem.n,
    )
    b = minimize(problem, problem.start, LinearCG, steps=problem.n)
    size = float(problem.minimizer.norm())
    steps = min(len(a), len(b))
    assert steps >= 1
    assert float((a.x[: steps + 1] - b.x[: steps + 1]).norm()) <= 1e-5 * size


@each_function
@each_scaling
def test_what_it_learns_is_symmetric_positive_and_maps_the_last_y_to_s(function, scaling):
    f, start = FUNCTIONS[function]
    for steps in (3, 8):
        points, H, _ = run(f, start, steps, scaling=scaling)
        # H was updated with the step before the last, from the point the last one started at.
        a, b = points[-3].requires_grad_(), points[-2].requires_grad_()
        s, y = (b - a).detach(), _gradient(f, b) - _gradient(f, a)
        assert torch.equal(H, H.T)
        assert float(torch.linalg.eigvalsh(H)[0]) > 0
        size = float(torch.linalg.matrix_norm(H) * y.norm())
        assert float((H @ y - s).norm()) <= 1e-9 * size


def _gradient(f, x):
    return torch.autograd.grad(f(x), x)[0]


def test_scaling_gives_the_first_matrix_the_size_of_the_inverse_hessian():
    """(6.20): between the smallest and the largest eigenvalue of the inverse Hessian."""
    _, H, _ = run(BOWL, BOWL.start, 2)
    eigenvalues = torch.linalg.eigvalsh(H)
    middle = eigenvalues[len(eigenvalues) // 2]  # the update has changed two of eight
    assert 1e-2 * (1 - 1e-9) <= float(middle) <= 1 + 1e-9
    _, H, _ = run(BOWL, BOWL.start, 2, scaling=False)
    middle = torch.linalg.eigvalsh(H)[len(eigenvalues) // 2]
    assert float(middle) == pytest.approx(1.0)


@each_function
@each_scaling
def test_it_reaches_the_minimum_that_scipy_reaches(function, scaling):
    f, start = FUNCTIONS[function]

    want = scipy_minimize(
        value_and_gradient(f), start.numpy(), jac=True, method="BFGS", options={"gtol": 1e-6}
    )
    path = minimize(
        f, start, lambda p: BFGS(p, scaling=scaling), steps=300,
        stop=lambda path: "there" if path.gradient_norms[-1] <= 1e-6 else None,
    )  # fmt: skip
    assert path.reason == "there"
    torch.testing.assert_close(path.x[-1], torch.tensor(want.x), rtol=3e-2, atol=3e-2)
    assert path.values[-1] == pytest.approx(want.fun, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("function", ["Rosenbrock", "extended Rosenbrock", "Wood"])
def test_near_the_minimum_it_is_superlinear(function):
    """Over the last five steps the gradient shrinks by more than over the five before."""
    f, start = FUNCTIONS[function]
    path = minimize(
        f, start, BFGS, steps=300,
        stop=lambda path: "there" if path.gradient_norms[-1] <= 1e-9 else None,
    )  # fmt: skip
    norms = path.gradient_norms
    assert norms[-1] / norms[-6] <= 0.1 * norms[-6] / norms[-11]


@settings(max_examples=30)
@given(quadratics(max_n=8, max_condition=1e6))
def test_it_finds_the_minimum_of_any_quadratic(problem):
    path = minimize(problem, problem.start, BFGS, steps=100)
    assert problem.gap(path.x[-1]) <= 1e-9 * problem.gap(problem.start)


def test_each_value_is_lower_than_the_one_before():
    for f, start in FUNCTIONS.values():
        path = minimize(f, start, BFGS, steps=20)
        assert all(path.values[1:] <= path.values[:-1])


def concave_at_first(x):
    """Concave within 1 of 0 in the first variable, and convex beyond."""
    return (x[0] ** 2 - 4) ** 2 / 16 + x[1] ** 2


@pytest.mark.parametrize("damping", [True, False])
@pytest.mark.parametrize("step_size", [FixedStep(), ArmijoBacktracking(), StrongWolfe()])
def test_negative_curvature_is_survived(damping, step_size):
    """From the concave part the first pair has s'y < 0, whatever the direction."""
    start = torch.tensor([0.1, 0.2], dtype=torch.float64)
    path = minimize(
        concave_at_first, start, lambda p: BFGS(p, damping=damping, step_size=step_size), steps=60
    )
    assert path.values[-1] <= 1e-10
    torch.testing.assert_close(path.x[-1].abs(), torch.tensor([2.0, 0.0]).double())


def test_without_curvature_nothing_is_learned():
    start = torch.tensor([0.1, 0.0], dtype=torch.float64)
    for steps, learned in [(2, False), (2, True)]:
        _, H, _ = run(concave_at_first, start, steps, step_size=FixedStep(), damping=learned)
        assert (H is not None) == learned


@given(different_eigenvalues, st.floats(0.01, 10), st.floats(-3, 0.19))
def test_damping_leaves_a_fifth_of_the_curvature_of_the_model(eigenvalues, t, share):
    """Powell: where s'y = share s'Bs with a share below 0.2, s'Bs becomes 0.2 of what it was."""
    problem = quadratic([float(value) for value in eigenvalues])
    H, g = problem.A, problem.b  # any positive definite matrix, any gradient
    s = -t * (H @ g)
    B = torch.linalg.inv(H)
    y = share * (B @ s)
    x = torch.zeros_like(s)
    memory = {"x": x, "g": g, "H": H}
    BFGSDirection(damping=True)(KnownPoint(x + s, g + y), memory)
    new = torch.linalg.inv(memory["H"])
    assert float(s @ new @ s) == pytest.approx(0.2 * float(s @ B @ s), rel=1e-6)


def test_damping_starts_from_the_identity_where_the_first_pair_curves_down():
    start = torch.tensor([0.1, 0.0], dtype=torch.float64)
    points, H, _ = run(concave_at_first, start, 2, step_size=FixedStep(), damping=True)
    s = points[1] - points[0]
    assert float(s @ torch.linalg.inv(H) @ s) == pytest.approx(0.2 * float(s @ s))


def test_damping_leaves_enough_curvature_as_it_is():
    problem = quadratic([2.0, 3.0])
    y = problem.A @ problem.b
    memories = [{"x": 0 * y, "g": y, "H": torch.eye(2, dtype=torch.float64)} for _ in range(2)]
    for damping, memory in zip((False, True), memories, strict=True):
        BFGSDirection(damping=damping)(KnownPoint(problem.b, 2 * y), memory)
    assert torch.equal(memories[0]["H"], memories[1]["H"])


def test_where_the_direction_goes_up_it_starts_again():
    """A matrix turned negative stands for one that rounding has spoilt."""
    x = torch.tensor([3.0, 4.0], dtype=torch.float64)
    g = torch.tensor([6.0, 2.0], dtype=torch.float64)
    memory = {"x": x, "g": g, "H": -torch.eye(2, dtype=torch.float64)}
    d = BFGSDirection()(KnownPoint(x, g), memory)
    torch.testing.assert_close(d, -g / 8)
    assert "H" not in memory


def test_where_no_step_is_found_it_tells_the_reason_and_stays():
    """On a cone the gradient never gets small, and at its tip nothing goes down."""
    path = minimize(lambda x: x.abs().sum(), [1.0, 0.7], BFGS, steps=200)
    assert "line search" in path.reason or "gradient is zero" in path.reason
    assert path.values[-1] <= 1e-3


def test_too_many_variables_are_refused_before_the_matrix_is_made():
    with pytest.raises(ValueError, match="max_size must be at least the number of variables, 11"):
        minimize(lambda x: x @ x, [1.0] * 11, lambda p: BFGS(p, max_size=10), steps=1)
    assert len(minimize(lambda x: x @ x, [1.0] * 10, lambda p: BFGS(p, max_size=10), steps=1)) == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scaling": "yes"}, TypeError, "scaling must be True or False, got 'yes'"),
        ({"damping": 1}, TypeError, "damping must be True or False, got 1"),
        ({"max_size": 0}, ValueError, "max_size must be an integer of at least 1, got 0"),
        ({"lr": float("inf")}, ValueError, "lr must be"),
        ({"step_size": "exact"}, TypeError, "step_size must be a step size"),
    ],
)
def test_wrong_arguments_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        BFGS([torch.ones(2, requires_grad=True)], **options)
