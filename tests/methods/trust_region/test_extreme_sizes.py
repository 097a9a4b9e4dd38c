"""Problems near the ends of a dtype's range: the same steps in other units, or a clear reason."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import TrustRegion, conjugate_gradient
from course_lib.methods.trust_region import dogleg_step, exact_step, steihaug_cg_step
from course_lib.training import minimize
from tests.methods.trust_region.models import model, model_kinds, seeds, sizes

SOLVERS = {
    "exact": exact_step,
    "dogleg": dogleg_step,
    "Steihaug-CG": lambda g, H, radius: steihaug_cg_step(
        g, lambda v: H @ v, radius, tolerance=1e-3
    ),
}
each_solver = pytest.mark.parametrize("solver", SOLVERS)
START = torch.tensor([-1.2, 1.0], dtype=torch.float64)


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


@each_solver
@given(model_kinds, sizes, seeds, st.floats(-3, 3), st.integers(-900, 900), st.integers(-450, 450))
def test_in_other_units_the_step_is_the_same(solver, kind, n, seed, log_radius, a, half_of_b):
    """Gradient times 2^a, Hessian times 2^b: then lengths are times 2^(a - b), bit for bit.

    An odd b would put the root of 2 into Cholesky factors, which is rounded.
    """
    g, H = model(kind, n, seed)
    solve, radius, b = SOLVERS[solver], 10.0**log_radius, 2 * half_of_b
    if not -900 <= a - b <= 900 or not -900 <= 2 * a - b <= 900:
        return  # no number could tell the step or the decrease
    step = solve(g, H, radius)
    scaled = solve(g * 2.0**a, H * 2.0**b, math.ldexp(radius, a - b))
    assert torch.equal(scaled.p * 2.0 ** (b - a), step.p)
    assert math.ldexp(scaled.decrease, b - 2 * a) == step.decrease
    assert scaled.on_boundary == step.on_boundary


@each_solver
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("curvatures", [(1.0, 2.0), (1.0, -2.0), (0.0, 0.0)])
def test_any_radius_is_met_or_newtons_step_is_taken(solver, dtype, curvatures):
    """From radii that are next to nothing beside Newton's step to the other way round."""
    info = torch.finfo(dtype)
    g, H = torch.ones(2, dtype=dtype), torch.diag(torch.tensor(curvatures, dtype=dtype))
    for radius in (info.smallest_normal * 4, info.eps**3, 1e-3, 1e3, info.eps**-3, info.max / 4):
        for size in (info.smallest_normal * 4, 1.0, info.max / 16):
            step = SOLVERS[solver](size * g, size * H, radius)
            ends = curvatures[1] > 0 or (curvatures[1] < 0 and solver == "dogleg")
            if ends and radius > 2:
                assert not step.on_boundary
                assert step.p.tolist() == pytest.approx([-1.0, -0.5], rel=1e-3)
            else:
                assert step.on_boundary
                assert math.hypot(*step.p.tolist()) == pytest.approx(radius, rel=1e-5)
            assert step.decrease >= 0


@given(st.integers(-900, 900), st.integers(-900, 900))
def test_conjugate_gradients_are_the_same_in_other_units(a, b):
    """Right-hand side times 2^a, matrix times 2^b."""
    if not -900 <= a - b <= 900:
        return
    g, H = model("positive", 5, 0)
    plain = conjugate_gradient(lambda v: H @ v, g, tolerance=1e-9)
    scaled = conjugate_gradient(lambda v: (H * 2.0**b) @ v, g * 2.0**a, tolerance=1e-9)
    assert torch.equal(scaled.x * 2.0 ** (b - a), plain.x)
    assert torch.equal(scaled.residual * 2.0**-a, plain.residual)
    assert (scaled.status, scaled.iterations) == (plain.status, plain.iterations)


@each_solver
@pytest.mark.parametrize("value", [2.0**-1000, 2.0**-500, 2.0**500, 2.0**1000])
def test_functions_of_any_size_are_minimised(solver, value):
    path = minimize(
        lambda x: value * rosenbrock(x), START, lambda p: TrustRegion(p, solver=solver), steps=60
    )
    torch.testing.assert_close(path.x[-1], torch.ones(2, dtype=torch.float64), rtol=1e-9, atol=0)
    assert path.reason in (
        "the gradient is zero: the parameters are at a critical point",
        "the model promises no decrease: the gradient is too small for the dtype",
    )


@each_solver
@pytest.mark.parametrize("length", [2.0**-450, 2.0**-200, 2.0**200, 2.0**450])
def test_variables_of_any_size_are_found(solver, length):
    path = minimize(
        lambda x: rosenbrock(x / length),
        length * START,
        lambda p: TrustRegion(p, solver=solver, radius=length),
        steps=60,
    )
    torch.testing.assert_close(
        path.x[-1] / length, torch.ones(2, dtype=torch.float64), rtol=1e-9, atol=0
    )


@each_solver
def test_a_radius_much_too_large_is_reduced(solver):
    length = 2.0**-450
    path = minimize(
        lambda x: rosenbrock(x / length),
        length * START,
        lambda p: TrustRegion(p, solver=solver, radius=1.0),
        steps=60,
    )
    torch.testing.assert_close(
        path.x[-1] / length, torch.ones(2, dtype=torch.float64), rtol=1e-9, atol=0
    )


@each_solver
def test_a_radius_that_changes_nothing_is_told(solver):
    path = minimize(
        lambda x: rosenbrock(x / 1e60),
        1e60 * START,
        lambda p: TrustRegion(p, solver=solver, radius=1.0),
        steps=5,
    )
    assert len(path) == 0
    assert path.reason == "radius is 1, too small to change parameters of this size"


@each_solver
def test_a_radius_grows_to_the_largest_number_and_no_further(solver):
    """A linear function: every step keeps the promise and meets the boundary."""
    path = minimize(
        lambda x: 1e-300 * x.sum(),
        torch.zeros(2, dtype=torch.float64),
        lambda p: TrustRegion(p, solver=solver, radius=1e307),
        steps=6,
    )
    assert len(path) >= 3
    assert bool(torch.isfinite(path.x).all())
