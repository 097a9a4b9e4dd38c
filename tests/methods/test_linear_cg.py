"""Linear CG as an optimizer: at most n steps on a quadratic."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.methods import LinearCG, conjugate_gradient
from course_lib.training import minimize
from tests.methods.bowl import closure_of
from tests.methods.quadratics import Quadratic, quadratic, quadratics


@settings(max_examples=40)
@given(quadratics(max_n=8, max_condition=1e4))
def test_its_iterates_are_those_of_the_method_for_linear_systems(problem):
    path = minimize(problem, problem.start, LinearCG, steps=problem.n)
    size = float(problem.minimizer.norm())
    for k, x in enumerate(path.x[:5]):  # later, rounding decides
        want = conjugate_gradient(
            lambda v: problem.A @ v, problem.b, tolerance=0.0, max_iterations=k
        )
        assert float((x - want.x).norm()) <= 1e-6 * size


@settings(max_examples=40)
@given(quadratics(max_n=8, max_condition=1e3), st.integers(0, 10**6))
def test_it_needs_at_most_n_steps_from_anywhere(problem, seed):
    generator = torch.Generator().manual_seed(seed)
    size = float(problem.minimizer.norm())
    start = size * torch.randn(problem.n, generator=generator, dtype=torch.float64)
    path = minimize(problem, start, LinearCG, steps=problem.n)
    assert problem.gap(path.x[-1]) <= 1e-9 * problem.gap(start)


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(2, 4), st.integers(0, 10**6))
def test_it_needs_as_many_steps_as_there_are_different_eigenvalues(different, copies, seed):
    problem = quadratic([float(5**i) for i in range(different)] * copies, seed)
    path = minimize(problem, problem.start, LinearCG, steps=different)
    assert problem.gap(path.x[-1]) <= 1e-9 * problem.gap(problem.start)
    if different > 1:
        assert problem.gap(path.x[-2]) > 1e-9 * problem.gap(problem.start)


@settings(max_examples=20)
@given(quadratics(max_n=8, max_condition=1e6))
def test_ill_conditioned_ones_take_a_few_steps_more_and_go_down_all_the_way(problem):
    """Rounding costs the conjugacy, so that n steps may not do; each step still goes down."""
    path = minimize(problem, problem.start, LinearCG, steps=6 * problem.n)
    gaps = [problem.gap(x) for x in path.x]
    assert gaps[-1] <= 1e-9 * gaps[0]
    assert all(b <= a * (1 + 1e-9) + 1e-15 * gaps[0] for a, b in itertools.pairwise(gaps))


def test_a_step_costs_one_gradient_and_one_product():
    problem = quadratic(torch.logspace(0, 2, 6))
    path = minimize(problem, problem.start, LinearCG, steps=4)
    assert path.touched == {"gradient": 5, "hessian": 4, "value": 0}


@pytest.mark.parametrize("curvature", [-1.0, 0.0])
def test_without_a_minimum_along_the_direction_it_says_so_and_stays(curvature):
    A = torch.diag(torch.tensor([curvature, 1.0], dtype=torch.float64))
    problem = Quadratic(A, torch.tensor([1.0, 0.0], dtype=torch.float64))
    path = minimize(problem, problem.start, LinearCG, steps=3)
    assert len(path) == 0
    assert path.reason.startswith("the curvature along the direction is")
    assert f"{curvature:.3g}" in path.reason


def test_at_the_minimum_it_says_so():
    path = minimize(lambda x: x @ x, [1.0, 2.0], LinearCG, steps=5)
    assert path.x[-1].tolist() == [0.0, 0.0]
    assert path.reason == "the gradient is zero: the point is stationary"


def test_matrices_are_parameters_like_any_other():
    """A least-squares problem in a matrix and a vector: as many steps as there are unknowns."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    y = torch.randn(20, 2, generator=generator, dtype=torch.float64)
    W = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    c = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    method = LinearCG([{"params": [W]}, {"params": [c]}])

    def closure():
        method.zero_grad()
        loss = torch.nn.functional.mse_loss(x @ W + c, y)
        loss.backward()
        return loss

    for _ in range(8):
        method.step(closure)
    want = torch.linalg.lstsq(torch.cat([x, torch.ones(20, 1).double()], dim=1), y).solution
    torch.testing.assert_close(torch.cat([W, c[None]]).detach(), want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("scale", [1e150, 1e300])
def test_a_scale_that_leaves_the_range_of_the_dtype_is_told(scale):
    """The step would be 0, or not a number."""
    w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    method = LinearCG([w])
    method.step(closure_of(method, [w], lambda params: scale * (params[0] ** 2).sum()))
    assert "slope and curvature along the direction must be finite" in method.reason
    assert torch.equal(w, torch.ones_like(w))
