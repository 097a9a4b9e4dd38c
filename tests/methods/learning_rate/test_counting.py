import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from course_lib.methods.learning_rate import Exponential, Staircase, per_epoch
from course_lib.training import fit
from tests.methods.learning_rate.stepping import optimizer_with
from tests.training.small_net import net, regression, sgd, weights


@given(n=st.integers(1, 6), epochs=st.integers(1, 6), first=st.integers(0, 3))
def test_it_equals_torchs_scheduler_stepped_once_an_epoch(n, epochs, first):
    optimizer = optimizer_with(0.5)
    scheduler = lr_scheduler.StepLR(optimizer, 2, 0.1)
    theirs = []
    for _ in range(epochs):
        for _ in range(n):
            theirs.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        scheduler.step()
    t = per_epoch(Staircase(0.5, 10, every=2), n, first=first)
    assert [t(first + i) for i in range(len(theirs))] == pytest.approx(theirs, rel=1e-12)
    assert t(0) == 0.5


@pytest.mark.parametrize("batch_size", [3, 5, 20])
def test_in_fit_it_equals_a_loop_by_hand_that_counts_epochs(batch_size):
    data = regression()
    n = math.ceil(20 / batch_size)
    schedule = Exponential(0.05, 0.4)
    model, twin = net(), net()
    fit(model, data, F.mse_loss, sgd(), epochs=4, batch_size=batch_size,
        schedule=per_epoch(schedule, n))  # fmt: skip
    rates = iter([schedule(epoch) for epoch in range(4) for _ in range(n)])
    fit(twin, data, F.mse_loss, sgd(), epochs=4, batch_size=batch_size,
        schedule=lambda k: next(rates))  # fmt: skip
    assert torch.equal(weights(model), weights(twin))


def test_counting_iterations_for_epochs_decays_too_fast():
    schedule, n = Exponential(1.0, 0.1), 100
    step = 10 * n  # ten epochs
    right, wrong = per_epoch(schedule, n, first=0)(step), schedule(step)
    assert math.log(wrong) == pytest.approx(n * math.log(right))
