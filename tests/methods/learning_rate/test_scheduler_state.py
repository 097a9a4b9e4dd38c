"""A scheduler saved, loaded, and refused where it does not fit."""

import copy
import io

import pytest
import torch
from torch.optim import lr_scheduler

from course_lib.methods import SGD
from course_lib.methods.learning_rate import (
    Constant,
    Exponential,
    InverseTime,
    ReduceOnPlateau,
    Schedule,
    Scheduler,
    WarmUp,
)
from tests.methods.learning_rate.stepping import advance, each, optimizer_with


def saved_and_loaded(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("method", [torch.optim.SGD, SGD])
@pytest.mark.parametrize("cut", [0, 1, 7])
@each
def test_a_run_saved_midway_goes_on_bit_for_bit(schedule, cut, method, tensor):
    def start():
        rates = [torch.tensor(r) if tensor else r for r in (0.1, 0.1, 0.3)]
        optimizer = optimizer_with(*rates, method=method)
        schedules = [
            schedule,
            ReduceOnPlateau(0.1, patience=0, factor=0.5),
            lambda k: 0.3 / (1 + k),
        ]
        return optimizer, Scheduler(optimizer, schedules), schedules[1]

    def go_on(optimizer, scheduler, plateau, steps):
        seen = []
        for k in steps:
            for group in optimizer.param_groups:
                for p in group["params"]:
                    p.grad = p.detach().clone()
            optimizer.step()
            plateau.step(1.0 + k % 3)
            scheduler.step()
            seen.append([float(r) for r in scheduler.get_last_lr()])
            seen.append([p.tolist() for group in optimizer.param_groups for p in group["params"]])
        return seen

    whole = go_on(*start(), range(15))
    first = start()
    begin = go_on(*first, range(cut))
    optimizer, scheduler, _ = first
    fresh = start()
    fresh[0].load_state_dict(saved_and_loaded(optimizer.state_dict()))
    fresh[1].load_state_dict(saved_and_loaded(scheduler.state_dict()))
    with torch.no_grad():
        for ours, theirs in zip(fresh[0].param_groups, optimizer.param_groups, strict=True):
            ours["params"][0].copy_(theirs["params"][0])
    assert fresh[1].get_last_lr() == scheduler.get_last_lr()
    assert begin + go_on(*fresh, range(cut, 15)) == whole


def test_a_saved_state_does_not_change_afterwards():
    optimizer = optimizer_with(torch.tensor(0.1))
    scheduler = Scheduler(optimizer, Exponential(0.1, 0.1))
    saved = scheduler.state_dict()
    kept = copy.deepcopy(saved)
    advance(optimizer, scheduler, 3)
    assert saved == kept


@pytest.mark.parametrize(
    ("schedule", "first"),
    [(InverseTime(0.1, 0.25), 1), (Exponential(0.1, 0.5), 1), (InverseTime(0.1, 0.5), 0)],
)
def test_the_state_of_another_schedule_is_refused_and_nothing_is_changed(schedule, first):
    optimizer = optimizer_with(0.1)
    scheduler = Scheduler(optimizer, InverseTime(0.1, 0.5))
    advance(optimizer, scheduler, 3)
    other_optimizer = optimizer_with(0.1)
    other = Scheduler(other_optimizer, schedule, first=first)
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(ValueError, match="to go on with another schedule"):
        other.load_state_dict(scheduler.state_dict())
    assert other.state_dict() == before


@pytest.mark.parametrize("state", [{}, {"last_epoch": 3}, lr_scheduler.StepLR])
def test_a_state_that_is_none_of_a_scheduler_is_refused(state):
    if state is lr_scheduler.StepLR:
        state = lr_scheduler.StepLR(optimizer_with(0.1), 3).state_dict()
    scheduler = Scheduler(optimizer_with(0.1), Constant(0.1))
    with pytest.raises(ValueError, match="state_dict must be one that a Scheduler gave, got one"):
        scheduler.load_state_dict(state)


@pytest.mark.parametrize("state", [None, [1], "state"])
def test_a_state_that_is_no_dict_is_refused(state):
    with pytest.raises(TypeError, match="state_dict must be a dict that a Scheduler gave, got"):
        Scheduler(optimizer_with(0.1), Constant(0.1)).load_state_dict(state)


def test_a_function_inside_a_schedule_is_no_reason_to_refuse_a_state():
    def make():
        optimizer = optimizer_with(0.1)
        return optimizer, Scheduler(optimizer, WarmUp(2, lambda k: 0.1 / (1 + k)))

    optimizer, scheduler = make()
    advance(optimizer, scheduler, 5)
    other, fresh = make()
    fresh.load_state_dict(scheduler.state_dict())
    assert advance(other, fresh, 5)[1:] == advance(optimizer, scheduler, 5)[1:]


def test_a_schedule_that_does_not_say_its_options_is_no_reason_either():
    class Own(Schedule):
        def rate(self, k):
            return 0.1

    scheduler, other = (Scheduler(optimizer_with(0.1), Own()) for _ in range(2))
    other.load_state_dict(scheduler.state_dict())
