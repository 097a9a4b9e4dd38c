"""The range test of learning rates: what it measures, suggests and leaves as it was."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.methods import SGD
from course_lib.training import FullBatch, NonFiniteLossError, fit, lr_range_test
from tests.training.range_tests import linear, noisy, run
from tests.training.small_net import net, regression, sgd, weights


@given(
    low=st.floats(1e-8, 1e-3),
    ratio=st.floats(1.5, 1e3),
    steps=st.integers(2, 30),
    smoothing=st.floats(0, 0.99),
    seed=st.integers(0, 3),
)
@settings(max_examples=40)
def test_losses_are_those_of_a_run_with_geometrically_rising_rates(
    low, ratio, steps, smoothing, seed
):
    data, high = noisy(40), low * ratio
    test = run(data=data, low=low, high=high, steps=steps, smoothing=smoothing, seed=seed)
    k = np.arange(len(test.rates))
    np.testing.assert_allclose(test.rates, low * ratio ** (k / (steps - 1)), rtol=1e-12)
    twin = fit(
        linear(), data, F.mse_loss, sgd(), steps=len(k), batch_size=20, seed=seed,
        schedule=lambda k: test.rates[k - 1],
    )  # fmt: skip
    assert test.losses.tolist() == twin.losses.tolist()
    for i in (0, len(k) // 2, len(k) - 1):
        ages = smoothing ** np.arange(i, -1, -1)
        assert test.smoothed[i] == pytest.approx(ages @ test.losses[: i + 1] / ages.sum())


def test_it_ends_near_the_largest_rate_that_is_stable():
    data = noisy()
    ones = torch.cat([data[0], torch.ones(len(data[0]), 1, dtype=torch.float64)], 1)
    limit = 2 / torch.linalg.eigvalsh(2 / len(ones) * ones.T @ ones).max().item()
    for seed in range(5):
        test = run(data=data, seed=seed)
        assert limit / 3 < test.diverged_at < 4 * limit
        assert test.rates[-1] == test.diverged_at
        assert len(test.rates) < 200
        assert test.reason == "the smoothed loss has risen by more than 4 times its start"


@pytest.mark.parametrize("method", [sgd(), sgd(momentum=0.9), torch.optim.Adam, SGD])
def test_the_suggested_rate_trains_and_ten_times_its_turn_does_not(method):
    data = noisy()
    for seed in range(3):
        test = run(data=data, method=method, seed=seed, low=1e-5, high=100.0)
        lowest = test.suggestion * 10
        assert test.smoothed[test.rates.tolist().index(pytest.approx(lowest))] == pytest.approx(
            test.smoothed[20:].min()
        )
        assert test.why == (
            f"a tenth of the rate at which the smoothed loss was smallest, {lowest:.3g}"
        )
        losses = fit(
            linear(), data, F.mse_loss, method, epochs=20, batch_size=20,
            schedule=lambda k, rate=test.suggestion: rate,
        ).losses  # fmt: skip
        assert losses[-10:].mean() < 0.05 * losses[0]
        try:
            losses = fit(
                linear(), data, F.mse_loss, method, epochs=20, batch_size=20,
                schedule=lambda k, rate=100 * lowest: rate,
            ).losses  # fmt: skip
        except NonFiniteLossError:
            continue
        assert losses[-10:].mean() > losses[0]


class Restless(nn.Module):
    """Has buffers that training changes, and random numbers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1)
        ).double()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.layers(x)


@pytest.mark.parametrize("with_gradients", [False, True])
def test_model_buffers_gradients_modes_and_random_numbers_stay_as_they_are(with_gradients):
    torch.manual_seed(0)
    model = Restless()
    model.layers[2].eval()
    if with_gradients:
        model(noisy()[0]).sum().backward()
    gradients = [p.grad for p in model.parameters()]
    values = copy.deepcopy(gradients)
    state, calls = copy.deepcopy(model.state_dict()), model.calls
    random_state = torch.get_rng_state()
    run(model)
    assert all(a is b for a, b in zip(gradients, [p.grad for p in model.parameters()], strict=True))
    if with_gradients:
        assert all(torch.equal(a, b) for a, b in zip(values, gradients, strict=True))
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert model.calls == calls
    assert [m.training for m in model.layers] == [True, True, False, True]
    assert torch.equal(torch.get_rng_state(), random_state)


def test_the_result_is_a_function_of_the_arguments():
    torch.manual_seed(0)
    model = Restless()
    first = run(model, seed=1)
    torch.rand(7)
    assert run(model, seed=1).losses.tolist() == first.losses.tolist()
    assert run(model, seed=2).losses.tolist() != first.losses.tolist()


def test_a_loss_with_parameters_of_its_own_stays_as_it_is():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

        def forward(self, outputs, y):
            return F.mse_loss(self.scale * outputs, y)

    loss = Scaled()
    run(loss=loss)
    assert loss.scale.grad is None
    assert loss.scale == 1


def test_a_loss_that_holds_the_models_parameters_is_refused_and_leaves_no_gradient():
    model = linear()
    kept = torch.ones_like(model.weight)
    model.weight.grad = kept

    def loss(outputs, y):
        return F.mse_loss(outputs, y) + model.weight.square().sum()

    with pytest.raises(ValueError, match="loss must not hold parameters of the model"):
        run(model, loss=loss)
    assert model.weight.grad is kept
    assert torch.equal(kept, torch.ones_like(kept))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_works_in_the_dtype_of_the_model(dtype):
    x, y = noisy()
    test = run(linear().to(dtype), (x.to(dtype), y.to(dtype)))
    assert test.losses.dtype == test.smoothed.dtype == test.rates.dtype == np.float64
    assert 0.003 < test.suggestion < 0.3


def test_the_learning_rate_may_be_a_tensor():
    def method(params):
        return torch.optim.SGD(params, lr=torch.tensor(0.1, dtype=torch.float64))

    assert run(method=method).losses.tolist() == run().losses.tolist()


def test_it_tells_what_it_found():
    test = run()
    assert repr(test).startswith(f"RangeTest({len(test.rates)} steps, diverged_at=")
    assert test.why in repr(test)


def test_a_net_can_be_tested_too():
    model = net()
    before = weights(model)
    test = lr_range_test(model, regression(), F.mse_loss, sgd(), batch_size=5)
    assert torch.equal(weights(model), before)
    assert test.suggestion is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 0}, "low must be a finite number above 0, got 0"),
        ({"low": math.nan}, "low must be a finite number above 0, got nan"),
        ({"low": "small"}, "low must be a finite number above 0, got 'small'"),
        ({"low": 1.0, "high": 1.0}, "high must be a finite number above 1.0, got 1.0"),
        ({"high": math.inf}, "high must be a finite number above 1e-06, got inf"),
        ({"steps": 1}, "steps must be an integer of at least 2, got 1"),
        ({"steps": 10.0}, "steps must be an integer of at least 2, got 10.0"),
        ({"batch_size": 0}, "batch_size must be an integer from 1 to 200, got 0"),
        ({"batch_size": 201}, "batch_size must be an integer from 1 to 200, got 201"),
        ({"seed": -1}, "seed must be an integer from 0 to"),
        ({"seed": None}, "seed must be an integer from 0 to"),
        ({"smoothing": 1}, "smoothing must be a finite number of at least 0 and below 1, got 1"),
        ({"smoothing": None}, "smoothing must be a finite number of at least 0 and below 1"),
        ({"rise": 0}, "rise must be a finite number above 0, got 0"),
        ({"loss": None}, "loss must be a function of outputs and targets, got None"),
        ({"method": 0.1}, "method must be an optimizer or a function that makes one"),
        ({"model": F.relu}, "model must be a torch.nn.Module, got function"),
        ({"data": (torch.zeros(3, 5), torch.zeros(2, 1))}, "same number of samples"),
    ],
)
def test_a_wrong_argument_is_refused_by_name(options, message):
    with pytest.raises((TypeError, ValueError)) as error:
        run(**options)
    assert message in str(error.value)


def test_an_optimizer_of_the_model_itself_is_refused():
    model = linear()
    with pytest.raises(TypeError, match=r"method must be a function .* got an optimizer, SGD"):
        run(model, method=torch.optim.SGD(model.parameters(), lr=0.1))


def test_full_batches_are_gradient_descent():
    data = noisy(30)
    test = run(data=data, batch_size=None, steps=10, high=0.1)
    twin = fit(
        linear(), data, F.mse_loss, sgd(), steps=10, batches=FullBatch(30),
        schedule=lambda k: test.rates[k - 1],
    )  # fmt: skip
    assert test.losses.tolist() == twin.losses.tolist()
