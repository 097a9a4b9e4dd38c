"""`fit` evaluates a Schedule-Free method at its averages, and leaves the model there."""

import copy

import pytest
import schedulefree
import torch
from torch.nn.functional import mse_loss

from course_lib.methods import HeavyBall, ScheduleFreeAdamW, ScheduleFreeSGD
from course_lib.training import ShuffledBatches, fit, mean_loss

METHODS = [
    (ScheduleFreeSGD, schedulefree.SGDScheduleFree, {"lr": 0.1}),
    (ScheduleFreeAdamW, schedulefree.AdamWScheduleFree, {"lr": 0.05}),
]
each = pytest.mark.parametrize(("ours", "theirs", "options"), METHODS, ids=["SGD", "AdamW"])


def data():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 3, generator=generator, dtype=torch.float64)
    return x, x @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64)


def line():
    torch.manual_seed(1)
    return torch.nn.Linear(3, 1, dtype=torch.float64)


def trained(method, *, every=1, model=None, epochs=3):
    model = line() if model is None else model
    loss = mean_loss(data(), mse_loss)
    history = fit(
        model, data(), mse_loss, method, epochs=epochs, batch_size=10, seed=0,
        evaluate={"loss": loss}, evaluate_every=every,
    )  # fmt: skip
    return model, history


@each
def test_what_is_evaluated_is_what_the_model_is_left_with(ours, theirs, options):
    model, history = trained(lambda params: ours(params, **options))
    assert mean_loss(data(), mse_loss)(model) == history.evaluations["loss"][-1]


@each
def test_evaluations_are_those_of_the_authors_package(ours, theirs, options):
    model, history = trained(lambda params: ours(params, **options))
    theirs_model, theirs_history = trained(lambda params: theirs(params, **options))
    for a, b in zip(history.evaluations["loss"], theirs_history.evaluations["loss"], strict=True):
        assert a == pytest.approx(b, rel=1e-10)
    torch.testing.assert_close(model.weight, theirs_model.weight, rtol=1e-10, atol=1e-12)


@each
def test_a_run_does_not_depend_on_how_often_it_is_looked_at(ours, theirs, options):
    often, _ = trained(lambda params: ours(params, **options), every=1)
    seldom, _ = trained(lambda params: ours(params, **options), every=18)
    assert torch.equal(often.weight, seldom.weight)


@each
def test_training_goes_on_from_where_an_earlier_fit_ended(ours, theirs, options):
    model = line()
    optimizer = ours(model.parameters(), **options)
    trained(optimizer, model=model)
    assert not optimizer.param_groups[0]["train_mode"]
    twin_model, twin = copy.deepcopy((model, optimizer))
    trained(optimizer, model=model)
    twin.train()
    batches = ShuffledBatches(60, 10, seed=0)
    x, y = data()
    for _ in range(3):
        for J in batches:
            twin.zero_grad()
            mse_loss(twin_model(x[J]), y[J]).backward()
            twin.step()
    twin.eval()
    torch.testing.assert_close(model.weight, twin_model.weight, rtol=1e-12, atol=1e-12)


def test_the_average_is_better_than_where_the_gradient_is_asked_on_noisy_data():
    """The mistake that evaluation at y would be: it shows on a run of large steps."""
    x, y = data()
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=y.dtype)
    noisy = x, y + noise
    at_x, at_y = [], []
    for seed in range(5):
        model = line()
        optimizer = ScheduleFreeSGD(model.parameters(), lr=0.3, momentum=0.5)
        fit(model, noisy, mse_loss, optimizer, epochs=30, batch_size=2, seed=seed)
        loss = mean_loss(noisy, mse_loss)
        at_x.append(loss(model))
        optimizer.train()
        at_y.append(loss(model))
    inputs = torch.cat([x, torch.ones_like(y)], dim=1)
    best = inputs @ torch.linalg.lstsq(inputs, noisy[1]).solution
    floor = mse_loss(best, noisy[1]).item()
    assert sum(at_x) - 5 * floor < 0.5 * (sum(at_y) - 5 * floor)


def test_a_method_without_modes_is_left_as_it_is():
    model, history = trained(lambda params: HeavyBall(params, lr=0.05))
    assert mean_loss(data(), mse_loss)(model) == history.evaluations["loss"][-1]
