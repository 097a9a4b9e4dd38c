"""What holds for all schedules."""

import copy
import dataclasses
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods.learning_rate import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Staircase,
    WarmUp,
    per_epoch,
)

SCHEDULES = [
    Constant(0.1),
    InverseTime(0.1, 0.5),
    Polynomial(0.1, 0.75),
    Polynomial(0.1, 300.0),
    Exponential(0.1, 0.5),
    Staircase(0.1, 10, 3),
    Cosine(0.1, 20, final=0.01),
    OneCycle(0.1, 20),
    OneCycle(0.1, 20, three_phase=True, anneal_strategy="linear"),
    WarmUp(5, Cosine(0.1, 20)),
    per_epoch(Staircase(0.1, 5, 2), 3),
    WarmUp(3, per_epoch(InverseTime(0.1, 1.0), 3), start_factor=0.5),
]
each = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


@each
@given(k=st.integers(0, 10**9) | st.integers(0, 10**400))
def test_every_k_has_a_finite_rate_that_is_a_python_float(schedule, k):
    rate = schedule(k)
    assert type(rate) is float
    assert 0 <= rate <= 0.1 * (1 + 1e-15)


@each
@pytest.mark.parametrize("k", [-1, -(10**30)])
def test_negative_k_is_refused(schedule, k):
    with pytest.raises(ValueError, match=f"k must be an integer of at least 0, got {k}"):
        schedule(k)


@each
@pytest.mark.parametrize("k", [1.0, "1", None, True, math.nan, torch.tensor(1), [1]])
def test_k_that_is_no_integer_is_refused(schedule, k):
    with pytest.raises(TypeError, match="k must be an integer of at least 0, got"):
        schedule(k)


@each
def test_k_may_be_of_numpy(schedule):
    assert schedule(np.int64(4)) == schedule(4)


@each
def test_copies_are_equal_and_give_the_same_rates(schedule):
    for twin in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule)):
        assert twin == schedule
        assert hash(twin) == hash(schedule)
        assert [twin(k) for k in range(30)] == [schedule(k) for k in range(30)]


@each
def test_options_cannot_be_changed(schedule):
    for field in dataclasses.fields(schedule):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(schedule, field.name, 1)


@each
def test_it_is_written_as_it_is_made(schedule):
    from course_lib.methods.learning_rate import PerEpoch  # noqa: F401 — repr names it

    assert eval(repr(schedule)) == schedule


def test_options_become_python_numbers():
    schedule = InverseTime(np.float32(0.5), np.int64(1))
    assert type(schedule.alpha) is type(schedule.beta) is float
    assert schedule == InverseTime(0.5, 1)
    assert repr(schedule) == "InverseTime(alpha=0.5, beta=1.0)"


@each
def test_a_schedule_of_k_alone_keeps_no_state(schedule):
    assert schedule.state_dict() == {}
    schedule.load_state_dict({})
    with pytest.raises(ValueError, match="state_dict must be empty"):
        schedule.load_state_dict({"current": 0.1})


WRONG = ["0.1", None, True, 1j, [0.1], torch.tensor(0.1)]
NOT_FINITE = [math.nan, math.inf, -math.inf, 10**400]


@pytest.mark.parametrize(
    ("make", "name", "bad"),
    [
        (Constant, "alpha", [0, -0.1]),
        (lambda alpha: InverseTime(alpha, 1), "alpha", [0, -0.1]),
        (lambda beta: InverseTime(1, beta), "beta", [-0.1]),
        (lambda alpha: Polynomial(alpha, 1), "alpha", [0, -0.1]),
        (lambda power: Polynomial(1, power), "power", [-0.1]),
        (lambda alpha: Exponential(alpha, 1), "alpha", [0, -0.1]),
        (lambda beta: Exponential(1, beta), "beta", [-0.1]),
        (lambda alpha: Staircase(alpha, 10, 1), "alpha", [0, -0.1]),
        (lambda factor: Staircase(1, factor, 1), "factor", [1, 0.1, -5]),
        (lambda alpha: Cosine(alpha, 10), "alpha", [0, -0.1]),
        (lambda final: Cosine(1, 10, final), "final", [-0.1, 1.5]),
        (lambda start: WarmUp(1, Constant(1), start), "start_factor", [-0.1, 1.5]),
        (lambda max_lr: OneCycle(max_lr, 10), "max_lr", [0, -1]),
        (lambda share: OneCycle(1, 10, share), "pct_start", [-0.1, 1.1]),
        (lambda share: OneCycle(1, 10, share, three_phase=True), "pct_start", [-0.1, 0.6]),
        (lambda factor: OneCycle(1, 10, div_factor=factor), "div_factor", [0, 0.5, -1]),
        (lambda factor: OneCycle(1, 10, final_div_factor=factor), "final_div_factor", [0, 0.03]),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(make, name, bad):
    for value in bad + NOT_FINITE:
        with pytest.raises(ValueError, match=f"^{name} must be a finite number .*got"):
            make(value)
    for value in WRONG:
        with pytest.raises(TypeError, match=f"^{name} must be a finite number .*got"):
            make(value)


@pytest.mark.parametrize(
    ("make", "name", "low"),
    [
        (lambda every: Staircase(1, 10, every), "every", 1),
        (lambda steps: Cosine(1, steps), "steps", 1),
        (lambda steps: WarmUp(steps, Constant(1)), "steps", 1),
        (lambda steps: OneCycle(1, steps), "total_steps", 1),
        (lambda n: per_epoch(Constant(1), n), "batches_per_epoch", 1),
        (lambda first: per_epoch(Constant(1), 1, first=first), "first", 0),
    ],
)
def test_a_length_that_is_no_whole_number_is_refused_by_name(make, name, low):
    for value in (low - 1, -(10**30)):
        with pytest.raises(ValueError, match=f"^{name} must be an integer .*got"):
            make(value)
    for value in (1.0, 2.5, math.nan, "3", None, True):
        with pytest.raises(TypeError, match=f"^{name} must be an integer .*got"):
            make(value)


@pytest.mark.parametrize(
    ("make", "name"), [(lambda s: WarmUp(1, s), "then"), (lambda s: per_epoch(s, 1), "schedule")]
)
@pytest.mark.parametrize("value", [0.1, None, "cosine", [Constant(0.1)]])
def test_what_is_no_schedule_is_refused_by_name(make, name, value):
    with pytest.raises(TypeError, match=f"^{name} must be a function of k"):
        make(value)


@pytest.mark.parametrize("make", [lambda s: WarmUp(1, s), lambda s: per_epoch(s, 1)])
@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_a_function_that_gives_no_rate_is_refused_when_it_is_asked(make, bad):
    schedule = make(lambda k: bad)
    with pytest.raises(ValueError, match=r"schedule\(0\) must be a finite number of at least 0"):
        schedule(0)


@pytest.mark.parametrize("make", [lambda s: WarmUp(2, s), lambda s: per_epoch(s, 2)])
def test_composed_schedules_hand_on_observations_and_state(make):
    class Watching:
        def __init__(self):
            self.seen, self.state = [], {"n": 1}

        def __call__(self, k):
            return 0.1

        def observe(self, history):
            self.seen.append(history)

        def state_dict(self):
            return self.state

        def load_state_dict(self, state_dict):
            self.state = state_dict

    inside = Watching()
    schedule = make(inside)
    schedule.observe("the run")
    assert inside.seen == ["the run"]
    assert schedule.state_dict() == {"n": 1}
    schedule.load_state_dict({"n": 2})
    assert inside.state == {"n": 2}
    plateau = ReduceOnPlateau(0.1, patience=0, factor=0.5)
    schedule = make(plateau)
    plateau.step(1.0)
    plateau.step(1.0)
    assert schedule(10) == 0.05


@pytest.mark.parametrize("make", [lambda s: WarmUp(2, s), lambda s: per_epoch(s, 2)])
def test_composed_schedules_take_plain_functions(make):
    schedule = make(lambda k: 0.1)
    schedule.observe("the run")
    assert schedule(5) == 0.1
    assert schedule.state_dict() == {}
