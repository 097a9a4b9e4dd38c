"""What is Adamax's own; torch's steps and what all methods share are tested elsewhere."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import Adamax
from tests.methods.parameters import leaf
from tests.methods.test_adam import moments, scalars, steps_of, zero


@given(st.floats(0.0, 0.95), st.floats(0.0, 0.999), st.integers(0, 1000))
def test_it_divides_by_a_fading_maximum(b1, b2, seed):
    generator = torch.Generator().manual_seed(seed)
    gradients = list(torch.randn(15, 4, generator=generator, dtype=torch.float64))
    p = zero(4)
    steps = steps_of(Adamax([p], 0.1, (b1, b2), eps=0.01), p, gradients)
    m, _ = moments(gradients, b1, 0.0)
    for k in range(1, 16):
        ages = torch.arange(k - 1, -1, -1, dtype=torch.float64).view(-1, 1)
        u = (b2**ages * (torch.stack(gradients[:k]).abs() + 0.01)).amax(0)
        expected = -0.1 / (1 - b1**k) * m[k - 1] / u
        torch.testing.assert_close(steps[k - 1], expected, rtol=1e-9, atol=1e-12)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=40))
def test_no_step_is_longer_than_the_learning_rate_while_magnitudes_do_not_fall(values):
    """Kingma and Ba's bound |step| <= lr: u is then at least each gradient in the mean."""
    values = sorted(values, key=abs)
    p = zero()
    steps = steps_of(Adamax([p], 0.5), p, scalars(*values))
    assert steps.abs().max() <= 0.5 * (1 + 1e-9)


def test_the_first_step_is_the_learning_rate_in_every_coordinate():
    p = leaf(9, dtype=torch.float64)
    (step,) = steps_of(Adamax([p], 0.25, eps=0.0), p, [p.grad])
    torch.testing.assert_close(step, -0.25 * p.grad.sign())


def test_bad_betas_are_refused():
    with pytest.raises(ValueError, match=r"betas\[0\] must be a number in \[0, 1\), got 1.0"):
        Adamax([leaf(2)], betas=(1.0, 0.999))
