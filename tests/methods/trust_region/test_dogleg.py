"""The dogleg path: where it goes, and what it keeps of the exact solution."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.optimize._trustregion_dogleg import DoglegSubproblem

from course_lib.methods.trust_region import dogleg_step, exact_step
from tests.methods.trust_region.models import (
    log_radius,
    model,
    model_kinds,
    seeds,
    sizes,
    value,
)


@given(sizes, seeds, log_radius)
def test_on_convex_models_it_is_scipys(n, seed, log_radius):
    g, H = model("positive", n, seed)
    problem = DoglegSubproblem(
        np.zeros(n), fun=lambda x: 0.0, jac=lambda x: g.numpy(), hess=lambda x: H.numpy()
    )
    radius = 10.0**log_radius
    theirs, on_boundary = problem.solve(radius)
    ours = dogleg_step(g, H, radius)
    # scipy's quadratic formula loses digits where the first leg ends close to the boundary
    torch.testing.assert_close(
        ours.p, torch.tensor(theirs), rtol=1e-6, atol=1e-6 * float(ours.p.norm())
    )
    assert ours.on_boundary == on_boundary


@given(model_kinds, sizes, seeds, log_radius)
def test_it_stays_in_the_ball_and_falls_at_least_as_much_as_theory_asks(kind, n, seed, log_radius):
    g, H = model(kind, n, seed)
    radius = 10.0**log_radius
    step = dogleg_step(g, H, radius)
    assert float(step.p.norm()) <= radius * (1 + 1e-12)
    assert step.on_boundary == (float(step.p.norm()) >= radius * (1 - 1e-9))
    length, size = float(g.norm()), float(torch.linalg.matrix_norm(H, 2))
    cauchy = 0.5 * length * (min(radius, length / size) if size else radius)
    assert step.decrease >= cauchy * (1 - 1e-6)
    assert step.decrease == pytest.approx(-value(step.p, g, H), rel=1e-6)
    assert step.decrease <= exact_step(g, H, radius).decrease * (1 + 1e-6)


@given(sizes, seeds)
def test_the_longer_the_radius_the_longer_the_step_and_the_lower_the_model(n, seed):
    g, H = model("positive", n, seed)
    steps = [dogleg_step(g, H, 10.0**e) for e in np.linspace(-4, 4, 40)]
    lengths = [float(step.p.norm()) for step in steps]
    assert all(b >= a * (1 - 1e-9) for a, b in itertools.pairwise(lengths))
    decreases = [step.decrease for step in steps]
    assert all(b >= a * (1 - 1e-9) for a, b in itertools.pairwise(decreases))
    torch.testing.assert_close(steps[-1].p, -torch.linalg.solve(H, g), rtol=1e-8, atol=1e-8)


def test_of_an_indefinite_model_it_takes_the_curvatures_without_their_signs():
    g = torch.tensor([1.0, -1.0], dtype=torch.float64)
    H = torch.diag(torch.tensor([2.0, -4.0], dtype=torch.float64))
    step = dogleg_step(g, H, 10.0)
    torch.testing.assert_close(step.p, torch.tensor([-0.5, 0.25], dtype=torch.float64))
    assert step.decrease == pytest.approx(0.25 + 0.375)


def test_it_does_not_leave_a_saddle():
    H = torch.diag(torch.tensor([1.0, -1.0]))
    step = dogleg_step(torch.zeros(2), H, 1.0)
    assert not step.p.any()
    assert step.decrease == 0


@pytest.mark.parametrize("radius", [0.0, -1.0, math.inf])
def test_a_radius_that_is_none_is_refused(radius):
    with pytest.raises(ValueError, match="radius must be a finite number above 0"):
        dogleg_step(torch.ones(2), torch.eye(2), radius)
