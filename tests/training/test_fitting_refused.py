"""What the loop refuses: wrong arguments, losses that are not finite."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.training import NonFiniteLossError, ShuffledBatches, fit
from tests.training.small_net import net, regression, sgd, weights


@pytest.mark.parametrize("lr", [1e200, 3.0])
def test_a_loss_that_is_not_finite_stops_before_the_update(lr):
    model = nn.Linear(3, 1).double()
    seen = []

    class Watched(torch.optim.SGD):
        def step(self, closure):
            seen.append(weights(model))
            return super().step(closure)

    with pytest.raises(NonFiniteLossError, match=r"the loss is (inf|nan) at step") as info:
        fit(
            model, regression(), F.mse_loss, lambda p: Watched(p, lr=lr), epochs=10_000,
            batch_size=10,
        )  # fmt: skip
    error = info.value
    assert "learning rate" in str(error)
    assert len(error.record) == error.step - 1
    assert error.epoch == (error.step + 1) // 2
    assert error.record.reason == str(error)
    assert torch.equal(weights(model), seen[-1])
    assert weights(model).isfinite().all()


def test_the_error_tells_bad_data_from_bad_parameters():
    x, y = regression()
    x[7, 1] = float("nan")
    before = weights(net())
    model = net()
    with pytest.raises(NonFiniteLossError, match="inputs of this batch"):
        fit(model, (x, y), F.mse_loss, sgd(), epochs=1, batch_size=5)

    x, y = regression()
    model = net()

    def root(outputs, targets):  # its gradient is infinite where the error is zero
        return (outputs - outputs.detach()).square().sum().sqrt() + (outputs * targets).mean()

    with pytest.raises(NonFiniteLossError, match=r"step 2 .*parameters are already not finite"):
        fit(model, (x, y), root, sgd(), steps=5)
    assert before.isfinite().all()


def test_an_infinite_value_further_out_on_a_line_does_not_stop_a_line_search():
    class Searching(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure):
            (p,) = (p for group in self.param_groups for p in group["params"])
            loss, start, t = closure(), p.clone(), 1e200
            while not closure.value() < loss:
                p.copy_(start - t * p.grad)
                t /= 1e10
            return loss

    model = nn.Linear(3, 1, bias=False).double()
    history = fit(model, regression(), F.mse_loss, lambda p: Searching(p, lr=1.0), steps=1)
    assert len(history) == 1
    assert weights(model).isfinite().all()


def test_an_empty_epoch_does_not_loop_for_ever():
    with pytest.raises(ValueError, match="batches must give at least one batch"):
        fit(net(), regression(), F.mse_loss, sgd(), steps=3, batches=[])


def test_a_schedule_for_groups_with_different_rates_is_refused():
    """It would make them equal."""
    model = net()
    first, *rest = model.parameters()
    groups = [{"params": [first], "lr": 0.02}, {"params": rest}]
    before = weights(model)
    with pytest.raises(ValueError, match=r"one learning rate.*got \[0\.02, 0\.001\]"):
        fit(
            model, regression(), F.mse_loss, torch.optim.SGD(groups, lr=0.001), steps=1,
            schedule=lambda k: 0.1,
        )  # fmt: skip
    assert torch.equal(weights(model), before)


def test_a_step_that_never_asks_is_refused():
    class Idle(torch.optim.SGD):
        def step(self, closure):
            return None

    with pytest.raises(TypeError, match="never called it"):
        fit(net(), regression(), F.mse_loss, lambda p: Idle(p, lr=1.0), steps=3)


class Scheduler:  # has no __call__
    pass


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"steps": None}, ValueError, "exactly one of epochs and steps .*epochs=None"),
        ({"epochs": 1}, ValueError, "exactly one of epochs and steps .*epochs=1 and steps=2"),
        ({"steps": 0}, ValueError, "steps must be an integer of at least 1, got 0"),
        ({"steps": None, "epochs": 1.5}, TypeError, "epochs must be an integer"),
        ({"batch_size": 0}, ValueError, "batch_size must be an integer from 1 to 20, got 0"),
        ({"batch_size": 21}, ValueError, "batch_size must be an integer from 1 to 20, got 21"),
        ({"batch_size": 2.0}, TypeError, "batch_size"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"seed": None}, TypeError, "seed must be"),
        ({"replacement": True}, ValueError, "replacement=True needs batch_size"),
        ({"replacement": "no"}, TypeError, "replacement must be True or False, got 'no'"),
        ({"batches": [torch.tensor([], dtype=torch.int64)]}, ValueError, "a batch must be a slice"),
        ({"batches": [torch.zeros(2, 2).long()]}, ValueError, r"a batch must .*shape \(2, 2\)"),
        ({"batches": [torch.ones(20, dtype=torch.uint8)]}, ValueError, "a batch must .*uint8"),
        ({"batches": [0, 1]}, TypeError, "a batch must be a slice or an int64 tensor .*got 0"),
        ({"batches": ShuffledBatches(20, 2), "batch_size": 2}, ValueError, "either batches or"),
        ({"batches": ShuffledBatches(19, 2)}, ValueError, "for 19 samples, but data holds 20"),
        ({"batches": iter([])}, TypeError, "batches must be an iterable"),
        ({"batches": 3}, TypeError, "batches must be an iterable"),
        ({"schedule": 0.1}, TypeError, "schedule must be a function of k"),
        ({"schedule": Scheduler()}, TypeError, "schedule must be a function of k"),
        ({"evaluate": len}, TypeError, "evaluate must be a dict"),
        ({"evaluate": {"a": 3}}, TypeError, r"evaluate\['a'\] must be a function"),
        ({"evaluate_every": 0}, ValueError, "evaluate_every"),
        ({"stop": 3}, TypeError, "stop must be a function"),
        (
            {"stop": lambda history: False, "evaluate": {"a": lambda model: 1.0}},
            TypeError,
            "stop must return the reason .*got False",
        ),
        (
            {"evaluate": {"a": lambda model: None}},
            TypeError,
            r"evaluate\['a'\] must return a number",
        ),
        ({"progress": "yes"}, TypeError, "progress must be True, False or None"),
        ({"method": 0.1}, TypeError, "method must be an optimizer or a function"),
        ({"method": lambda params: 3}, TypeError, "no step"),
        ({"method": torch.optim.SGD(nn.Linear(1, 1).parameters())}, ValueError, "holds none"),
        ({"loss": 3}, TypeError, "loss must be a function"),
        ({"model": len}, TypeError, "model must be a torch.nn.Module"),
        ({"model": nn.Flatten()}, ValueError, "model must have parameters"),
        ({"data": 3}, TypeError, r"data must be a pair \(x, y\)"),
        ({"data": [torch.ones(2, 3)]}, TypeError, "data must be a pair"),
        ({"data": (torch.ones(2, 3), [1, 2])}, TypeError, "y must be a tensor or an array"),
        ({"data": (torch.ones(0, 3), torch.ones(0, 1))}, ValueError, "x must hold at least one"),
        ({"data": (torch.ones(4, 3), torch.ones(3, 1))}, ValueError, "4 inputs and 3 targets"),
    ],
)
def test_wrong_arguments_are_named_and_nothing_is_changed(change, kind, message):
    model = net()
    arguments = {
        "model": model, "data": regression(), "loss": F.mse_loss, "method": sgd(), "steps": 2,
    }  # fmt: skip
    before = weights(model)
    with pytest.raises(kind, match=message):
        fit(**{**arguments, **change})
    assert torch.equal(weights(model), before)
    assert all(p.grad is None for p in model.parameters())
