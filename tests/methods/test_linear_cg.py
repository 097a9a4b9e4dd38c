"""Linear CG as an optimizer: at most n steps on a quadratic."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.methods import LinearCG, conjugate_gradient
from course_lib.training import minimize
from tests.methods.bowl import closure_of
from tests.methods.cg_rounding import gap_by_rounding
from tests.methods.quadratics import Quadratic, quadratic, quadratics, separated_quadratics


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
@given(separated_quadratics(max_n=8, max_condition=1e3), st.integers(0, 10**6))
def test_it_needs_at_most_n_steps_from_anywhere(problem, seed):
    """What is left after n steps is what rounding may leave, and that is little."""
    generator = torch.Generator().manual_seed(seed)
    size = float(problem.minimizer.norm())
    start = size * torch.randn(problem.n, generator=generator, dtype=torch.float64)
    path = minimize(problem, start, LinearCG, steps=problem.n)
    bound = gap_by_rounding(problem.A, problem.b, start)
    assert problem.gap(path.x[-1]) <= bound
    assert bound <= 0.01 * problem.gap(start)


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


@pytest.mark.parametrize("value", [2.0**-1000, 2.0**-500, 2.0**500, 2.0**1000])
def test_the_size_of_the_function_makes_no_difference(value):
    problem = quadratic([1.0, 3.0, 9.0])
    path = minimize(problem, problem.start, LinearCG, steps=3)
    scaled = minimize(lambda x: value * problem(x), problem.start, LinearCG, steps=3)
    assert torch.equal(scaled.x, path.x)


@pytest.mark.parametrize("length", [2.0**-480, 2.0**-100, 2.0**100, 2.0**480])
def test_neither_does_the_size_of_the_variables(length):
    problem = quadratic([1.0, 3.0, 9.0])
    path = minimize(problem, problem.start, LinearCG, steps=3)
    scaled = minimize(lambda x: problem(x / length), problem.start, LinearCG, steps=3)
    assert torch.equal(scaled.x / length, path.x)


def test_a_curvature_that_is_not_finite_is_told():
    """The value is 0 and the slope 1, but the second derivative of x^1.5 is infinite at 0."""
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    method = LinearCG([w])
    method.step(closure_of(method, [w], lambda params: (params[0].abs() ** 1.5 + params[0]).sum()))
    assert method.reason == "the gradient and its product with the Hessian must be finite"
    assert w.item() == 0.0
