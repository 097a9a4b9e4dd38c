"""States that are loaded, and options that are changed in mid-run, are checked before use."""

import math

import pytest
import torch

from course_lib.methods import SGD, Adam, HeavyBall, Lion, Nesterov, RMSprop, ScheduleFreeSGD
from tests.methods.parameters import leaf

BAD = [
    (
        {"exp_avg": torch.zeros(2)},
        ValueError,
        r"'exp_avg' in the shape of parameter 1, \(4,\), got",
    ),
    ({"exp_avg": torch.zeros(())}, ValueError, r"'exp_avg' in the shape of parameter 1, .* \(\)"),
    ({"exp_avg_sq": [0.0] * 4}, TypeError, "'exp_avg_sq' of parameter 1 as a tensor, got"),
    ({"exp_avg": None}, TypeError, "'exp_avg' of parameter 1 as a tensor, got None"),
    ({"step": -3}, ValueError, "'step' of parameter 1 as a non-negative integer, got -3"),
    ({"step": 2.5}, ValueError, "'step' of parameter 1 as a non-negative integer, got 2.5"),
    ({"step": math.nan}, ValueError, "'step' of parameter 1 as a non-negative integer, got nan"),
    ({"step": torch.ones(2)}, ValueError, "'step' of parameter 1 as a non-negative integer"),
]


@pytest.mark.parametrize(("damage", "error", "message"), BAD)
def test_a_loaded_state_that_cannot_be_one_is_refused_and_nothing_is_changed(
    damage, error, message
):
    params, others = [leaf(3), leaf(4)], [leaf(3), leaf(4)]
    optimizer, saved = Adam(params, lr=0.5), Adam(others, lr=0.1)
    optimizer.step()
    saved.step()
    before, damaged = optimizer.state_dict(), saved.state_dict()
    damaged["state"][1].update(damage)
    with pytest.raises(error, match=f"^state_dict must hold {message}"):
        optimizer.load_state_dict(damaged)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    torch.testing.assert_close(after["state"], before["state"], rtol=0, atol=0)


@pytest.mark.parametrize("step", [4, 4.0, torch.tensor(4.0), torch.tensor([4])])
def test_a_count_may_be_saved_as_any_number(step):
    p = leaf(3)
    saved = Adam([p])
    saved.step()
    state = saved.state_dict()
    state["state"][0]["step"] = step
    loaded = Adam([p])
    loaded.load_state_dict(state)
    loaded.step()
    assert loaded.state[p]["step"] == 5


def test_a_plain_state_loaded_into_amsgrad_makes_it_plain_as_in_torch():
    for method in (Adam, torch.optim.Adam):
        p, q = leaf(3), leaf(3)
        saved = method([p])
        saved.step()
        loaded = method([q], amsgrad=True)
        loaded.load_state_dict(saved.state_dict())
        loaded.step()
        assert loaded.param_groups[0]["amsgrad"] is False
        assert "max_exp_avg_sq" not in loaded.state[q]


def test_a_state_that_lacks_what_its_options_ask_for_is_refused():
    saved = Adam([leaf(3)])
    saved.step()
    state = saved.state_dict()
    state["param_groups"][0]["amsgrad"] = True
    with pytest.raises(ValueError, match=r"parameter 0 without \['max_exp_avg_sq'\]"):
        Adam([leaf(3)]).load_state_dict(state)


@pytest.mark.parametrize("name", ["Adagrad", "RMSprop", "Adamax"])
def test_a_state_of_another_method_is_refused(name):
    saved = getattr(torch.optim, name)([leaf(3)])
    saved.step()
    with pytest.raises(ValueError, match=r"state_dict must hold all of .* parameter 0 without"):
        Adam([leaf(3)]).load_state_dict(saved.state_dict())


@pytest.mark.parametrize("theirs", [HeavyBall, ScheduleFreeSGD, Lion])
@pytest.mark.parametrize("ours", [Nesterov, RMSprop, ScheduleFreeSGD])
def test_a_state_that_shares_no_part_is_refused_and_does_not_start_afresh(ours, theirs):
    p, q = leaf(3), leaf(3)
    saved, loaded = theirs([q]), ours([p])
    saved.step()
    state = saved.state_dict()
    if ours is theirs:
        loaded.load_state_dict(state)
        return
    with pytest.raises(ValueError, match=r"or nothing, got parameter 0 with .* another method"):
        loaded.load_state_dict(state)
    assert not loaded.state[p]


CHANGES = [
    (SGD, {"lr": -0.1}, ValueError, "lr must be a non-negative finite number, got -0.1"),
    (SGD, {"lr": torch.tensor(math.nan)}, ValueError, "lr must be a non-negative finite number"),
    (SGD, {"maximize": "no"}, TypeError, "maximize must be True or False, got 'no'"),
    (Adam, {"betas": (1.5, 0.9)}, ValueError, r"betas\[0\] must be a number in \[0, 1\), got 1.5"),
    (Adam, {"eps": -1.0}, ValueError, "eps must be a non-negative finite number, got -1.0"),
    (Adam, {"weight_decay": None}, TypeError, "weight_decay must be a non-negative finite number"),
    (Adam, {"bias_correction": None}, TypeError, "bias_correction must be True or False, got None"),
    (RMSprop, {"alpha": 1.0}, ValueError, r"alpha must be a number in \[0, 1\), got 1.0"),
]


@pytest.mark.parametrize(("method", "change", "error", "message"), CHANGES)
def test_an_option_changed_in_mid_run_is_checked_before_anything_moves(
    method, change, error, message
):
    params = [leaf(3), leaf(4)]
    optimizer = method([{"params": params[:1]}, {"params": params[1:]}])
    optimizer.step()
    before = [p.detach().clone() for p in params]
    optimizer.param_groups[1].update(change)
    for _ in range(2):
        with pytest.raises(error, match=f"^{message}"):
            optimizer.step()
    for p, value in zip(params, before, strict=True):
        assert torch.equal(p, value)
