"""The formulas of slide 22, against torch's schedulers and by their own properties."""

import math

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from course_lib.methods.learning_rate import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    Polynomial,
    Staircase,
)
from tests.methods.learning_rate.stepping import our_rates, torch_rates

STEPS = 40
rates = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=3)


def check_equal(ours, theirs, rtol=1e-12):
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-300)


@given(rates=rates, beta=st.floats(0, 1e3))
def test_inverse_time_equals_lambda_lr(rates, beta):
    theirs = torch_rates(
        lambda o: lr_scheduler.LambdaLR(o, lambda k: 1 / (1 + beta * k)), rates, STEPS
    )
    check_equal(our_rates(lambda alpha: InverseTime(alpha, beta), rates, STEPS), theirs)


@given(rates=rates, power=st.floats(0, 5))
def test_polynomial_equals_lambda_lr(rates, power):
    theirs = torch_rates(
        lambda o: lr_scheduler.LambdaLR(o, lambda k: (1 + k) ** -power), rates, STEPS
    )
    check_equal(our_rates(lambda alpha: Polynomial(alpha, power), rates, STEPS), theirs)


@given(rates=rates, beta=st.floats(0, 5))
def test_exponential_equals_exponential_lr(rates, beta):
    theirs = torch_rates(lambda o: lr_scheduler.ExponentialLR(o, math.exp(-beta)), rates, STEPS)
    check_equal(our_rates(lambda alpha: Exponential(alpha, beta), rates, STEPS), theirs)


@given(rates=rates, factor=st.floats(1.001, 20), every=st.integers(1, STEPS))
def test_staircase_equals_step_lr(rates, factor, every):
    theirs = torch_rates(lambda o: lr_scheduler.StepLR(o, every, 1 / factor), rates, STEPS)
    check_equal(our_rates(lambda alpha: Staircase(alpha, factor, every), rates, STEPS), theirs)


@given(rates=rates, steps=st.integers(1, STEPS), final=st.floats(0, 1))
def test_cosine_equals_cosine_annealing_lr_until_its_end(rates, steps, final):
    final *= min(rates)
    theirs = torch_rates(
        lambda o: lr_scheduler.CosineAnnealingLR(o, steps, final), rates, steps + 1
    )
    ours = our_rates(lambda alpha: Cosine(alpha, steps, final), rates, steps + 1)
    # torch multiplies step by step; near the end its rounding errors are relative to the start.
    for our, their, alpha in zip(np.transpose(ours), np.transpose(theirs), rates, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-10, atol=1e-12 * alpha)


@given(alpha=st.floats(1e-6, 1e3), k=st.integers(0, 10**6))
def test_constant_is_constant(alpha, k):
    assert Constant(alpha)(k) == alpha


def test_formulas_are_those_of_the_slide():
    alpha, beta, k, a, c, every = sympy.symbols("alpha beta k a c L", positive=True)
    at = {alpha: sympy.Rational(3, 10), beta: sympy.Rational(1, 7), a: sympy.Rational(2, 3), c: 5}
    for schedule, formula in [
        (InverseTime(0.3, 1 / 7), alpha / (1 + beta * k)),
        (Exponential(0.3, 1 / 7), alpha * sympy.exp(-beta * k)),
        (Polynomial(0.3, 2 / 3), alpha * (1 + k) ** -a),
        (Staircase(0.3, 5, 4), alpha / c ** sympy.floor(k / every)),
    ]:
        for step in (0, 1, 3, 4, 7, 8, 100):
            exact = float(formula.subs({**at, k: step, every: 4}))
            assert schedule(step) == pytest.approx(exact, rel=1e-14)


@given(beta=st.floats(1e-3, 1e3))
def test_each_halving_of_inverse_time_takes_twice_as_long(beta):
    k = 1 / beta  # t_k = α/2 at k = 1/β, α/4 at 3/β, α/8 at 7/β
    for halvings in (1, 2, 3):
        rate = InverseTime(1.0, beta).rate((2**halvings - 1) * k)
        assert rate == pytest.approx(0.5**halvings)


@given(beta=st.floats(0, 2), k=st.integers(0, 100), j=st.integers(0, 100))
def test_exponential_falls_by_the_same_factor_over_the_same_time(beta, k, j):
    t = Exponential(1.0, beta)
    assert t(k + j) == pytest.approx(t(k) * t(j), rel=1e-12)


@given(steps=st.integers(1, 200), k=st.integers(0, 200), final=st.floats(0, 1))
def test_cosine_falls_symmetrically_and_then_stays(steps, k, final):
    t = Cosine(1.0, steps, final)
    assert t(0) == 1.0
    assert t(steps + k) == final
    k = min(k, steps)
    assert t(k) + t(steps - k) == pytest.approx(1.0 + final)


@pytest.mark.parametrize(
    "schedule",
    [InverseTime(1, 1e308), Polynomial(1, 1e308), Exponential(1, 1e308), Staircase(1, 1e308, 1)],
    ids=repr,
)
def test_what_is_too_small_for_a_float_is_zero(schedule):
    assert schedule(0) == 1.0
    assert schedule(10**6) == pytest.approx(0.0, abs=1e-300)


def test_a_stair_is_left_when_its_length_is_over():
    t = Staircase(0.1, 10, every=10)
    assert [t(9), t(10), t(19), t(20)] == [0.1, 0.1 / 10, 0.1 / 10, 0.1 / 100]
