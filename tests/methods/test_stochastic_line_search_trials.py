"""Trials of the stochastic line search that are no good, not needed or not finite."""

import math

import pytest
import torch

from course_lib.methods import StochasticLineSearch
from tests.methods.bowl import closure_of
from tests.methods.parameters import leaf


def test_without_a_good_trial_it_takes_a_tiny_step_and_goes_on_from_there():
    w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    method = StochasticLineSearch(
        [w], lr=1.0, factor=0.5, growth=1.0, batches_per_epoch=1, max_trials=3
    )

    def closure():
        method.zero_grad()
        loss = (1e4 * w * w).sum()  # steps from 1e-4 on are too long
        loss.backward()
        return loss

    method.step(closure)
    assert method.step_size == 0.125
    assert w.item() == pytest.approx(1 - 1e-6 * 2e4)
    for _ in range(4):
        method.step(closure)
    assert method.step_size < 1e-4


def test_a_tiny_step_is_never_longer_than_the_last_trial():
    w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    method = StochasticLineSearch(
        [w], lr=1e-8, factor=0.5, growth=1.0, batches_per_epoch=1, max_trials=1
    )

    def closure():
        method.zero_grad()
        loss = (1e9 * w * w).sum()
        loss.backward()
        return loss

    method.step(closure)
    assert abs(w.item()) == pytest.approx(abs(1 - 0.5e-8 * 2e9))


@pytest.mark.parametrize(
    ("size", "tiny", "moves"),
    [(1e-9, 1e-8, False), (1e-7, 1e-8, True), (1e-9, 0.0, True), (0.0, 0.0, False)],
)
def test_it_leaves_out_batches_whose_gradient_is_tiny(size, tiny, moves):
    w = torch.tensor([0.5 * size], dtype=torch.float64, requires_grad=True)
    method = StochasticLineSearch([w], lr=0.1, batches_per_epoch=1, tiny_gradient=tiny)
    calls = []

    def closure():
        calls.append(1)
        method.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    method.step(closure)
    assert (w.item() != 0.5 * size) == moves
    assert (len(calls) > 1) == moves
    assert method.reason is None


def test_a_learning_rate_of_zero_moves_nothing_and_later_ones_change_nothing():
    w = leaf(3, dtype=torch.float64)
    before = w.detach().clone()
    method = StochasticLineSearch([w], lr=0.0, batches_per_epoch=1)
    closure = closure_of(
        method, [w], lambda params: (params[0] ** 2 * torch.arange(1.0, 4.0, dtype=w.dtype)).sum()
    )
    method.step(closure)
    assert torch.equal(w, before)
    assert method.step_size is None
    method.param_groups[0]["lr"] = 1e-4
    method.step(closure)
    method.param_groups[0]["lr"] = 1e4
    method.step(closure)
    assert method.step_size == pytest.approx(4e-4)


def test_trials_that_are_not_finite_are_too_long():
    w = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    method = StochasticLineSearch([w], lr=1e6, factor=0.5, batches_per_epoch=1)

    def closure():
        method.zero_grad()
        loss = (w - torch.log(w)).sum()
        loss.backward()
        return loss

    for _ in range(20):
        assert math.isfinite(method.step(closure).item())
    assert w.item() == pytest.approx(1, abs=1e-3)


def test_the_step_does_not_grow_beyond_all_numbers():
    w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    method = StochasticLineSearch([w], lr=1e300, growth=1e10, batches_per_epoch=1)

    def closure():
        method.zero_grad()
        loss = 1e-7 * w.sum()
        loss.backward()
        return loss

    for _ in range(3):
        method.step(closure)
    assert math.isfinite(w.item())
    assert math.isfinite(method.step_size)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lr": -1.0}, ValueError, "lr must be a non-negative finite number, got -1.0"),
        ({"c": 1.0}, ValueError, "c must be a finite number above 0 and below 1, got 1.0"),
        ({"c": math.nan}, ValueError, "c must be"),
        ({"factor": 1.0}, ValueError, "factor must be a finite number above 0 and below 1"),
        ({"growth": 0.5}, ValueError, "growth must be a finite number of at least 1, got 0.5"),
        ({"growth": "2"}, TypeError, "growth must be"),
        ({"batches_per_epoch": 0}, ValueError, "batches_per_epoch must be an integer of at leas"),
        ({"batches_per_epoch": 2.5}, TypeError, "batches_per_epoch must be an integer"),
        ({"tiny_gradient": -1.0}, ValueError, "tiny_gradient must be a finite number of at least"),
        ({"max_trials": 0}, ValueError, "max_trials must be an integer of at least 1, got 0"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        StochasticLineSearch([leaf(3)], **options)
