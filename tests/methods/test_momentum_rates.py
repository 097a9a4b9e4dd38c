import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import (
    SGD,
    HeavyBall,
    Nesterov,
    heavy_ball_rate,
    nesterov_beta,
    nesterov_parameters,
    nesterov_rate,
    polyak_parameters,
)
from tests.methods.quadratics import matrix_of

PARAMETERS = {
    "Polyak": (HeavyBall, polyak_parameters, heavy_ball_rate),
    "Nesterov": (Nesterov, nesterov_parameters, nesterov_rate),
    "Nesterov for quadratics": (
        Nesterov,
        lambda mu, L: nesterov_parameters(mu, L, quadratic=True),
        nesterov_rate,
    ),
}
each_choice = pytest.mark.parametrize("choice", PARAMETERS)


def errors_of(make, A, steps):
    """Distances from the minimiser 0 of x'Ax/2, of x_0, x_1, …"""
    start = torch.ones(len(A), dtype=torch.float64)
    p = torch.nn.Parameter(start.clone())
    optimizer = make([p])
    errors = [start.norm().item()]
    for _ in range(steps):
        p.grad = A @ p.detach()
        optimizer.step()
        errors.append(p.detach().norm().item())
    return np.array(errors)


def tail_rate(errors, rate):
    """Rate r fitted to c (1 + d k) r^k on the last stretch, where the roots are double.

    log(error_k / (k + 1/d)) is a line in k; for large k the shift 1/d does not matter.
    """
    end = np.flatnonzero(errors > 1e-12 * errors[0])[-1]
    k = np.arange(end // 2, end + 1)
    slope = np.polyfit(k, np.log(errors[k] / k), 1)[0]
    return math.exp(slope)


@pytest.mark.parametrize("kappa", [10, 100, 1000, 10_000])
@each_choice
def test_the_measured_rate_meets_theory(choice, kappa):
    """Within 3 % of the rate, and of what it leaves to gain: 1 - rate."""
    method, parameters, _ = PARAMETERS[choice]
    lr, beta, rate = parameters(2.0, 2.0 * kappa)
    A = matrix_of(2 * torch.logspace(0, math.log10(kappa), 12), seed=kappa)
    steps = math.ceil(36 / (1 - rate))
    errors = errors_of(lambda params: method(params, lr=lr, beta=beta), A, steps)
    measured = tail_rate(errors, rate)
    assert measured == pytest.approx(rate, rel=0.03)
    assert 1 - measured == pytest.approx(1 - rate, rel=0.1)


@given(mu=st.floats(1e-3, 1e3), kappa=st.floats(1.01, 1e6))
@each_choice
def test_the_rate_is_the_worst_over_the_curvatures_and_no_neighbour_is_better(choice, mu, kappa):
    _, parameters, rate_at = PARAMETERS[choice]
    L = mu * kappa
    lr, beta, rate = parameters(mu, L)
    h = torch.logspace(math.log10(mu), math.log10(L), 200, dtype=torch.float64).clamp(mu, L)

    def worst(lr, beta):
        return rate_at(h, lr, beta).max().item()

    assert worst(lr, beta) == pytest.approx(rate, abs=1e-6)
    if choice == "Nesterov":
        return  # the best for all convex functions, not for quadratics
    for lr_factor in (0.98, 1.0, 1.02):
        for beta_factor in (0.98, 1.0, 1.02):
            assert worst(lr * lr_factor, min(beta * beta_factor, 1.0)) >= rate - 1e-6


@given(h=st.floats(0, 10), lr=st.floats(0, 1), beta=st.floats(0, 1.2), nesterov=st.booleans())
def test_the_rates_are_the_spectral_radii_of_the_matrices(h, lr, beta, nesterov):
    if nesterov:
        first_row = [(1 + beta) * (1 - lr * h), -beta * (1 - lr * h)]
    else:
        first_row = [1 + beta - lr * h, -beta]
    radius = np.abs(np.linalg.eigvals(np.array([first_row, [1.0, 0.0]]))).max()
    rate_at = nesterov_rate if nesterov else heavy_ball_rate
    rate = rate_at(torch.tensor([h], dtype=torch.float64), lr, beta).item()
    assert rate == pytest.approx(radius, abs=1e-6)  # double roots are known to half the digits


def test_with_one_curvature_one_step_is_enough():
    for _, parameters, _ in PARAMETERS.values():
        assert parameters(3.0, 3.0) == pytest.approx((1 / 3, 0.0, 0.0))


def test_nesterovs_sequence_begins_at_0_and_tends_to_1():
    assert nesterov_beta(1) == 0
    assert 1 - nesterov_beta(10**6) < 4e-6


@pytest.mark.parametrize("beta", [0.5, 0.9])
def test_against_noise_it_does_no_better_than_its_effective_learning_rate(beta):
    """Many runs at once on h x²/2 with noise of variance 1, with the same lr / (1 - beta).

    The stationary variance of the heavy ball is
    lr (1 + beta) / (h (1 - beta) (2 (1 + beta) - lr h)); that of SGD is lr / (h (2 - lr h)).
    """
    h, t, runs = 1.0, 0.02, 40_000
    generator = torch.Generator().manual_seed(0)
    variances = {}
    for name, method, lr in (
        ("ball", HeavyBall, t * (1 - beta)),
        ("SGD", SGD, t),
        ("SGD, same lr", SGD, t * (1 - beta)),
    ):
        x = torch.nn.Parameter(torch.zeros(runs, dtype=torch.float64))
        optimizer = method([x], lr, beta) if method is HeavyBall else method([x], lr)
        for _ in range(math.ceil(4 / (lr * h))):
            noise = torch.randn(runs, generator=generator, dtype=torch.float64)
            x.grad = h * x.detach() + noise
            optimizer.step()
        variances[name] = x.detach().var().item()
    lr = t * (1 - beta)
    formula = lr * (1 + beta) / (h * (1 - beta) * (2 * (1 + beta) - lr * h))
    assert variances["ball"] == pytest.approx(formula, rel=0.05)
    assert variances["ball"] == pytest.approx(variances["SGD"], rel=0.06)
    assert variances["ball"] > 0.9 / (1 - beta) * variances["SGD, same lr"]


@pytest.mark.parametrize("parameters", [polyak_parameters, nesterov_parameters])
@pytest.mark.parametrize(("mu", "L"), [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (1.0, math.inf)])
def test_curvatures_that_are_none_are_refused(parameters, mu, L):
    with pytest.raises(ValueError, match=r"(mu|L) must be a finite number"):
        parameters(mu, L)


def test_a_step_before_the_first_has_no_beta():
    with pytest.raises(ValueError, match="k must be an integer of at least 1, got 0"):
        nesterov_beta(0)


@pytest.mark.parametrize("rate", [heavy_ball_rate, nesterov_rate])
def test_what_is_no_curvature_or_coefficient_is_refused(rate):
    with pytest.raises(TypeError, match="h must be"):
        rate(1.0, 0.1, 0.9)
    with pytest.raises(ValueError, match=r"beta must be .* got -0\.1"):
        rate(torch.ones(2), 0.1, -0.1)


@pytest.mark.parametrize("parameters", [polyak_parameters, nesterov_parameters])
@pytest.mark.parametrize(("mu", "L"), [(1e-300, 1e300), (5e-324, 5e-324), (1.7e308, 1.7e308)])
def test_curvatures_whose_ratios_overflow_are_refused(parameters, mu, L):
    with pytest.raises(ValueError, match="mu and L must leave 4 / mu and 3 L / mu finite, got"):
        parameters(mu, L)
