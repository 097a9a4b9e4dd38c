"""Several optimizers as one: groups, schedulers, states and refusals."""

import copy
import pickle

import pytest
import torch
from torch.optim.lr_scheduler import ExponentialLR

from course_lib.methods import AdamW, CombinedOptimizer, Muon, Newton, ScheduleFreeAdamW
from course_lib.training import fit, mean_loss
from tests.methods.newer_references import ScheduleFreeAdamWByItsAuthors


def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)
    ).double()


def parts_of(model):
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    return Muon(matrices, lr=0.1), AdamW(vectors, lr=0.01)


def train(model, optimizers, steps):
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for _ in range(steps):
        for p in model.parameters():
            p.grad = None
        model(x).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()


def same(model, other):
    return all(map(torch.equal, model.parameters(), other.parameters()))


def test_it_steps_as_its_parts_do():
    one, two = net(), net()
    train(one, [CombinedOptimizer(parts_of(one))], 5)
    train(two, parts_of(two), 5)
    assert same(one, two)


def test_a_scheduler_sets_the_rates_of_all_parts():
    model = net()
    combined = CombinedOptimizer(parts_of(model))
    scheduler = ExponentialLR(combined, 0.5)
    train(model, [combined], 1)
    scheduler.step()
    assert [part.param_groups[0]["lr"] for part in combined.parts] == [0.05, 0.005]


def test_fit_calls_its_closure_once_a_step():
    model = net()
    data = torch.ones(8, 4, dtype=torch.float64), torch.zeros(8, 3, dtype=torch.float64)
    combined = CombinedOptimizer(parts_of(model))
    for group in combined.param_groups:
        group["lr"] = 0.1
    history = fit(
        model, data, torch.nn.functional.mse_loss, combined, steps=6, schedule=lambda k: 0.1 / k
    )
    assert history.losses[-1] < history.losses[0]
    assert history.samples[-1] == 6 * 8
    assert [group["lr"] for group in combined.param_groups] == [0.1 / 6] * 2


def test_a_run_rebuilt_from_a_checkpoint_has_the_same_bits():
    model = net()
    combined = CombinedOptimizer(parts_of(model))
    train(model, [combined], 3)
    saved = copy.deepcopy((model.state_dict(), combined.state_dict()))
    train(model, [combined], 3)
    rebuilt = net()
    rebuilt.load_state_dict(saved[0])
    resumed = CombinedOptimizer(parts_of(rebuilt))
    resumed.load_state_dict(saved[1])
    train(rebuilt, [resumed], 3)
    assert same(model, rebuilt)
    assert resumed.param_groups[1] is resumed.parts[1].param_groups[0]


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))]
)
def test_a_copy_goes_on_with_the_same_bits(duplicate):
    model = net()
    combined = CombinedOptimizer(parts_of(model))
    train(model, [combined], 2)
    twin_model, twin = duplicate((model, combined))
    train(model, [combined], 3)
    assert not same(model, twin_model)
    train(twin_model, [twin], 3)
    assert same(model, twin_model)


@pytest.mark.parametrize("method", [ScheduleFreeAdamW, ScheduleFreeAdamWByItsAuthors])
def test_fit_evaluates_parts_with_modes_where_they_are_to_be_used(method):
    model = net()
    data = torch.ones(8, 4, dtype=torch.float64), torch.zeros(8, 3, dtype=torch.float64)
    muon, _ = parts_of(model)
    vectors = [p for p in model.parameters() if p.dim() == 1]
    combined = CombinedOptimizer([muon, method(vectors, lr=0.1)])
    loss = torch.nn.functional.mse_loss
    history = fit(
        model, data, loss, combined, steps=6, evaluate={"loss": mean_loss(data, loss)},
        evaluate_every=2,
    )  # fmt: skip
    assert not combined.parts[1].param_groups[0]["train_mode"]
    seen = pytest.approx(history.evaluations["loss"][-1], rel=1e-12)
    assert mean_loss(data, loss)(model) == seen
    combined.train()
    assert mean_loss(data, loss)(model) != seen
    before = [p.detach().clone() for p in model.parameters()]
    with combined.iterates():
        assert mean_loss(data, loss)(model) == seen
    for p, x in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(p.detach(), x, rtol=1e-12, atol=1e-14)


def test_what_does_not_fit_is_refused():
    model = net()
    muon, adamw = parts_of(model)
    with pytest.raises(ValueError, match="at least one optimizer, got none"):
        CombinedOptimizer([])
    with pytest.raises(TypeError, match=r"parts\[1\] must be a torch.optim.Optimizer, got list"):
        CombinedOptimizer([muon, []])
    with pytest.raises(ValueError, match=r"shape \(6, 4\) in parts\[0\] and in parts\[1\]"):
        CombinedOptimizer([muon, AdamW(model.parameters())])
    with pytest.raises(TypeError, match="parts must be a sequence of optimizers, got None"):
        CombinedOptimizer(None)
    with pytest.raises(TypeError, match="Newton asks a closure several times a step"):
        CombinedOptimizer([muon, Newton([torch.ones(1, requires_grad=True)])])
    combined = CombinedOptimizer([muon, adamw])
    with pytest.raises(ValueError, match="must be added to one of parts"):
        combined.add_param_group({"params": [torch.ones(1, requires_grad=True)]})
    with pytest.raises(ValueError, match="states of 2 parts, got"):
        combined.load_state_dict(muon.state_dict())
    with pytest.raises(ValueError, match="states of 2 parts, got 1"):
        combined.load_state_dict({"parts": [muon.state_dict()]})
    with pytest.raises(TypeError, match="state_dict must be a dict, got None"):
        combined.load_state_dict(None)


def test_no_part_moves_if_one_is_not_in_training_mode():
    model = net()
    muon, _ = parts_of(model)
    vectors = [p for p in model.parameters() if p.dim() == 1]
    combined = CombinedOptimizer([muon, ScheduleFreeAdamW(vectors)])
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    combined.eval()
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(RuntimeError, match=r"^parts\[1\] must be in train mode to step"):
        combined.step()
    for p, x in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(p.detach(), x, rtol=0, atol=0)


def test_its_groups_are_those_that_the_parts_have_now():
    model = net()
    muon, adamw = parts_of(model)
    combined = CombinedOptimizer([muon, adamw])
    late = torch.ones(2, requires_grad=True)
    late.grad = torch.ones(2)
    adamw.add_param_group({"params": [late]})
    combined.zero_grad()
    assert late.grad is None
    muon.load_state_dict(muon.state_dict())
    combined.param_groups[0]["lr"] = 0.25
    assert muon.param_groups[0]["lr"] == 0.25


def test_a_state_that_one_part_refuses_is_loaded_into_none():
    model = net()
    combined = CombinedOptimizer(parts_of(model))
    train(model, [combined], 2)
    before = combined.state_dict()
    wrong = copy.deepcopy(before)
    wrong["parts"][0]["param_groups"][0]["lr"] = 0.75
    wrong["parts"][1]["state"][0]["exp_avg"] = torch.ones(99)
    with pytest.raises(ValueError, match="'exp_avg' in the shape of parameter 0"):
        combined.load_state_dict(wrong)
    after = combined.state_dict()
    for ours, theirs in zip(after["parts"], before["parts"], strict=True):
        assert [g["lr"] for g in ours["param_groups"]] == [g["lr"] for g in theirs["param_groups"]]
        torch.testing.assert_close(ours["state"], theirs["state"], rtol=0, atol=0)
