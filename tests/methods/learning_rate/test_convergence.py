"""The verdicts, against the sums themselves, in closed form where scipy has one."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import polygamma, zeta

from course_lib.methods.learning_rate import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    RobbinsMonro,
    Schedule,
    Staircase,
    WarmUp,
    per_epoch,
    robbins_monro,
)

ROUNDS = 12
options = st.floats(0.05, 2)
lengths = st.integers(1, 30)
formulas = st.one_of(
    st.builds(Constant, options),
    st.builds(InverseTime, options, options),
    st.builds(Polynomial, options, st.sampled_from([0.0, 0.2, 0.5, 0.6, 0.8, 1.0, 1.2, 2.0])),
    st.builds(Exponential, options, options),
    st.builds(Staircase, options, st.sampled_from([5, 10]), lengths),
    st.builds(Cosine, options, lengths, st.just(0.0) | st.just(0.01)),
    st.builds(OneCycle, options, lengths, final_div_factor=st.floats(1, 10)),
)
schedules = (
    formulas | st.builds(WarmUp, lengths, formulas) | st.builds(per_epoch, formulas, lengths)
)


def octaves(rates):
    """Sums over k from 2^j to 2^(j+1) − 1, each over twice as many steps as the one before."""
    return np.add.reduceat(rates, 2 ** np.arange(ROUNDS) - 1)


@given(schedule=schedules)
def test_the_verdict_agrees_with_the_sums_of_ever_longer_stretches(schedule):
    # Cauchy's condensation: for a falling t, the sum converges if and only if the sums of octaves
    # do. Of all formulas above these are geometric in the end: ratio below 1, or not.
    verdict = robbins_monro(schedule)
    rates = np.array([schedule(k) for k in range(1, 2**ROUNDS)])
    for power, converges in ((1, not verdict.sum_diverges), (2, verdict.squares_converge)):
        last = octaves(rates**power)[-2:]
        ratio = last[1] / last[0] if last[0] > 1e-200 else 0.0
        assert (ratio < 0.96) == converges


@given(alpha=options, beta=options)
def test_sums_that_converge_have_the_limits_of_their_formulas(alpha, beta):
    k = np.arange(10**4)
    t = InverseTime(alpha, beta)
    limit = (alpha / beta) ** 2 * polygamma(1, 1 / beta)
    partial = (alpha / (1 + beta * k)) ** 2
    tail = alpha**2 / (beta * (1 + beta * len(k)))  # the integral of the rest, from above
    assert robbins_monro(t).squares_converge
    assert limit - 1.01 * tail <= partial.sum() <= limit
    assert t(7) ** 2 == pytest.approx(partial[7])

    total = float(robbins_monro(Exponential(alpha, beta)).why.split("up to ")[1].split()[0])
    assert total == pytest.approx(sum(Exponential(alpha, beta)(i) for i in range(400)), rel=1e-3)

    total = float(robbins_monro(Staircase(alpha, 5, 7)).why.split("up to ")[1].split()[0])
    assert total == pytest.approx(sum(Staircase(alpha, 5, 7)(i) for i in range(400)), rel=1e-3)


@given(power=st.floats(0.51, 3))
def test_squares_of_a_power_above_one_half_stay_below_zeta(power):
    verdict = robbins_monro(Polynomial(1.0, power))
    assert verdict.squares_converge
    assert sum(Polynomial(1.0, power)(k) ** 2 for k in range(300)) <= zeta(2 * power)


@pytest.mark.parametrize(
    ("power", "diverges", "converge"),
    [
        (0.0, True, False),
        (0.5, True, False),
        (math.nextafter(0.5, 1), True, True),
        (0.75, True, True),
        (1.0, True, True),
        (math.nextafter(1.0, 2), False, True),
        (2.0, False, True),
    ],
)
def test_powers_meet_both_sums_above_one_half_and_up_to_one(power, diverges, converge):
    verdict = robbins_monro(Polynomial(0.1, power))
    assert (verdict.sum_diverges, verdict.squares_converge) == (diverges, converge)
    assert verdict.met == (diverges and converge)


def test_of_the_slides_three_only_inverse_time_meets_both():
    assert robbins_monro(InverseTime(0.1, 0.01)).met
    assert not robbins_monro(Exponential(0.1, 0.01)).met
    assert not robbins_monro(Staircase(0.1, 10, 10)).met


@pytest.mark.parametrize("schedule", [InverseTime(0.1, 0), Exponential(0.1, 0), Polynomial(0.1, 0)])
def test_without_decay_the_verdict_is_that_of_a_constant(schedule):
    verdict, constant = robbins_monro(schedule), robbins_monro(Constant(0.1))
    assert (verdict.sum_diverges, verdict.squares_converge) == (True, False)
    assert (constant.sum_diverges, constant.squares_converge) == (True, False)


@given(inner=formulas, n=lengths)
def test_a_finite_start_or_another_counter_changes_nothing(inner, n):
    plain = robbins_monro(inner)
    for schedule in (WarmUp(n, inner), per_epoch(inner, n), WarmUp(n, per_epoch(inner, n))):
        verdict = robbins_monro(schedule)
        assert (verdict.sum_diverges, verdict.squares_converge, verdict.met) == (
            plain.sum_diverges, plain.squares_converge, plain.met,
        )  # fmt: skip
        assert verdict.why.endswith(plain.why)


@given(
    factor=st.floats(0.01, 0.99),
    eps=st.floats(1e-8, 1e-3),
    min_lr=st.just(0.0) | st.floats(1e-6, 0.01),
)
def test_a_plateau_with_a_lower_bound_never_falls_below_what_is_said(factor, eps, min_lr):
    schedule = ReduceOnPlateau(0.5, factor=factor, patience=0, eps=eps, min_lr=min_lr)
    verdict = robbins_monro(schedule)
    assert (verdict.sum_diverges, verdict.squares_converge, verdict.met) == (True, False, False)
    for _ in range(2000):
        schedule.step(1.0)
    bound = float(verdict.why.split("at least ")[1].split()[0])
    assert schedule.current >= bound * (1 - 1e-3)


def test_a_plateau_without_a_lower_bound_depends_on_the_run():
    verdict = robbins_monro(ReduceOnPlateau(0.5, eps=0))
    assert (verdict.sum_diverges, verdict.squares_converge, verdict.met) == (None, None, None)
    assert "depends on how often" in verdict.why


@pytest.mark.parametrize("why", ["", "because"])
@pytest.mark.parametrize(
    ("diverges", "converge", "met"),
    [
        (True, True, True),
        (True, False, False),
        (False, True, False),
        (None, True, None),
        (None, False, False),
        (False, None, False),
        (None, None, None),
    ],
)
def test_both_must_hold(diverges, converge, met, why):
    assert RobbinsMonro(diverges, converge, why).met is met


@pytest.mark.parametrize("schedule", [lambda k: 1 / k, WarmUp(3, lambda k: 0.1), math.exp])
def test_a_function_whose_formula_is_unknown_is_refused(schedule):
    with pytest.raises(TypeError, match="finitely many values of a function decide nothing"):
        robbins_monro(schedule)


@pytest.mark.parametrize("schedule", [0.1, None, "1/t", [Constant(0.1)]])
def test_what_is_no_schedule_is_refused(schedule):
    with pytest.raises(TypeError, match="schedule must be a function of k"):
        robbins_monro(schedule)


def test_a_schedule_of_ones_own_can_be_registered():
    @dataclasses.dataclass(frozen=True)
    class Own(Schedule):
        def rate(self, k):
            return 1.0

    with pytest.raises(TypeError, match="formula is known"):
        robbins_monro(Own())

    @robbins_monro.register
    def _(schedule: Own) -> RobbinsMonro:
        return RobbinsMonro(True, False, "it is one")

    assert robbins_monro(WarmUp(2, Own())).why.endswith("it is one")
