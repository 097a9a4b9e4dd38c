"""Linear CG as a building block: against scipy, in theory's bounds, and at its limits."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import cg

from course_lib.methods.conjugate_gradients import conjugate_gradient
from tests.methods.quadratics import Quadratic, matrix_of, quadratic, quadratics

seeds = st.integers(0, 10**6)


def solve(problem, **options):
    return conjugate_gradient(lambda v: problem.A @ v, problem.b, **options)


def model(problem, x):
    return float(problem(x))


@pytest.mark.parametrize("k", range(1, 8))
def test_iterates_are_those_of_scipy(k):
    problem = quadratic(torch.logspace(0, 2, 8))
    start = torch.linspace(-1, 1, 8, dtype=torch.float64)
    for x0 in (None, start):
        found = solve(problem, x0=x0, max_iterations=k, tolerance=0.0)
        zero = None if x0 is None else x0.numpy()
        theirs, _ = cg(problem.A.numpy(), problem.b.numpy(), x0=zero, maxiter=k, rtol=0.0)
        np.testing.assert_allclose(found.x.numpy(), theirs, rtol=1e-10)
        assert found.status == "iterations"
        assert found.iterations == k


@given(quadratics())
def test_it_solves_the_system_and_knows_its_residual(problem):
    found = solve(problem, tolerance=1e-7, max_iterations=100 * problem.n)
    assert found.status == "converged"
    assert found.direction is None
    size = float(problem.b.norm())
    residual = problem.b - problem.A @ found.x
    # What the recursion loses by rounding: some eps |A| |x|.
    lost = 1e-13 * float(torch.linalg.matrix_norm(problem.A, 2) * found.x.norm())
    assert float(found.residual.norm()) <= 1e-7 * size
    assert float((found.residual - residual).norm()) <= lost + 1e-12 * size
    assert found.model_value == pytest.approx(model(problem, found.x), rel=1e-6)


@given(quadratics(max_condition=1e4), st.integers(0, 12))
def test_the_error_falls_as_fast_as_theory_says(problem, k):
    found = solve(problem, tolerance=0.0, max_iterations=k)
    eigenvalues = torch.linalg.eigvalsh(problem.A)
    root = math.sqrt(float(eigenvalues[-1] / eigenvalues[0]))
    bound = (2 * ((root - 1) / (root + 1)) ** k) ** 2
    first = problem.gap(problem.start)
    assert problem.gap(found.x) <= min(bound, 1) * first * (1 + 1e-9) + 1e-18 * first


@given(st.integers(1, 4), st.integers(1, 4), seeds)
def test_as_many_iterations_as_different_eigenvalues(different, copies, seed):
    eigenvalues = [float(3**i) for i in range(different)] * copies
    found = solve(quadratic(eigenvalues, seed), tolerance=1e-9)
    assert found.status == "converged"
    assert found.iterations <= different


def exact_trust_region(problem, radius):
    """The minimum of the model in the ball, by bisection for the multiplier."""
    eigenvalues, Q = torch.linalg.eigh(problem.A)
    b = Q.T @ problem.b
    low, high = 0.0, float(b.norm()) / radius
    if float((b / eigenvalues).norm()) <= radius:
        return Q @ (b / eigenvalues)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if float((b / (eigenvalues + middle)).norm()) > radius else (low, middle)
        )
    return Q @ (b / (eigenvalues + high))


@given(quadratics(max_condition=1e4), st.floats(0.01, 2))
def test_within_a_radius_it_gets_half_of_what_can_be_had(problem, share):
    """Yuan's theorem (2000) on the truncated method, for convex models."""
    radius = share * float(problem.minimizer.norm())
    found = solve(problem, radius=radius, tolerance=1e-10, max_iterations=1000)
    best = model(problem, exact_trust_region(problem, radius))
    assert float(found.x.norm()) <= radius * (1 + 1e-12)
    assert found.model_value <= best / 2 * (1 - 1e-9)
    assert found.model_value == pytest.approx(model(problem, found.x), rel=1e-6)
    if found.status == "boundary":
        assert float(found.x.norm()) == pytest.approx(radius, rel=1e-12)
    elif share > 1.001:
        assert found.status == "converged"
        assert found.model_value == pytest.approx(best, rel=1e-9)


@given(quadratics(max_condition=1e4))
def test_iterates_grow_in_length(problem):
    lengths = [
        float(solve(problem, tolerance=0.0, max_iterations=k).x.norm())
        for k in range(problem.n + 1)
    ]
    assert all(a <= b * (1 + 1e-9) for a, b in itertools.pairwise(lengths))


@given(st.lists(st.sampled_from([1.0, 2.0, 4.0]), max_size=3, unique=True), seeds)
def test_negative_curvature_is_found_and_followed_to_the_boundary(positive, seed):
    """With different eigenvalues and a generic b, not all n directions curve upwards."""
    problem = quadratic([-1.5, *positive], seed)
    free = solve(problem, tolerance=1e-13)
    assert free.status == "negative curvature"
    d = free.direction
    assert float(d @ problem.A @ d) <= 0
    assert float(problem.b @ d) > 0  # downhill at zero
    radius = 1e3 + float(free.x.norm())  # so far out that the walk meets the curvature inside
    bounded = solve(problem, tolerance=1e-13, radius=radius)
    assert float(bounded.x.norm()) == pytest.approx(radius, rel=1e-12)
    assert bounded.model_value < free.model_value
    assert bounded.model_value == pytest.approx(model(problem, bounded.x), rel=1e-9)


def test_without_curvature_it_reports_the_direction_it_was_to_take():
    problem = Quadratic(torch.zeros(2, 2, dtype=torch.float64), torch.tensor([3.0, 4.0]).double())
    found = solve(problem)
    assert found.status == "negative curvature"
    assert found.iterations == 1
    assert torch.equal(found.direction, problem.b)
    assert torch.equal(found.x, torch.zeros_like(problem.b))
    assert solve(problem, radius=10.0).x.tolist() == pytest.approx([6.0, 8.0])


def test_a_singular_system_that_has_a_solution_is_solved():
    problem = quadratic([0.0, 1.0, 2.0, 5.0])
    b = problem.A @ problem.b
    found = conjugate_gradient(lambda v: problem.A @ v, b, tolerance=1e-10)
    assert found.status == "converged"
    torch.testing.assert_close(problem.A @ found.x, b)


def test_ill_conditioned_but_definite_is_not_mistaken_for_indefinite():
    problem = quadratic(torch.logspace(0, 12, 6, dtype=torch.float64))
    assert solve(problem, tolerance=1e-3, max_iterations=1000).status == "converged"


def test_nothing_to_do():
    zero = torch.zeros(3)
    found = conjugate_gradient(lambda v: v, zero)
    assert (found.status, found.iterations) == ("converged", 0)
    assert torch.equal(found.x, zero)
    problem = quadratic([1.0, 2.0])
    found = solve(problem, x0=problem.minimizer, tolerance=1e-10)
    assert (found.status, found.iterations) == ("converged", 0)
    assert solve(problem, max_iterations=0).status == "iterations"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept_and_arguments_are_left_as_they_were(dtype):
    problem = quadratic([1.0, 3.0, 9.0])
    A, b, x0 = problem.A.to(dtype), problem.b.to(dtype), torch.ones(3, dtype=dtype)
    before = b.clone(), x0.clone()
    found = conjugate_gradient(lambda v: A @ v, b, x0=x0)
    assert found.x.dtype == found.residual.dtype == dtype
    torch.testing.assert_close(found.x, torch.linalg.solve(A, b), rtol=1e-4, atol=1e-5)
    assert torch.equal(before[0], b)
    assert torch.equal(before[1], x0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_ends_it_at_a_finite_iterate(bad):
    A, b = matrix_of([1.0, 2.0, 3.0], 0), torch.ones(3, dtype=torch.float64)
    asked = []

    def product(v):
        asked.append(v)
        return A @ v if len(asked) < 3 else torch.full_like(v, bad)

    found = conjugate_gradient(product, b, tolerance=1e-12)
    assert found.status == "not finite"
    assert len(asked) == 3
    torch.testing.assert_close(
        found.x, conjugate_gradient(lambda v: A @ v, b, tolerance=0.0, max_iterations=2).x
    )
    assert conjugate_gradient(lambda v: A @ v, b * bad).status == "not finite"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"product": 3}, TypeError, "product must be a function"),
        ({"product": lambda v: 0.0}, TypeError, "product.v. must be a tensor, got float"),
        ({"product": lambda v: v[:1]}, ValueError, "shape .2,."),
        ({"product": lambda v: v.double()}, ValueError, "dtype"),
        ({"b": [1.0, 2.0]}, TypeError, "b must be a tensor"),
        ({"b": torch.ones(2, dtype=torch.int64)}, TypeError, "b must be a tensor"),
        ({"b": torch.ones(2, 2)}, ValueError, "b must have shape"),
        ({"b": torch.ones(0)}, ValueError, "b must have shape"),
        ({"x0": torch.ones(3)}, ValueError, "x0 must be like b"),
        ({"x0": torch.ones(2).double()}, ValueError, "x0 must be like b"),
        ({"radius": 0}, ValueError, "radius must be a finite number above 0, got 0"),
        ({"radius": math.nan}, ValueError, "radius"),
        ({"radius": 1.0, "x0": torch.zeros(2)}, ValueError, "radius needs x0=None"),
        ({"tolerance": -1.0}, ValueError, "tolerance"),
        ({"tolerance": "small"}, TypeError, "tolerance"),
        ({"max_iterations": -1}, ValueError, "max_iterations"),
        ({"max_iterations": 2.5}, TypeError, "max_iterations"),
    ],
)
def test_wrong_arguments_are_refused(options, error, message):
    arguments = {"product": lambda v: v, "b": torch.ones(2), **options}
    with pytest.raises(error, match=message):
        conjugate_gradient(arguments.pop("product"), arguments.pop("b"), **arguments)
