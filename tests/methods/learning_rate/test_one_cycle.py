import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from course_lib.methods import SGD, Adagrad, Adam, HeavyBall
from course_lib.methods.learning_rate import OneCycle, PerEpoch, Scheduler, WarmUp
from course_lib.training import minimize
from tests.methods.learning_rate.stepping import advance, optimizer_with, our_rates, torch_rates


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


@given(
    total_steps=st.integers(3, 60),
    pct_start=st.floats(0.1, 0.45),
    anneal_strategy=st.sampled_from(["cos", "linear"]),
    base_momentum=st.floats(0, 0.99),
    max_momentum=st.floats(0, 0.99),
    three_phase=st.booleans(),
    method=st.sampled_from([SGD, Adam]),
)
def test_it_moves_the_momentum_as_one_cycle_lr(
    total_steps, pct_start, anneal_strategy, base_momentum, max_momentum, three_phase, method
):
    assume(abs(pct_start * total_steps - 1) > 1e-3)
    assume(abs(2 * pct_start * total_steps - 2 - (total_steps - 1)) > 1e-3)
    options = {
        "pct_start": pct_start,
        "anneal_strategy": anneal_strategy,
        "base_momentum": base_momentum,
        "max_momentum": max_momentum,
        "three_phase": three_phase,
        "cycle_momentum": True,
    }
    seen = []
    for make in (
        lambda optimizer: Scheduler(optimizer, OneCycle(0.1, total_steps, **options), first=0),
        lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps, **options),
    ):
        optimizer = optimizer_with(0.1, 0.1, method=method)
        scheduler, momenta = make(optimizer), []
        for _ in range(total_steps):
            groups = optimizer.param_groups
            momenta.append([g["betas"][0] if "betas" in g else g["momentum"] for g in groups])
            optimizer.step()
            scheduler.step()
        assert [g.get("betas", (0, 0.999))[1] for g in groups] == [0.999] * 2
        seen.append(momenta)
    np.testing.assert_allclose(*seen, rtol=1e-9, atol=1e-12)


def test_without_being_asked_it_leaves_the_momentum_alone():
    optimizer = optimizer_with(0.1, method=SGD, momentum=0.5)
    scheduler = Scheduler(optimizer, OneCycle(0.1, 10))
    advance(optimizer, scheduler, 10)
    assert optimizer.param_groups[0]["momentum"] == 0.5


def test_a_run_that_sets_the_rate_sets_the_momentum_too():
    schedule, seen = OneCycle(0.1, 8, cycle_momentum=True), []

    def watched(params):
        ball = HeavyBall(params)
        ball.register_step_pre_hook(lambda *_: seen.append(ball.param_groups[0]["beta"]))
        return ball

    minimize(lambda x: (x * x).sum(), [1.0], watched, steps=8, schedule=schedule)
    assert seen == [schedule.momentum(k) for k in range(1, 9)]
    assert min(seen) < 0.86
    assert max(seen) > 0.94


@pytest.mark.parametrize(
    "around",
    [lambda inner: WarmUp(3, inner), lambda inner: PerEpoch(inner, 2, first=0)],
    ids=["warm-up", "per epoch"],
)
def test_a_schedule_around_it_passes_the_momentum_on(around):
    inner = OneCycle(1.0, 10, cycle_momentum=True)
    outer = around(inner)
    expected = [max(k - 3, 0) if isinstance(outer, WarmUp) else k // 2 for k in range(12)]
    assert [outer.momentum(k) for k in range(12)] == [inner.momentum(k) for k in expected]


def test_a_method_without_momentum_is_refused_and_left_as_it_was():
    optimizer = optimizer_with(0.3, method=Adagrad)
    with pytest.raises(ValueError, match="schedule moves the momentum and needs a method with"):
        Scheduler(optimizer, OneCycle(0.1, 10, cycle_momentum=True))
    assert optimizer.param_groups[0]["lr"] == 0.3


@pytest.mark.parametrize("name", ["base_momentum", "max_momentum"])
@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_a_momentum_outside_its_range_is_refused(name, value):
    with pytest.raises(ValueError, match=rf"{name} must be a number in \[0, 1\), got {value}"):
        OneCycle(1.0, 10, **{name: value})


def test_cycle_momentum_must_be_true_or_false():
    with pytest.raises(TypeError, match="cycle_momentum must be True or False, got 1"):
        OneCycle(1.0, 10, cycle_momentum=1)
