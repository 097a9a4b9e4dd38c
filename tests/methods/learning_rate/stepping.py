"""Optimizers with several groups, and the rates that a scheduler gives them step by step."""

import pytest
import torch

from course_lib.methods.learning_rate import (
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Scheduler,
    Staircase,
    WarmUp,
    per_epoch,
)

SCHEDULES = [
    InverseTime(0.1, 0.5),
    Exponential(0.1, 0.05),
    Staircase(0.1, 5, 3),
    WarmUp(4, Cosine(0.1, 10)),
    OneCycle(0.1, 12),
    per_epoch(Staircase(0.1, 10, 1), 4),
]
each = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


def optimizer_with(*rates, method=torch.optim.SGD, **options):
    """An optimizer with one parameter in a group for each rate."""
    groups = [{"params": [torch.ones(2, requires_grad=True)], "lr": rate} for rate in rates]
    return method(groups, **options)


def advance(optimizer, scheduler, steps):
    """Make steps as torch asks for it, and return the rates with which each one was made."""
    made = []
    for _ in range(steps):
        made.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()  # without gradients: only its order with the scheduler's matters here
        scheduler.step()
    return made


def torch_rates(make, rates, steps):
    optimizer = optimizer_with(*rates)
    return advance(optimizer, make(optimizer), steps)


def our_rates(make, rates, steps):
    """The rates of a schedule made for each group from its rate, counted from 0 as torch counts."""
    optimizer = optimizer_with(*rates)
    return advance(optimizer, Scheduler(optimizer, [make(rate) for rate in rates], first=0), steps)
