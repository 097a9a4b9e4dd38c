"""Reading a loss curve: curves made by hand for each case, and what must not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import SGD
from course_lib.problems import digits, mlp
from course_lib.training import CASES, History, NonFiniteLossError, diagnose, fit, mean_loss

START = math.log(10)
K = np.arange(1.0, 2001)
DECAYED = 0.1 * np.exp(-K / 20)


def noisy(curve, spread, seed=0):
    return curve * np.exp(spread * np.random.default_rng(seed).standard_normal(len(curve)))


def swinging(level, seed):
    """Noise that is remembered for some twenty steps, as of weights that are thrown about."""
    kicks, values, value = np.random.default_rng(seed).standard_normal(len(K)), [], 0.0
    for kick in kicks:
        value = 0.95 * value + 0.05 * kick
        values.append(value)
    return level * np.exp(np.array(values))


GOOD = START / (1 + K / 20)
MADE_BY_HAND = {
    "good": {"losses": GOOD},
    "low": {"losses": START * np.exp(-K / 3000)},
    "stopped too early": {"losses": (START * np.exp(-K / 60))[:100]},
    "high": {"losses": np.maximum(START * np.exp(-K / 20), swinging(1.1, seed=1))},
    "flattened early": {
        "losses": START * np.exp(-np.cumsum(DECAYED) / 3),
        "learning_rates": DECAYED,
    },
    "very high": {
        "losses": np.where(abs(K - 4) < 3, 10 * START, START * (0.95 + 0.04 * np.sin(K)))
    },
    "overfitting": {
        "losses": GOOD,
        "validation": 1 + (np.arange(40) - 10.0) ** 2 / 500,
    },
    "diverged": {"losses": np.where(K < 50, START * 1.5 ** np.minimum(K, 50), math.inf)},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_each_case_is_named_under_the_noise_of_batches(case, seed):
    made = MADE_BY_HAND[case]
    losses = noisy(made["losses"], 0.1, seed)
    assert diagnose(**{**made, "losses": losses}, start=START).case == case


@pytest.mark.parametrize("case", CASES)
def test_the_answer_says_why_and_what_to_do(case):
    answer = diagnose(**MADE_BY_HAND[case])
    assert answer.case == case
    assert answer.advice == CASES[case]
    assert str(answer).startswith(case)
    assert all(reason in str(answer) and any(map(str.isdigit, reason)) for reason in answer.reasons)
    assert (answer.figures is None) == (case == "diverged")


@pytest.mark.parametrize("case", CASES)
@given(unit=st.floats(1e-6, 1e6))
def test_the_unit_of_the_loss_does_not_matter(case, unit):
    made = dict(MADE_BY_HAND[case])
    changed = {**made, "losses": unit * made["losses"]}
    assert diagnose(**changed).reasons == diagnose(**made).reasons


@pytest.mark.parametrize("case", [case for case in CASES if case != "diverged"])
@given(width=st.integers(2, 10), seed=st.integers(0, 100))
def test_means_over_windows_tell_the_same(case, width, seed):
    made = dict(MADE_BY_HAND[case])
    losses = noisy(made["losses"], 0.1, seed)
    whole = len(losses) // width * width
    made["losses"] = losses[:whole].reshape(-1, width).mean(axis=1)
    made["steps"] = np.arange(width, whole + 1, width)
    if "learning_rates" in made:
        made["learning_rates"] = DECAYED[width - 1 : whole : width]
    assert diagnose(**made, start=START).case == case


def test_a_good_staircase_has_not_flattened_early():
    rates = np.where(K < 1200, 0.1, 0.01)
    assert diagnose(losses=GOOD, learning_rates=rates).case == "good"


def test_without_the_rates_a_run_that_stopped_walking_is_not_called_flattened():
    frozen = MADE_BY_HAND["flattened early"]["losses"]
    assert diagnose(losses=frozen).case != "flattened early"


def test_one_spike_does_not_spoil_a_good_curve():
    losses = GOOD.copy()
    losses[700] = 20 * START
    assert diagnose(losses=losses).case == "good"


def test_one_high_look_is_no_overfitting():
    validation = 1 + 1 / np.arange(1, 41)
    validation[[20, 39]] *= 2
    assert diagnose(losses=GOOD, validation=validation).case == "good"


def test_a_falling_validation_loss_is_no_overfitting():
    assert diagnose(losses=GOOD, validation=1 / np.arange(1, 41)).case == "good"


def test_a_rise_alone_is_no_overfitting_while_the_training_loss_stands_still():
    flat = {**MADE_BY_HAND["high"], "validation": MADE_BY_HAND["overfitting"]["validation"]}
    assert diagnose(**flat).case == "high"


def test_a_constant_curve_has_learned_nothing():
    answer = diagnose(losses=np.full(500, START))
    assert answer.case == "low"
    assert "did not come a tenth below" in str(answer)


def test_losses_of_zero_are_read():
    assert diagnose(losses=np.maximum(START - K / 10, 0)).case == "good"


def test_the_start_may_be_known_when_the_first_mean_is_not_it():
    steps = np.arange(100, 2001, 100)
    answer = diagnose(losses=START * np.exp(-steps / 3000), steps=steps, start=START)
    assert answer.case == "low"
    assert answer.figures.first_tenth == pytest.approx(-3000 * math.log(0.9) / 0.85, rel=0.2)


def test_a_history_of_fit_is_read_with_its_evaluations():
    data = digits("train", dtype=torch.float64)
    x, y = data
    few, new = (x[:100], y[:100]), digits("test", dtype=torch.float64)
    net = mlp((64, 32, 10), torch.nn.ReLU, seed=0, dtype=torch.float64)
    loss = torch.nn.functional.cross_entropy
    history = fit(
        net,
        few,
        loss,
        lambda params: SGD(params, lr=0.003),
        steps=300,
        batch_size=10,
        evaluate={"new": mean_loss(new, loss)},
        evaluate_every=20,
    )
    assert diagnose(history, validation="new").case == "low"
    assert diagnose(history) == diagnose(losses=history.losses)
    with pytest.raises(ValueError, match=r"validation must be one of \['new'\], got 'old'"):
        diagnose(history, validation="old")


def test_the_error_that_ends_a_run_is_read_as_diverged():
    net, half = torch.nn.Linear(1, 1), torch.ones(1, 1)
    loss = torch.nn.functional.mse_loss
    with pytest.raises(NonFiniteLossError) as caught:
        fit(net, (half, half), loss, lambda params: SGD(params, lr=1e9), steps=1000)
    answer = diagnose(caught.value)
    assert answer.case == "diverged"
    assert "step" in answer.reasons[0]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, TypeError, "exactly one of history and losses"),
        ({"history": History(), "losses": GOOD}, TypeError, "exactly one of history and losses"),
        ({"history": GOOD}, TypeError, "history must be a History, got ndarray"),
        ({"history": History()}, ValueError, r"losses must be a series of at least 10 numbers"),
        ({"losses": [1, 2, 3]}, ValueError, r"got shape \(3,\)"),
        ({"losses": np.ones((20, 2))}, ValueError, r"got shape \(20, 2\)"),
        ({"losses": "falling"}, TypeError, "losses must be a series"),
        ({"losses": GOOD - 1}, ValueError, "losses must be at least 0"),
        ({"losses": GOOD, "steps": K[::-1]}, ValueError, "steps must increase"),
        ({"losses": GOOD, "steps": K - 1}, ValueError, "steps must be above 0"),
        ({"losses": GOOD, "steps": K[1:]}, ValueError, "steps must be a series of length 2000"),
        ({"losses": GOOD, "start": 0}, ValueError, "start must be a finite number above 0"),
        ({"losses": 0 * GOOD}, ValueError, "losses must begin above 0 unless start is given"),
        ({"losses": GOOD, "learning_rates": [0.1]}, ValueError, "learning_rates must be a series"),
        ({"losses": GOOD, "validation": []}, ValueError, "validation must be a series"),
        ({"losses": GOOD, "validation": "new"}, TypeError, "validation must be a series"),
        ({"losses": GOOD, "validation": [math.nan] * 9}, ValueError, "validation must be finite"),
    ],
)
def test_bad_input_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        diagnose(**arguments)
