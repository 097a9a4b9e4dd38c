import copy
import math
import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from course_lib.methods import SGD
from course_lib.methods.learning_rate import (
    Constant,
    Exponential,
    InverseTime,
    ReduceOnPlateau,
    Scheduler,
    Staircase,
    WarmUp,
)
from tests.methods.learning_rate.stepping import advance, each, optimizer_with


@each
@given(first=st.integers(0, 20))
def test_step_k_is_made_with_the_rate_of_k(schedule, first):
    optimizer = optimizer_with(1.0)
    scheduler = Scheduler(optimizer, schedule, first=first)
    assert scheduler.get_last_lr() == [schedule(first)]
    rates = advance(optimizer, scheduler, 15)
    assert rates == [[schedule(first + i)] for i in range(15)]
    assert scheduler.get_last_lr() == [schedule(first + 15)]
    assert scheduler.last_epoch == 15


def test_by_default_it_counts_as_fit_does():
    optimizer = optimizer_with(1.0)
    Scheduler(optimizer, InverseTime(1.0, 1.0))
    assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("method", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, SGD])
@pytest.mark.parametrize("tensor", [False, True])
def test_training_equals_training_with_torchs_scheduler(method, tensor):
    def run(attach):
        torch.manual_seed(0)
        w = torch.randn(3, dtype=torch.float64, requires_grad=True)
        optimizer = method([w], lr=torch.tensor(0.1, dtype=torch.float64) if tensor else 0.1)
        scheduler = attach(optimizer)
        for _ in range(20):
            optimizer.zero_grad()
            (w**2).sum().backward()
            optimizer.step()
            scheduler.step()
        return w.detach()

    ours = run(lambda optimizer: Scheduler(optimizer, Staircase(0.1, 2, 3), first=0))
    theirs = run(lambda optimizer: lr_scheduler.StepLR(optimizer, 3, 0.5))
    assert torch.equal(ours, theirs)


@each
def test_a_rate_that_is_a_tensor_is_filled_and_never_handed_out(schedule):
    lr = torch.tensor(1.0)
    optimizer = optimizer_with(lr)
    scheduler = Scheduler(optimizer, schedule, first=0)
    advance(optimizer, scheduler, 3)
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr == torch.tensor(schedule(3))
    (last,) = scheduler.get_last_lr()
    last.fill_(7.0)
    assert lr == torch.tensor(schedule(3))


def test_each_group_follows_its_schedule():
    optimizer = optimizer_with(0.1, 0.01, torch.tensor(1.0))
    schedules = [Exponential(0.1, 0.1), Constant(0.01), lambda k: 1 / (1 + k)]
    scheduler = Scheduler(optimizer, schedules, first=0)
    rates = advance(optimizer, scheduler, 5)
    np.testing.assert_allclose(rates, [[s(k) for s in schedules] for k in range(5)], rtol=1e-7)


def test_groups_that_differ_are_not_made_equal_silently():
    optimizer = optimizer_with(0.1, 0.01)
    with pytest.raises(ValueError, match=r"one a group, .* here \[0.1, 0.01\]"):
        Scheduler(optimizer, Constant(0.1))
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]


def test_a_group_added_later_follows_the_one_schedule():
    optimizer = optimizer_with(0.1, 0.1)
    scheduler = Scheduler(optimizer, InverseTime(0.5, 1.0), first=0)
    advance(optimizer, scheduler, 1)
    optimizer.add_param_group({"params": [torch.ones(1, requires_grad=True)], "lr": 3.0})
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.5 / 3] * 3


def test_a_group_without_a_schedule_of_its_own_is_refused():
    optimizer = optimizer_with(0.1, 0.01)
    scheduler = Scheduler(optimizer, [Constant(0.1), Constant(0.01)])
    optimizer.add_param_group({"params": [torch.ones(1, requires_grad=True)], "lr": 3.0})
    optimizer.step()
    with pytest.raises(ValueError, match="got 2 for 3 groups"):
        scheduler.step()
    with pytest.raises(ValueError, match="got 2 for 3 groups"):
        Scheduler(optimizer, [Constant(0.1), Constant(0.01)])


def test_it_goes_on_from_any_step():
    optimizer = optimizer_with(1.0)
    whole = advance(optimizer, Scheduler(optimizer, InverseTime(0.5, 0.1)), 10)
    optimizer = optimizer_with(1.0)
    rest = advance(optimizer, Scheduler(optimizer, InverseTime(0.5, 0.1), first=7), 4)
    assert rest == whole[6:]


def test_the_wrong_order_is_warned_of_and_the_right_one_is_not():
    optimizer = optimizer_with(0.1)
    scheduler = Scheduler(optimizer, Constant(0.1))
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()
    optimizer = optimizer_with(0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        advance(optimizer, Scheduler(optimizer, Constant(0.1)), 3)


def test_a_plateau_is_followed_once_it_is_shown_values():
    optimizer = optimizer_with(0.1)
    plateau = ReduceOnPlateau(0.1, patience=0, factor=0.5)
    scheduler = Scheduler(optimizer, plateau)
    twin = optimizer_with(0.1)
    torchs = lr_scheduler.ReduceLROnPlateau(twin, patience=0, factor=0.5)
    for error in (3.0, 2.0, 2.5, math.nan, 1.0, 1.0):
        optimizer.step()
        plateau.step(error)
        scheduler.step()
        torchs.step(error)
        assert scheduler.get_last_lr() == torchs.get_last_lr()


def test_it_takes_its_part_in_sequential_lr():
    optimizer = optimizer_with(0.1)
    sequence = lr_scheduler.SequentialLR(
        optimizer,
        [
            lr_scheduler.LinearLR(optimizer, 0.25, total_iters=4),
            Scheduler(optimizer, Exponential(0.1, 0.5), first=0),
        ],
        milestones=[4],
    )
    rates = [rate for (rate,) in advance(optimizer, sequence, 10)]
    schedule = WarmUp(4, Exponential(0.1, 0.5), start_factor=0.25)
    assert rates == pytest.approx([schedule(k) for k in range(10)], rel=1e-12)


def test_it_is_a_scheduler_to_all_who_ask():
    scheduler = Scheduler(optimizer_with(0.1), Constant(0.1))
    assert isinstance(scheduler, lr_scheduler.LRScheduler)


def test_an_optimizer_with_a_scheduler_can_be_copied_and_pickled():
    optimizer = optimizer_with(0.1, method=SGD)
    scheduler = Scheduler(optimizer, InverseTime(0.1, 0.5))
    advance(optimizer, scheduler, 3)
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert twin.param_groups[0]["lr"] == InverseTime(0.1, 0.5)(4)


@pytest.mark.parametrize("optimizer", [None, torch.ones(1), [torch.ones(1)], "SGD"])
def test_what_is_no_optimizer_is_refused(optimizer):
    with pytest.raises(TypeError, match=r"optimizer must be a torch.optim.Optimizer, got"):
        Scheduler(optimizer, Constant(0.1))


def test_an_optimizer_without_a_learning_rate_is_refused():
    class WithoutRate(torch.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {})

    with pytest.raises(ValueError, match="must have a learning rate lr in every group, but With"):
        Scheduler(WithoutRate([torch.ones(1, requires_grad=True)]), Constant(0.1))


@pytest.mark.parametrize("schedule", [0.1, None, "cosine", [0.1], [None]])
def test_what_is_no_schedule_is_refused(schedule):
    with pytest.raises(TypeError, match=r"schedule(\[0\])? must be a function of k"):
        Scheduler(optimizer_with(0.1), schedule)


@pytest.mark.parametrize("schedules", [[], [Constant(0.1)] * 2])
def test_a_list_of_another_length_is_refused(schedules):
    with pytest.raises(ValueError, match=f"got {len(schedules)} for 1 groups"):
        Scheduler(optimizer_with(0.1), schedules)


@pytest.mark.parametrize("first", [-1, 1.0, None, True, "1"])
def test_a_first_step_that_is_none_is_refused(first):
    with pytest.raises((TypeError, ValueError), match="first must be an integer of at least 0"):
        Scheduler(optimizer_with(0.1), Constant(0.1), first=first)


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, "0.1", None, True])
def test_a_bad_rate_is_refused_and_the_optimizer_is_as_it_was(bad):
    optimizer = optimizer_with(0.1)
    before = dict(optimizer.param_groups[0])
    with pytest.raises((TypeError, ValueError), match=r"schedule\(1\) must be a finite number"):
        Scheduler(optimizer, lambda k: bad)
    assert optimizer.param_groups[0] == before
    assert not hasattr(optimizer.step, "_wrapped_by_lr_sched")
    scheduler = Scheduler(optimizer, lambda k: 0.2 if k < 3 else bad)
    advance(optimizer, scheduler, 1)
    for _ in range(2):  # the step that failed does not count
        with pytest.raises((TypeError, ValueError), match=r"schedule\(3\) must be a finite number"):
            scheduler.step()
        assert optimizer.param_groups[0]["lr"] == 0.2
        assert scheduler.last_epoch == 1
