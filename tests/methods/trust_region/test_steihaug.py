"""Conjugate gradients in a ball: scipy's steps, and what theory asks of them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.optimize._trustregion_ncg import CGSteihaugSubproblem

from course_lib.methods import NoStepError
from course_lib.methods.trust_region import exact_step, steihaug_cg_step
from tests.methods.trust_region.models import (
    log_radius,
    model,
    model_kinds,
    seeds,
    sizes,
    value,
)


@given(model_kinds, sizes, seeds, log_radius)
def test_it_takes_scipys_steps(kind, n, seed, log_radius):
    g, H = model(kind, n, seed)
    problem = CGSteihaugSubproblem(
        np.zeros(n), fun=lambda x: 0.0, jac=lambda x: g.numpy(), hess=lambda x: H.numpy()
    )
    radius = 10.0**log_radius
    theirs, _ = problem.solve(radius)
    ours = steihaug_cg_step(g, lambda v: H @ v, radius)
    if kind in ("singular", "zero"):  # rounding tells the sign of a curvature of zero
        return
    # Where a curvature is negative, scipy takes the lower of the line's two ends on the boundary,
    # which may lie behind; so ours may end higher, and never elsewhere otherwise.
    if min(np.linalg.eigvalsh(H.numpy())) > 0:
        torch.testing.assert_close(ours.p, torch.tensor(theirs), rtol=1e-6, atol=1e-6 * radius)
    lower = value(torch.tensor(theirs), g, H)
    assert value(ours.p, g, H) >= lower * (1 + 1e-6)


@given(model_kinds, sizes, seeds, log_radius)
def test_it_stays_in_the_ball_and_falls_at_least_as_much_as_theory_asks(kind, n, seed, log_radius):
    g, H = model(kind, n, seed)
    radius = 10.0**log_radius
    step = steihaug_cg_step(g, lambda v: H @ v, radius)
    assert float(step.p.norm()) <= radius * (1 + 1e-9)
    length, size = float(g.norm()), float(torch.linalg.matrix_norm(H, 2))
    cauchy = 0.5 * length * (min(radius, length / size) if size else radius)
    assert step.decrease >= cauchy * (1 - 1e-9)
    assert step.decrease == pytest.approx(-value(step.p, g, H), rel=1e-6)
    assert step.decrease <= exact_step(g, H, radius).decrease * (1 + 1e-6)
    if step.on_boundary:
        assert float(step.p.norm()) == pytest.approx(radius, rel=1e-9)


@given(sizes, seeds)
def test_in_a_large_ball_a_small_tolerance_gives_newtons_step(n, seed):
    g, H = model("positive", n, seed)
    step = steihaug_cg_step(g, lambda v: H @ v, 1e9, tolerance=1e-10)
    residual = float((H @ step.p + g).norm())
    assert residual <= 1e-8 * float(g.norm())
    assert not step.on_boundary


def test_it_asks_for_products_alone_and_for_few():
    asked = []

    def product(v):
        asked.append(1)
        return torch.cat([3.0 * v[:500], 5.0 * v[500:]])

    g = torch.linspace(-1, 1, 1000, dtype=torch.float64)
    steihaug_cg_step(g, product, 1e3, tolerance=1e-10)
    assert len(asked) <= 3  # two different eigenvalues


def test_it_does_not_leave_a_saddle():
    step = steihaug_cg_step(torch.zeros(2), lambda v: torch.tensor([1.0, -1.0]) * v, 1.0)
    assert not step.p.any()
    assert step.decrease == 0


def test_products_that_are_not_finite_end_it_with_a_reason():
    with pytest.raises(NoStepError, match="product of the Hessian with the gradient is not finite"):
        steihaug_cg_step(torch.ones(2), lambda v: v * math.nan, 1.0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_it_works_in_the_dtype_of_the_gradient(dtype):
    step = steihaug_cg_step(torch.ones(4, dtype=dtype), lambda v: 2 * v, 10.0)
    torch.testing.assert_close(step.p, torch.full((4,), -0.5, dtype=dtype))
