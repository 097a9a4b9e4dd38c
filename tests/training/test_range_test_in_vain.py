"""Where a range test has nothing to suggest, and what it tells then."""

import math

import numpy as np
import pytest
import torch

from course_lib.methods import SGD
from course_lib.training import NonFiniteLossError
from tests.training.range_tests import linear, noisy, run


@pytest.mark.parametrize("batch_size", [20, None])
def test_a_loss_that_overflows_ends_the_test_and_is_no_error(batch_size):
    test = run(batch_size=batch_size, low=1e-3, high=1e6, rise=1e308, steps=400)
    assert test.reason.startswith("the loss is ")
    assert test.diverged_at == test.rates[-1]
    assert np.isfinite(test.losses).all()
    assert len(test.rates) == len(test.losses) == len(test.smoothed) < 400
    assert test.suggestion is not None


def test_a_start_that_is_too_high_suggests_nothing_but_a_lower_one():
    test = run(low=1e60, high=1e62)
    assert test.suggestion is None
    assert test.why == "the run was over within the first tenth of its steps: lower low"
    test = run(low=1.5, high=30)
    assert test.suggestion is None
    assert test.diverged_at is not None
    assert test.why.endswith("or a lower low")


def test_a_loss_that_jumps_up_and_then_falls_part_of_the_way_suggests_nothing():
    for seed in range(5):
        test = run(method=torch.optim.Adam, low=200, high=220, steps=60, seed=seed)
        assert test.losses[1:4].max() > 4 * test.losses[0]  # each step is about as long as the rate
        assert test.smoothed[6:].min() > test.losses[0]
        assert test.suggestion is None
        assert test.why.endswith("or a lower low")


def test_an_end_that_is_too_low_suggests_nothing_but_a_higher_one():
    for seed in range(5):
        test = run(low=1e-9, high=1e-8, seed=seed)
        assert (test.suggestion, test.diverged_at) == (None, None)
        assert test.why.endswith("or a higher high")
        assert test.reason == "all 200 steps made"
        test = run(low=1e-6, high=1e-2, seed=seed)
        assert (test.suggestion, test.diverged_at) == (None, None)
        assert test.why == "the loss has not risen again up to the highest rate, 0.01: raise high"


def test_a_method_that_cannot_go_on_ends_the_test_with_its_reason():
    class Stuck(SGD):
        reason = "the valley has no way out"

        def step(self, closure=None):
            closure()

    test = run(method=lambda params: Stuck(params))
    assert test.suggestion is None
    assert test.why == f"the run ended too early: {test.reason}"
    assert "the valley has no way out" in test.reason


def test_a_loss_that_never_moves_is_not_blamed_on_the_rate():
    test = run(loss=lambda outputs, y: (0 * outputs).sum())
    assert test.suggestion is None
    assert test.why.endswith("or a higher high")


def test_pure_noise_suggests_nothing():
    generator = torch.Generator().manual_seed(0)
    data = torch.zeros(400, 1), torch.randn(400, 1, generator=generator)
    found = [run(linear(1).float(), data, batch_size=4, seed=s).suggestion for s in range(20)]
    assert found.count(None) >= 18


def test_a_start_where_the_loss_is_not_finite_is_an_error():
    x, y = noisy()
    x[3] = math.inf
    with pytest.raises(NonFiniteLossError, match="clean the data"):
        run(data=(x, y), batch_size=None)
