"""What is RMSprop's own; torch's steps and what all methods share are tested elsewhere."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import Adam, RMSprop
from tests.methods.parameters import leaf
from tests.methods.test_adam import moments, scalars, steps_of, zero


@given(st.floats(0.0, 0.999), st.booleans(), st.integers(0, 1000))
def test_its_recursion_is_a_weighted_sum_of_squares(alpha, eps_inside, seed):
    generator = torch.Generator().manual_seed(seed)
    gradients = list(torch.randn(15, 4, generator=generator, dtype=torch.float64))
    _, s = moments(gradients, 0.0, alpha)
    root = (s + 0.01).sqrt() if eps_inside else s.sqrt() + 0.01
    p = zero(4)
    steps = steps_of(RMSprop([p], 0.1, alpha, 0.01, eps_inside=eps_inside), p, gradients)
    torch.testing.assert_close(steps, -0.1 * torch.stack(gradients) / root, rtol=1e-9, atol=1e-12)


@given(st.lists(st.floats(0.01, 100).map(lambda v: (-1) ** int(v) * v), min_size=1, max_size=9))
def test_without_memory_it_is_a_step_of_the_sign(values):
    p = zero()
    steps = steps_of(RMSprop([p], 0.25, alpha=0.0, eps=0.0), p, scalars(*values))[:, 0]
    assert steps.tolist() == pytest.approx([-math.copysign(0.25, v) for v in values])


def test_under_steady_gradients_its_steps_do_not_fade():
    """They fall from 1 / sqrt(1 - alpha) of the learning rate to the learning rate."""
    p = zero()
    steps = -steps_of(RMSprop([p], 0.5, 0.9), p, scalars(*[3.0] * 200))[:, 0]
    k = torch.arange(1.0, 201.0, dtype=torch.float64)
    torch.testing.assert_close(steps, 0.5 / (1 - 0.9**k).sqrt(), rtol=1e-6, atol=0)
    assert steps[-1].item() == pytest.approx(0.5, rel=1e-6)


def test_it_is_adam_without_the_mean_of_gradients_and_without_bias_correction():
    p, q = leaf(9, dtype=torch.float64), leaf(9, dtype=torch.float64)
    gradients = [torch.randn(9, generator=torch.Generator().manual_seed(k)) for k in range(10)]
    ours = steps_of(RMSprop([p], 0.1, alpha=0.9), p, gradients)
    adam = Adam([q], 0.1, betas=(0.0, 0.9), bias_correction=False)
    torch.testing.assert_close(ours, steps_of(adam, q, gradients), rtol=1e-10, atol=0)


def test_centred_it_divides_by_the_deviation_of_gradients():
    p = zero(3)
    generator = torch.Generator().manual_seed(0)
    gradients = list(5 + torch.randn(8, 3, generator=generator, dtype=torch.float64))
    steps = steps_of(RMSprop([p], 0.1, 0.9, centered=True), p, gradients)
    a, s = moments(gradients, 0.9, 0.9)
    expected = -0.1 * torch.stack(gradients) / ((s - a**2).sqrt() + 1e-8)
    torch.testing.assert_close(steps, expected, rtol=1e-9, atol=0)


def test_a_variance_that_rounding_makes_negative_counts_as_zero():
    """Steady gradients and no eps to hide it: torch's root is NaN here."""
    p, q = (torch.zeros(1000, requires_grad=True) for _ in range(2))
    g = torch.rand(1000, generator=torch.Generator().manual_seed(0)) + 0.5
    ours = RMSprop([p], 1e-9, 0.5, centered=True)
    theirs = torch.optim.RMSprop([q], 1e-9, 0.5, centered=True)
    for optimizer, x in ((ours, p), (theirs, q)):
        for _ in range(60):
            x.grad = g
            optimizer.step()
    assert q.isnan().any()
    assert p.isfinite().all()


def test_momentum_and_centring_switched_on_in_mid_run_start_at_zero():
    p = leaf(4, dtype=torch.float64)
    rmsprop = RMSprop([p])
    rmsprop.step()
    assert set(rmsprop.state[p]) == {"step", "square_avg"}
    rmsprop.param_groups[0].update(momentum=0.9, centered=True)
    rmsprop.step()
    assert set(rmsprop.state[p]) == {"step", "square_avg", "grad_avg", "momentum_buffer"}
    torch.testing.assert_close(rmsprop.state[p]["grad_avg"], 0.01 * p.grad)


@pytest.mark.parametrize("name", ["alpha", "momentum"])
@pytest.mark.parametrize("value", [-0.1, 1.0, math.nan])
def test_rates_outside_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"{name} must be a number in \[0, 1\), got {value}"):
        RMSprop([leaf(2)], **{name: value})
