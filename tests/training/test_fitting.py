import copy
import io
import sys
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.methods import SGD
from course_lib.training import BatchesWithReplacement, MappedData, ShuffledBatches, fit
from tests.training.small_net import net, regression, sgd, weights


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("batch_size", [1, 6, 20])
def test_fit_equals_the_loop_written_by_hand(batch_size, replacement):
    x, y = regression()
    model, twin = net(), net()
    history = fit(
        model, (x, y), F.mse_loss, sgd(momentum=0.9), epochs=3, batch_size=batch_size,
        replacement=replacement, seed=5, schedule=lambda k: 0.1 / k,
    )  # fmt: skip

    optimizer = torch.optim.SGD(twin.parameters(), lr=1.0, momentum=0.9)
    kind = BatchesWithReplacement if replacement else ShuffledBatches
    batches, losses = kind(20, batch_size, seed=5), []
    for _ in range(3):
        for indices in batches:
            for group in optimizer.param_groups:
                group["lr"] = 0.1 / (len(losses) + 1)
            optimizer.zero_grad()
            loss = F.mse_loss(twin(x[indices]), y[indices])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    assert torch.equal(weights(model), weights(twin))
    assert history.losses.tolist() == losses
    assert history.steps.tolist() == list(range(1, len(losses) + 1))
    assert history.epochs[-1] == 3
    assert history.samples[-1] == 60
    assert history.reason == "all 3 epochs made"
    assert len(history) == len(losses)


def test_without_batch_size_every_step_is_gradient_descent():
    x, y = regression()
    model, twin = net(), net()
    history = fit(model, (x, y), F.mse_loss, sgd(), steps=4)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.05)
    for _ in range(4):
        optimizer.zero_grad()
        F.mse_loss(twin(x), y).backward()
        optimizer.step()
    assert torch.equal(weights(model), weights(twin))
    assert history.epochs.tolist() == [1, 2, 3, 4]
    assert history.reason == "all 4 steps made"


@pytest.mark.parametrize("epoch_end", [4, 7])  # in mid-epoch and not
def test_a_run_in_two_parts_equals_one_run(epoch_end):
    data = regression()

    def parts(*lengths):
        model, batches = net(), ShuffledBatches(20, 3, seed=2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        for steps in lengths:
            fresh = ShuffledBatches(20, 3, seed=99)
            fresh.load_state_dict(batches.state_dict())
            batches = fresh
            fit(model, data, F.mse_loss, optimizer, steps=steps, batches=batches)
        return weights(model)

    assert torch.equal(parts(15), parts(epoch_end, 15 - epoch_end))


def test_dropout_and_global_random_numbers_are_as_in_a_loop_by_hand():
    x, y = regression(dtype=torch.float32)

    def make():
        model = nn.Sequential(nn.Linear(3, 16), nn.Dropout(0.5), nn.Linear(16, 1))
        torch.manual_seed(11)
        return model

    torch.manual_seed(0)
    model = make()
    twin = copy.deepcopy(model)
    fit(model, (x, y), F.mse_loss, sgd(), steps=5)
    state = torch.get_rng_state()
    torch.manual_seed(11)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        F.mse_loss(twin(x), y).backward()
        optimizer.step()
    assert torch.equal(weights(model), weights(twin))
    assert torch.equal(state, torch.get_rng_state())


def test_batch_norm_counts_only_the_steps_and_evaluations_leave_it_alone():
    x, y = regression(dtype=torch.float32)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
    model[2].eval()  # frozen by the user
    modes = []

    def evaluate(model):
        modes.append([module.training for module in model])
        model(x)
        return torch.is_grad_enabled()

    history = fit(model, (x, y), F.mse_loss, sgd(), steps=4, evaluate={"grad": evaluate})
    assert model[1].num_batches_tracked == 4
    assert [module.training for module in model] == [True, True, False, True]
    assert modes == [[False] * 4] * 5
    assert not history.evaluations["grad"].any()


def test_evaluations_are_made_before_the_first_step_each_epoch_and_at_the_end():
    calls = []

    def count(model):
        calls.append(1)
        return len(calls)

    def run(**options):
        calls.clear()
        return fit(
            net(), regression(), F.mse_loss, sgd(), batch_size=5, evaluate={"n": count}, **options
        )

    history = run(steps=10)  # four steps an epoch
    assert history.evaluated_at.tolist() == [0, 4, 8, 10]
    assert history.evaluations["n"].tolist() == [1, 2, 3, 4]
    assert history.evaluated_samples.tolist() == [0, 20, 40, 50]
    assert run(steps=10, evaluate_every=3).evaluated_at.tolist() == [0, 3, 6, 9, 10]
    assert run(epochs=2).evaluated_at.tolist() == [0, 4, 8]
    assert run(epochs=2, evaluate_every=3).evaluated_at.tolist() == [0, 3, 6, 8]


def test_stop_ends_the_run_with_its_reason():
    asked = []

    def stop(history):
        asked.append(len(history))
        return "enough" if len(history) >= 6 else None

    def run(**options):
        asked.clear()
        return fit(net(), regression(), F.mse_loss, sgd(), batch_size=5, stop=stop, **options)

    history = run(epochs=9)
    assert (len(history), history.reason) == (8, "enough")
    assert asked == [4, 8]
    history = run(epochs=9, evaluate_every=3, evaluate={"zero": lambda model: 0.0})
    assert (len(history), history.reason) == (6, "enough")
    assert asked == [0, 3, 6]
    history = run(steps=5)
    assert (len(history), history.reason) == (5, "all 5 steps made")
    assert run(steps=6).reason == "enough"  # at the last step the criterion has the word


def test_a_schedule_that_observes_is_shown_the_history():
    class Halving:
        rate = 0.4

        def __call__(self, k):
            return self.rate

        def observe(self, history):
            self.rate /= 2

    rates = []

    class Recording(torch.optim.SGD):
        def step(self, closure):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    fit(
        net(), regression(), F.mse_loss, lambda p: Recording(p, lr=9.0), epochs=2, batch_size=10,
        schedule=Halving(),
    )  # fmt: skip
    assert rates == [0.4, 0.4, 0.2, 0.2]


def test_a_method_that_asks_its_closure_several_times_is_charged_for_it():
    model = nn.Linear(3, 1).double()
    lbfgs = torch.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", max_iter=10)
    history = fit(model, regression(), F.mse_loss, lbfgs, steps=3)
    assert history.epochs.tolist() == [1, 2, 3]
    assert history.samples[-1] > 60
    assert history.losses[-1] < 1e-8


def test_a_method_may_ask_for_values_and_fresh_batches():
    class Probing(torch.optim.SGD):
        def step(self, closure):
            assert torch.is_grad_enabled()
            loss = closure()
            before = [p.grad.clone() for p in closure.parameters]
            torch.testing.assert_close(closure.value(), loss)
            other = closure.sample(7)
            assert len(other.indices.unique()) == 7
            other.value()
            assert all(map(torch.equal, before, [p.grad for p in closure.parameters]))
            return super().step()

    history = fit(
        net(), regression(), F.mse_loss, lambda p: Probing(p, lr=0.1), steps=2, batch_size=5
    )
    assert history.samples.tolist() == [17, 34]


def test_the_courses_own_sgd_trains_as_torchs_does():
    models = net(), net()
    for model, method in zip(models, (SGD, torch.optim.SGD), strict=True):
        fit(
            model, regression(), F.mse_loss, partial(method, lr=0.1, weight_decay=0.01),
            epochs=3, batch_size=6,
        )  # fmt: skip
    torch.testing.assert_close(weights(models[0]), weights(models[1]), rtol=1e-12, atol=0)


def test_gradients_do_not_pile_up_outside_the_methods_parameters():
    model = net()
    fit(model, regression(), F.mse_loss, torch.optim.SGD(model[2].parameters(), lr=0.0), steps=3)
    expected = torch.autograd.grad(
        F.mse_loss(model(regression()[0]), regression()[1]), model[0].weight
    )
    torch.testing.assert_close(model[0].weight.grad, expected[0])


def test_the_bar_shows_only_when_asked_or_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, progress, shown in [
        (io.StringIO(), None, False),
        (io.StringIO(), True, True),
        (Terminal(), None, True),
        (Terminal(), False, False),
    ]:
        monkeypatch.setattr(sys, "stderr", stream)
        fit(net(), regression(), F.mse_loss, sgd(), epochs=3, batch_size=5, progress=progress)
        assert ("12/12" in stream.getvalue()) == shown
        assert bool(stream.getvalue()) == shown


def test_data_may_lie_in_files(tmp_path):
    x, y = regression()
    np.save(tmp_path / "x.npy", x.numpy())
    np.save(tmp_path / "y.npy", y.numpy())
    paths = tmp_path / "x.npy", tmp_path / "y.npy"
    mapped = [np.load(path, mmap_mode="r") for path in paths]
    results = []
    for data in [(x, y), (x.numpy(), y.numpy()), paths, tuple(mapped), MappedData(*paths)]:
        model = net()
        fit(model, data, F.mse_loss, sgd(), epochs=2, batch_size=6)
        results.append(weights(model))
    assert all(torch.equal(result, results[0]) for result in results)


@pytest.mark.parametrize(
    "options", [{"epochs": 5}, {"steps": 20}, {"epochs": 5, "evaluate_every": 2}]
)
def test_a_method_that_cannot_go_on_ends_the_run_with_its_reason(options):
    class Tired(torch.optim.SGD):
        reason = None
        made = 0

        def step(self, closure):
            super().step(closure)
            self.made += 1
            self.reason = "too tired" if self.made == 3 else None

    history = fit(
        net(), regression(), F.mse_loss, lambda params: Tired(params, lr=0.01), batch_size=4,
        evaluate={"one": lambda model: 1.0}, stop=lambda history: None, **options,
    )  # fmt: skip
    assert (len(history), history.reason) == (3, "too tired")
    assert history.evaluated_at[-1] == 3
