"""The three sequences of Schedule-Free, its modes, and what it refuses."""

import copy

import pytest
import torch

from course_lib.methods import ScheduleFreeAdamW, ScheduleFreeSGD
from tests.methods.newer_references import (
    ScheduleFreeAdamWByItsAuthors,
    ScheduleFreeSGDByItsAuthors,
)

DOUBLE = torch.float64
PAIRS = [
    (ScheduleFreeSGD, ScheduleFreeSGDByItsAuthors),
    (ScheduleFreeAdamW, ScheduleFreeAdamWByItsAuthors),
]
pairs = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=["SGD", "AdamW"])
OPTIONS = [
    {"lr": 0.1},
    {"lr": 0.1, "weight_decay": 0.1},
    {"lr": 0.05, "warmup_steps": 30, "r": 1.0},
    {"lr": 0.05, "weight_lr_power": 0.0, "warmup_steps": 10},
    {"lr": 0.0},
]


def leaves():
    generator = torch.Generator().manual_seed(0)
    shapes = [(5,), (3, 4), ()]
    return [torch.randn(s, generator=generator, dtype=DOUBLE).requires_grad_() for s in shapes]


def step(optimizer, params, k):
    generator = torch.Generator().manual_seed(100 + k)
    for i, p in enumerate(params):
        g = torch.randn(p.shape, generator=generator, dtype=DOUBLE)
        p.grad = None if (i + k) % 4 == 0 else g
    optimizer.step()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pairs
def test_takes_the_steps_of_its_authors_in_both_modes(ours, theirs, options):
    a_params, b_params = leaves(), leaves()
    a, b = ours(a_params, **options), theirs(b_params, **options)
    for k in range(200):
        step(a, a_params, k)
        step(b, b_params, k)
        if k % 50 == 49:
            a.eval(), b.eval()
            compare(a_params, b_params)
            a.train(), b.train()
        compare(a_params, b_params)
    assert {key: a.param_groups[0][key] for key in ("k", "weight_sum", "lr_max")} == {
        key: b.param_groups[0][key] for key in ("k", "weight_sum", "lr_max")
    }


def compare(ours, theirs):
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-10)


def test_it_is_the_three_sequences_of_the_paper():
    """x, y and z kept apart and written out, on the gradients at y of a bowl."""
    beta, t, curvature = 0.8, 0.3, torch.tensor([1.0, 4.0], dtype=DOUBLE)
    w = torch.tensor([3.0, -2.0], dtype=DOUBLE, requires_grad=True)
    method = ScheduleFreeSGD([w], lr=t, momentum=beta)
    x = z = w.detach().clone()
    for k in range(1, 101):
        y = (1 - beta) * z + beta * x
        torch.testing.assert_close(w.detach(), y, rtol=1e-12, atol=1e-14)
        z = z - t * curvature * y
        x = (1 - 1 / k) * x + z / k
        w.grad = curvature * w.detach()
        method.step()
        with method.iterates():
            torch.testing.assert_close(w.detach(), x, rtol=1e-12, atol=1e-13)


def test_with_a_constant_step_x_is_the_plain_mean_of_z():
    params = leaves()[:1]
    method = ScheduleFreeSGD(params, lr=0.1)
    zs = []
    for k in range(1, 20):
        params[0].grad = torch.full((5,), float(k % 3), dtype=DOUBLE)
        method.step()
        zs.append(method.state[params[0]]["z"].clone())
    method.eval()
    torch.testing.assert_close(params[0].detach(), torch.stack(zs).mean(0))


@pairs
def test_looking_at_the_iterates_leaves_no_trace(ours, theirs):
    params, others = leaves(), leaves()
    watched, alone = ours(params, lr=0.1), ours(others, lr=0.1)
    for k in range(20):
        step(watched, params, k)
        step(alone, others, k)
        with watched.iterates():
            params[0].data.fill_(7.0)
    assert all(map(torch.equal, params, others))


@pairs
def test_a_step_away_from_y_is_refused_and_train_allows_it(ours, theirs):
    params = leaves()
    method = ours(params, lr=0.1)
    step(method, params, 1)
    method.eval()
    with pytest.raises(RuntimeError, match=r"must be in train mode to step.*call train\(\)"):
        step(method, params, 2)
    with pytest.raises(RuntimeError, match="must be in train mode"), method.iterates():
        method.step()
    assert method.param_groups[0]["k"] == 1
    method.train()
    step(method, params, 2)
    assert method.param_groups[0]["k"] == 2


@pairs
def test_a_checkpoint_of_the_averages_goes_on(ours, theirs):
    """Saved in eval mode, as the authors advise: the file then holds the model to use."""
    params = leaves()
    method = ours(params, lr=0.1, warmup_steps=3)
    for k in range(7):
        step(method, params, k)
    method.eval()
    saved = copy.deepcopy(([p.detach() for p in params], method.state_dict()))
    rebuilt = [p.clone().requires_grad_() for p in saved[0]]
    resumed = ours(rebuilt, lr=0.1)
    resumed.load_state_dict(saved[1])
    assert not resumed.param_groups[0]["train_mode"]
    for optimizer, some in ((method, params), (resumed, rebuilt)):
        optimizer.train()
        for k in range(7, 12):
            step(optimizer, some, k)
        optimizer.eval()
    assert all(map(torch.equal, params, rebuilt))


def test_a_refused_gradient_counts_no_step():
    w = torch.ones(3, requires_grad=True)
    method = ScheduleFreeSGD([w], lr=0.1)
    w.grad = torch.ones(3).to_sparse()
    with pytest.raises(RuntimeError, match="does not take gradients of layout"):
        method.step()
    assert method.param_groups[0]["k"] == 0
    assert method.param_groups[0]["weight_sum"] == 0.0


def test_a_group_added_in_eval_mode_is_in_it_too():
    method = ScheduleFreeSGD(leaves()[:1], lr=0.1)
    method.eval()
    method.add_param_group({"params": leaves()[1:]})
    assert [group["train_mode"] for group in method.param_groups] == [False, False]


def test_a_state_that_no_run_has_is_refused_and_changes_nothing():
    w = torch.ones(1, requires_grad=True)
    method = ScheduleFreeSGD([w], lr=0.1)
    state = method.state_dict()
    state["param_groups"][0] |= {"k": -3, "lr": 0.5}
    with pytest.raises(ValueError, match="k must be an integer of at least 0, got -3"):
        method.load_state_dict(state)
    assert method.param_groups[0]["lr"] == 0.1


def test_weights_that_overflow_are_refused_by_their_parts():
    w = torch.ones(1, requires_grad=True)
    method = ScheduleFreeSGD([w], lr=1e200)
    w.grad = torch.ones(1)
    with pytest.raises(ValueError, match=r"weights k\*\*r .* lr = 1e\+200 and weight_lr_power = 2"):
        method.step()
    assert w.item() == 1.0
    assert method.param_groups[0]["k"] == 0


@pytest.mark.parametrize("beta", [0.0, 1.0, -0.1, float("nan")])
def test_a_beta_that_hides_x_is_refused(beta):
    w = torch.ones(1, requires_grad=True)
    message = "must be a finite number above 0 and below 1"
    with pytest.raises(ValueError, match=f"^momentum {message}"):
        ScheduleFreeSGD([w], momentum=beta)
    with pytest.raises(ValueError, match=r"^betas\[0\] must be"):
        ScheduleFreeAdamW([w], betas=(beta, 0.99))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warmup_steps": -1}, "warmup_steps must be an integer of at least 0, got -1"),
        ({"r": float("inf")}, "r must be a finite number, got inf"),
        ({"weight_lr_power": -1.0}, "weight_lr_power must be a non-negative finite number"),
    ],
)
def test_wrong_options_are_refused_by_name_and_value(options, message):
    w = torch.ones(1, requires_grad=True)
    for method in (ScheduleFreeSGD, ScheduleFreeAdamW):
        with pytest.raises(ValueError, match=message):
            method([w], **options)
