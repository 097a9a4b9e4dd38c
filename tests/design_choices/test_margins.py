import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, nnls
from sklearn.svm import SVC

from course_lib.design_choices import (
    NotSeparableError,
    largest_margin,
    margin,
    novikoff_bound,
)
from tests.design_choices.test_perceptron import XOR, separable

points = st.lists(
    st.lists(st.integers(-4, 4), min_size=3, max_size=3), min_size=1, max_size=12
).map(lambda rows: torch.tensor(rows, dtype=torch.float64))


@settings(max_examples=60)
@given(data=separable(), seed=st.integers(0, 1000))
def test_no_direction_has_a_larger_margin_and_the_proof_shows_it(data, seed):
    x, y, w = data
    best = largest_margin(x, y)
    eps = torch.finfo(x.dtype).eps
    assert best.gamma == pytest.approx(margin(x, y, best.w), rel=1e3 * eps)
    assert best.w.double().norm().item() == pytest.approx(1, abs=4 * eps)
    assert 0 < best.gamma <= best.upper * (1 + 1e-14)
    assert best.upper - best.gamma <= 1e-9 * best.upper
    assert (best.weights >= 0).all()
    assert best.weights.sum().item() == pytest.approx(1, abs=10 * eps)
    mean = (best.weights * y) @ x
    assert mean.norm().item() == pytest.approx(best.upper, rel=1e3 * eps)
    rivals = torch.randn(50, x.shape[1], generator=torch.Generator().manual_seed(seed))
    for rival in [w, *rivals.to(x.dtype)]:
        assert margin(x, y, rival) <= best.upper * (1 + 1e-12)


@settings(max_examples=40)
@given(data=separable())
def test_it_is_the_least_distance_that_nonnegative_least_squares_finds(data):
    x, y, _ = data
    a = (y[:, None] * x).double().numpy()
    # Lawson and Hanson: the shortest w with a_i w >= 1 has length 1 / gamma.
    system = np.vstack([a.T, np.ones(len(a))])
    u, _ = nnls(system, np.eye(len(system))[-1], maxiter=1000)
    r = system @ u - np.eye(len(system))[-1]
    shortest = -r[:-1] / r[-1]
    assert largest_margin(x, y).gamma == pytest.approx(1 / np.linalg.norm(shortest), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_its_direction_is_that_of_a_hard_margin_support_vector_machine(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(60, 4, generator=generator, dtype=torch.float64)
    y = torch.where(x @ torch.tensor([1.0, -2, 0.5, 1]).double() > 0, 1, -1)
    x += 0.3 * y[:, None] * torch.tensor([1.0, -2, 0.5, 1]).double() / 2.5
    # With every sample mirrored through 0 the best plane passes through 0.
    machine = SVC(kernel="linear", C=1e8, tol=1e-10)
    machine.fit(torch.cat([x, -x]).numpy(), torch.cat([y, -y]).numpy())
    best = largest_margin(x, y)
    direction = machine.coef_[0] / np.linalg.norm(machine.coef_)
    np.testing.assert_allclose(best.w.numpy(), direction, atol=1e-5)
    assert best.gamma == pytest.approx(1 / np.linalg.norm(machine.coef_), rel=1e-5)


@settings(max_examples=80)
@given(x=points, seed=st.integers(0, 1000))
def test_it_decides_as_a_linear_programme_does(x, seed):
    rng = np.random.default_rng(seed)
    y = torch.tensor(rng.choice([-1, 1], len(x)))
    a = (y[:, None] * x).numpy()
    feasible = linprog(np.zeros(3), A_ub=-a, b_ub=-np.ones(len(a)), bounds=(None, None))
    assume(feasible.status in (0, 2))
    if feasible.status == 0:
        assert largest_margin(x, y).gamma > 0
        return
    with pytest.raises(NotSeparableError) as caught:
        largest_margin(x, y)
    weights = caught.value.weights
    assert (weights >= 0).all()
    assert weights.sum().item() == pytest.approx(1)
    assert (weights @ torch.tensor(a)).norm() < 1e-12


def test_xor_is_not_separable_and_the_proof_uses_all_four_samples():
    with pytest.raises(NotSeparableError, match="must be separable by a plane through 0") as caught:
        largest_margin(*XOR)
    torch.testing.assert_close(caught.value.weights, torch.full((4,), 0.25).double())
    with pytest.raises(NotSeparableError):
        novikoff_bound(*XOR)


def test_a_sample_at_zero_or_with_both_labels_cannot_be_separated():
    for x in (torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[1.0, 2.0], [1.0, 2.0]])):
        with pytest.raises(NotSeparableError):
            largest_margin(x, torch.tensor([1, -1]))


@settings(max_examples=30)
@given(gap=st.floats(1e-9, 1), angle=st.floats(0, 3))
def test_a_narrow_margin_is_measured_exactly(gap, angle):
    turn = torch.tensor(
        [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]],
        dtype=torch.float64,
    )
    x = torch.tensor([[gap, 1.0], [gap, -1.0], [-2.0, 0.3]], dtype=torch.float64) @ turn
    best = largest_margin(x, torch.tensor([1, 1, -1]))
    assert best.gamma == pytest.approx(gap, rel=1e-6)
    assert best.gamma <= best.upper * (1 + 1e-12) + 1e-15


@settings(max_examples=40)
@given(data=separable(), power=st.integers(-60, 60))
def test_margin_is_the_smallest_signed_distance_in_any_unit(data, power):
    x, y, w = data
    distances = y.numpy() * (x.double().numpy() @ w.double().numpy())
    expected = distances.min() / np.linalg.norm(w.double().numpy())
    assert margin(x, y, w) == pytest.approx(expected, rel=1e-12)
    factor = math.ldexp(1.0, power)
    assert margin(x * factor, y, w) == pytest.approx(expected * factor, rel=1e-12)
    assert margin(x, y, w * factor) == pytest.approx(expected, rel=1e-12)
    assert margin(x, y, -w) < 0


def test_the_bound_is_the_square_of_radius_over_margin():
    x, y = torch.tensor([[3.0, 4.0], [-1.0, -1.0]]), torch.tensor([1, -1])
    bound = novikoff_bound(x, y, torch.tensor([0.0, 2.0]))
    assert (bound.R, bound.gamma) == (5.0, 1.0)
    assert bound.mistakes == pytest.approx(25)
    assert bound.mistakes >= 25  # rounded up, not down
    assert novikoff_bound(x, y).mistakes == pytest.approx(12.5)


def test_a_direction_that_does_not_separate_gives_no_bound():
    x, y = torch.tensor([[3.0, 4.0], [-1.0, -1.0]]), torch.tensor([1, -1])
    with pytest.raises(ValueError, match="w must separate the data, got one with margin -4"):
        novikoff_bound(x, y, torch.tensor([0.0, -1.0]))


def test_a_margin_within_round_off_gives_no_bound():
    x = torch.tensor([[1.0, 1e-16], [-1.0, 1e-16]], dtype=torch.float64)
    with pytest.raises(ArithmeticError, match="lost in float64's round-off"):
        novikoff_bound(x, torch.tensor([1, 1]), torch.tensor([0.0, 1.0], dtype=torch.float64))
    with pytest.raises(NotSeparableError):
        novikoff_bound(x, torch.tensor([1, 1]))


@pytest.mark.parametrize(
    ("w", "kind", "message"),
    [
        ([1.0, 0.0], TypeError, r"w must be a torch.Tensor of shape \(2,\), got"),
        (torch.ones(3), ValueError, r"w must have shape \(2,\), got \(3,\)"),
        (torch.ones(2, 1), ValueError, r"w must have shape \(2,\), got \(2, 1\)"),
        (torch.ones(2).double(), ValueError, "w must be torch.float32 on cpu as x, got"),
        (torch.zeros(2), ValueError, "w must be finite and not all 0, got largest entry 0.0"),
        (torch.tensor([1, math.nan]), ValueError, "w must be finite and not all 0, got .*nan"),
        (torch.tensor([1, math.inf]), ValueError, "w must be finite and not all 0, got .*inf"),
    ],
)
def test_wrong_weights_are_named(w, kind, message):
    x, y = torch.ones(3, 2), torch.tensor([1, 1, 1])
    for f in (margin, novikoff_bound):
        with pytest.raises(kind, match=message):
            f(x, y, w)
