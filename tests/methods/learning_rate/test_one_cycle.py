import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from course_lib.methods.learning_rate import OneCycle
from tests.methods.learning_rate.stepping import optimizer_with, our_rates, torch_rates


@given(
    rates=st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=3),
    total_steps=st.integers(1, 60),
    pct_start=st.floats(0, 1),
    anneal_strategy=st.sampled_from(["cos", "linear"]),
    div_factor=st.floats(1, 1e3),
    final_div_factor=st.floats(1, 1e6),
    three_phase=st.booleans(),
)
def test_it_equals_one_cycle_lr(
    rates, total_steps, pct_start, anneal_strategy, div_factor, final_div_factor, three_phase
):
    pct_start = pct_start / 2 if three_phase else pct_start
    options = {
        "pct_start": pct_start,
        "anneal_strategy": anneal_strategy,
        "div_factor": div_factor,
        "final_div_factor": final_div_factor,
        "three_phase": three_phase,
    }
    # Where a phase has no length torch divides by zero.
    ends = [0.0, pct_start * total_steps - 1]
    ends += [2 * pct_start * total_steps - 2] if three_phase else []
    ends += [total_steps - 1]
    assume(all(abs(b - a) > 1e-3 for a, b in itertools.pairwise(ends)))
    theirs = torch_rates(
        lambda optimizer: lr_scheduler.OneCycleLR(
            optimizer, rates, total_steps=total_steps, cycle_momentum=False, **options
        ),
        rates,
        total_steps,
    )
    ours = our_rates(lambda rate: OneCycle(rate, total_steps, **options), rates, total_steps)
    np.testing.assert_allclose(
        np.divide(ours, rates), np.divide(theirs, rates), rtol=1e-9, atol=1e-12
    )


@given(pct_start=st.floats(0, 1), total_steps=st.integers(1, 100), k=st.integers(0, 300))
def test_after_the_cycle_the_rate_stays(pct_start, total_steps, k):
    t = OneCycle(1.0, total_steps, pct_start)
    assert t(total_steps + k) == t(total_steps - 1)


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_it_passes_the_rates_it_is_told(strategy, three_phase):
    t = OneCycle(2.0, 41, 10 / 41 * 1.1, strategy, 20, 50, three_phase)
    assert t(0) == pytest.approx(0.1)
    assert t(10) == pytest.approx(2.0)
    if three_phase:
        assert t(20) == pytest.approx(0.1)
    assert t(40) == pytest.approx(0.1 / 50)


def test_a_rise_without_length_starts_at_the_top_where_torch_divides_by_zero():
    with pytest.raises(ZeroDivisionError):
        lr_scheduler.OneCycleLR(
            optimizer_with(1.0), 1.0, total_steps=10, pct_start=0.1, cycle_momentum=False
        )
    t = OneCycle(1.0, 10, pct_start=0.1)
    assert t(0) == 1.0
    assert t(9) == pytest.approx(1 / 25 / 1e4)


@pytest.mark.parametrize("strategy", ["cosine", "", None, 3, ["cos"]])
def test_an_unknown_annealing_is_refused(strategy):
    with pytest.raises(ValueError, match="anneal_strategy must be 'cos' or 'linear', got"):
        OneCycle(1.0, 10, anneal_strategy=strategy)


@pytest.mark.parametrize("three_phase", [1, None, "no"])
def test_three_phase_must_be_true_or_false(three_phase):
    with pytest.raises(TypeError, match="three_phase must be True or False, got"):
        OneCycle(1.0, 10, three_phase=three_phase)
