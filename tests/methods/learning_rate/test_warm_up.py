import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from course_lib.methods.learning_rate import (
    Constant,
    Exponential,
    ReduceOnPlateau,
    Staircase,
    WarmUp,
)
from tests.methods.learning_rate.stepping import our_rates, torch_rates


@given(
    rates=st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=3),
    steps=st.integers(1, 20),
    start_factor=st.floats(0.01, 1),
    every=st.integers(1, 10),
)
def test_it_equals_sequential_lr_of_linear_lr_and_the_rest(rates, steps, start_factor, every):
    theirs = torch_rates(
        lambda optimizer: lr_scheduler.SequentialLR(
            optimizer,
            [
                lr_scheduler.LinearLR(optimizer, start_factor, 1.0, total_iters=steps),
                lr_scheduler.StepLR(optimizer, every, 0.5),
            ],
            milestones=[steps],
        ),
        rates,
        40,
    )
    ours = our_rates(
        lambda alpha: WarmUp(steps, Staircase(alpha, 2, every), start_factor), rates, 40
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@given(steps=st.integers(1, 50), start_factor=st.floats(0, 1))
def test_it_rises_by_equal_amounts_to_the_first_rate_of_what_follows(steps, start_factor):
    then = Exponential(0.3, 0.1)
    t = WarmUp(steps, then, start_factor)
    assert t(0) == pytest.approx(start_factor * 0.3)
    rises = [t(k + 1) - t(k) for k in range(steps)]
    assert rises == pytest.approx([(1 - start_factor) * 0.3 / steps] * steps, abs=1e-12)
    assert [t(steps + k) for k in range(5)] == [then(k) for k in range(5)]


def test_from_zero_a_loop_that_counts_from_one_begins_with_one_share():
    t = WarmUp(5, Constant(1.0))
    assert [t(k) for k in range(1, 7)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_the_rise_leads_to_the_current_rate_of_a_plateau():
    plateau = ReduceOnPlateau(0.8, factor=0.5, patience=0)
    t = WarmUp(4, plateau)
    assert t(2) == 0.4
    plateau.step(1.0)
    plateau.step(1.0)
    assert t(2) == 0.2
    assert t(4) == 0.4
