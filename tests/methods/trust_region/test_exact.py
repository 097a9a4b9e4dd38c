"""The exact step is a global minimiser in the ball: the conditions, and independent solutions."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize._trustregion_exact import IterativeSubproblem

from course_lib.methods.trust_region import exact_step
from tests.methods.trust_region.models import (
    log_radius,
    model,
    model_kinds,
    reference_value,
    seeds,
    sizes,
    value,
)


def assert_is_global_minimiser(step, g, H, radius, rtol=1e-9):
    """The conditions of Gay, Moré and Sorensen, each up to rounding in its own terms."""
    p, size = step.p, float(torch.linalg.matrix_norm(H, 2))
    length = float(p.norm())
    assert length <= radius * (1 + rtol)
    multiplier = -float(p @ (H @ p + g)) / length**2 if length else 0.0
    scale = max(size, abs(multiplier), float(g.norm()) / length if length else 0.0)
    assert float((H @ p + multiplier * p + g).norm()) <= rtol * (scale * length + 1e-300)
    assert multiplier >= -rtol * scale
    assert float(torch.linalg.eigvalsh(H)[0]) + multiplier >= -rtol * scale
    if multiplier > rtol * scale:
        assert length == pytest.approx(radius, rel=rtol)
        assert step.on_boundary
    assert step.decrease == pytest.approx(-value(p, g, H), rel=rtol, abs=rtol * scale * length**2)


@given(model_kinds, sizes, seeds, log_radius, st.floats(-8, 8))
@example("indefinite", 1, 0, 0.0, 0.0)
@example("zero", 3, 0, 0.0, 0.0)
def test_its_step_meets_the_conditions_of_a_global_minimiser(kind, n, seed, log_radius, log_size):
    g, H = model(kind, n, seed, log_size=log_size)
    radius = 10.0**log_radius
    assert_is_global_minimiser(exact_step(g, H, radius), g, H, radius)


@given(st.sampled_from(["indefinite", "negative", "multiple"]), sizes, seeds, log_radius)
def test_the_hard_case_meets_them_too(kind, n, seed, log_radius):
    g, H = model(kind, n, seed, hard=True)
    radius = 10.0**log_radius
    step = exact_step(g, H, radius)
    assert_is_global_minimiser(step, g, H, radius)
    if float(torch.linalg.eigvalsh(H)[0]) < 0:
        assert step.on_boundary


@given(seeds, log_radius, st.floats(-300, -1))
def test_nothing_is_lost_close_to_the_hard_case(seed, log_radius, log_part):
    """The part of the gradient along the lowest eigenvector may be as small as it likes."""
    g, H = model("indefinite", 4, seed, hard=True)
    g[H.diagonal().argmin()] = 10.0**log_part
    radius = 10.0**log_radius
    assert_is_global_minimiser(exact_step(g, H, radius), g, H, radius)


@given(model_kinds, sizes, seeds, log_radius)
def test_no_point_of_the_ball_lies_lower(kind, n, seed, log_radius):
    g, H = model(kind, n, seed)
    radius = 10.0**log_radius
    lowest = reference_value(g, H, radius)
    assert -exact_step(g, H, radius).decrease == pytest.approx(lowest, rel=1e-8)


@given(st.sampled_from(["positive", "indefinite", "negative"]), st.integers(2, 9), seeds)
def test_it_goes_at_least_as_low_as_scipys_solution_and_not_much_lower(kind, n, seed):
    """scipy's solution is within 10 % of the radius, or 20 % of the value in the hard case."""
    g, H = model(kind, n, seed)
    problem = IterativeSubproblem(
        np.zeros(n), fun=lambda x: 0.0, jac=lambda x: g.numpy(), hess=lambda x: H.numpy()
    )
    for radius in (1e-2, 1.0, 1e2):
        theirs, on_boundary = problem.solve(radius)
        ours = exact_step(g, H, radius)
        low = -value(torch.tensor(theirs), g, H)
        assert ours.on_boundary == on_boundary
        assert 0.7 * ours.decrease <= low <= 1.23 * ours.decrease  # it may be 10 % too long
        fits = low if np.linalg.norm(theirs) <= radius else 0.0
        assert fits <= ours.decrease * (1 + 1e-9)


def test_a_saddle_is_left_along_the_lowest_curvature():
    H = torch.diag(torch.tensor([3.0, -2.0, -1.0], dtype=torch.float64))
    step = exact_step(torch.zeros(3, dtype=torch.float64), H, 0.5)
    torch.testing.assert_close(step.p.abs(), torch.tensor([0, 0.5, 0], dtype=torch.float64))
    assert step.decrease == pytest.approx(0.25)
    assert step.on_boundary


def test_at_a_minimiser_it_stays():
    H = torch.diag(torch.tensor([3.0, 0.0], dtype=torch.float64))
    for radius in (1e-3, 1e3):
        step = exact_step(torch.zeros(2, dtype=torch.float64), H, radius)
        assert not step.p.any()
        assert step.decrease == 0
        assert not step.on_boundary


def test_inside_the_ball_it_is_newtons_step():
    g, H = model("positive", 5, 0)
    step = exact_step(g, H, 1e6)
    torch.testing.assert_close(step.p, -torch.linalg.solve(H, g))
    assert not step.on_boundary


@given(model_kinds, sizes, seeds, st.floats(-3, 3))
def test_single_precision_is_as_exact_as_it_can_be(kind, n, seed, log_radius):
    g, H = (t.float() for t in model(kind, n, seed))
    radius = 10.0**log_radius
    step = exact_step(g, H, radius)
    assert step.p.dtype == torch.float32
    assert float(step.p.norm()) <= radius * (1 + 1e-5)
    lowest = reference_value(g.double(), H.double(), radius)
    # An error of eps |H| in an eigenvalue counts with the square of the step.
    noise = 1e-5 * float(torch.linalg.matrix_norm(H)) * float(step.p.norm()) ** 2
    assert -step.decrease == pytest.approx(lowest, rel=1e-4, abs=noise)


GOOD = {"g": torch.ones(2), "H": torch.eye(2), "radius": 1.0}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"g": [1.0, 1.0]}, TypeError, "g must be a tensor"),
        ({"g": torch.ones(2, 1)}, ValueError, r"g must have shape \(n,\)"),
        ({"g": torch.ones(0)}, ValueError, r"g must have shape \(n,\), n at least 1"),
        ({"g": torch.ones(2).half()}, TypeError, "g must be a tensor of dtype float32 or float64"),
        ({"H": torch.eye(3)}, ValueError, r"H must have shape \(2, 2\), got \(3, 3\)"),
        ({"H": torch.eye(2).double()}, ValueError, "H must be of dtype torch.float32"),
        ({"H": None}, TypeError, "H must be a tensor"),
        ({"radius": 0.0}, ValueError, "radius must be a finite number above 0, got 0"),
        ({"radius": float("nan")}, ValueError, "radius must be a finite number above 0, got nan"),
        ({"radius": "1"}, TypeError, "radius must be a finite number above 0"),
    ],
)
def test_what_is_not_a_model_in_a_ball_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        exact_step(**{**GOOD, **change})
