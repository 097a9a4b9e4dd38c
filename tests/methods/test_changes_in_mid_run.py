"""Options that are changed between steps, also in place, and where what is held depends on them."""

import math

import pytest
import torch

from course_lib.methods import SGD, Adam, Lion, ScheduleFreeAdamW, ScheduleFreeSGD
from tests.methods.parameters import leaf


def trained(make, steps=5):
    w = leaf(3, dtype=torch.float64)
    method = make([w])
    for k in range(steps):
        w.grad = w.detach() + k
        method.step()
    return w, method


def looked_at(w, method):
    with method.iterates():
        return w.detach().clone()


def set_beta(method, beta):
    group = method.param_groups[0]
    group.update({"momentum": beta} if "momentum" in group else {"betas": (beta, 0.99)})


schedule_free = pytest.mark.parametrize(
    "make",
    [
        lambda p: ScheduleFreeSGD(p, lr=0.1, momentum=0.9),
        lambda p: ScheduleFreeAdamW(p, lr=0.1, betas=(0.9, 0.99)),
    ],
    ids=["SGD", "AdamW"],
)


@schedule_free
def test_a_new_beta_of_schedule_free_leaves_the_average_where_it_is(make):
    w, method = trained(make)
    x = looked_at(w, method)
    set_beta(method, 0.5)
    torch.testing.assert_close(looked_at(w, method), x, rtol=1e-12, atol=1e-12)


@schedule_free
@pytest.mark.parametrize("in_eval", [False, True])
def test_after_a_new_beta_the_gradient_is_asked_between_the_average_and_z(make, in_eval):
    w, method = trained(make)
    x, z = looked_at(w, method), method.state[w]["z"].clone()
    if in_eval:
        method.eval()
    set_beta(method, 0.5)
    if in_eval:
        method.train()
    method.param_groups[0]["lr"] = 0.0  # a step that moves nothing but y
    w.grad = torch.zeros_like(w)
    method.step()
    torch.testing.assert_close(method.state[w]["z"], z, rtol=0, atol=0)
    x = x.lerp(z, 1 / 6)  # the sixth z, with as much weight as each of the others
    torch.testing.assert_close(w.detach(), z.lerp(x, 0.5), rtol=1e-12, atol=1e-12)


def test_a_state_saved_before_beta_was_kept_goes_on():
    w, method = trained(lambda p: ScheduleFreeSGD(p, lr=0.1))
    x, saved = looked_at(w, method), method.state_dict()
    del saved["param_groups"][0]["held_beta"]
    method.load_state_dict(saved)
    torch.testing.assert_close(looked_at(w, method), x, rtol=0, atol=0)


@pytest.mark.parametrize("value", [math.nan, -0.1])
@pytest.mark.parametrize("make", [SGD, Adam])
def test_a_tensor_that_is_changed_in_place_is_checked_again(make, value):
    lr = torch.tensor(0.1, dtype=torch.float64)
    w, method = trained(lambda p: make(p, lr=lr))
    before = w.detach().clone()
    lr.fill_(value)
    with pytest.raises(ValueError, match=r"^lr must be a non-negative finite number, got"):
        method.step()
    torch.testing.assert_close(w.detach(), before, rtol=0, atol=0)


@pytest.mark.parametrize("kind", [list, lambda pair: tuple(map(torch.tensor, pair))])
@pytest.mark.parametrize("make", [Adam, Lion])
def test_a_pair_that_is_changed_in_place_is_checked_again(make, kind):
    w, method = trained(lambda p: make(p, betas=kind([0.9, 0.99])))
    betas = method.param_groups[0]["betas"]
    if isinstance(betas, list):
        betas[1] = 2.0
    else:
        betas[1].fill_(2.0)
    before = w.detach().clone()
    with pytest.raises(ValueError, match=r"^betas\[1\] must be a number in \[0, 1\), got"):
        method.step()
    torch.testing.assert_close(w.detach(), before, rtol=0, atol=0)
