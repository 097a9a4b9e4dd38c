"""The loss of a small net as a function of one vector."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_lib.derivatives import critical_point, find_critical_points
from course_lib.methods import TrustRegion
from course_lib.problems import OneHiddenLayer
from course_lib.training import minimize

DOUBLE = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def task(hidden=3, decay=0.02):
    return OneHiddenLayer(drawn(30, 4), torch.arange(30) % 3, hidden, decay=decay)


@given(st.integers(0, 2**31))
def test_it_is_the_loss_of_torchs_net_with_weight_decay(seed):
    loss = task()
    w = drawn(loss.size, seed=seed)
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3)).double()
    parts = loss.split(w)
    with torch.no_grad():
        for p, part in zip(net.parameters(), parts, strict=True):
            p.copy_(part)
    want = nn.functional.cross_entropy(net(loss.x), loss.y) + 0.01 * (w @ w)
    torch.testing.assert_close(loss(w), want)
    wrong = net(loss.x).argmax(dim=1) != loss.y
    assert loss.error(w) == pytest.approx(wrong.double().mean().item())


@given(st.integers(0, 2**31), st.integers(3, 6))
def test_a_widened_net_computes_the_same_and_its_new_units_feel_no_pull(seed, hidden):
    loss = task()
    w = drawn(loss.size, seed=seed)
    wide, v = loss.widened(w, hidden)
    torch.testing.assert_close(wide.scores(v), loss.scores(w))
    g, pulls = torch.func.grad(loss)(w), wide.split(torch.func.grad(wide)(v))
    for small, large in zip(loss.split(g), pulls, strict=True):
        inner = tuple(slice(0, n) for n in small.shape)
        torch.testing.assert_close(large[inner], small)
        assert float(large.norm()) == pytest.approx(float(small.norm()))


def test_a_minimum_of_the_small_net_is_a_saddle_of_the_large_one():
    loss = task(hidden=1, decay=0.01)
    path = minimize(loss, drawn(loss.size, seed=2), TrustRegion, steps=200)
    assert critical_point(loss, path.x[-1]).verdict == "strict local minimum"
    wide, w = loss.widened(path.x[-1], 3)
    seen = find_critical_points(wide, w[None], steps=0)
    assert bool(seen.critical.all())
    assert 0 < float(seen.index) < 1


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: OneHiddenLayer(drawn(3), torch.zeros(3).long(), 2), ValueError, r"\(m, d\)"),
        (lambda: OneHiddenLayer([1.0], torch.zeros(3).long(), 2), TypeError, "x must be"),
        (lambda: OneHiddenLayer(drawn(3, 2), torch.zeros(3), 2), ValueError, "y must hold 3"),
        (lambda: OneHiddenLayer(drawn(3, 2), torch.zeros(2).long(), 2), ValueError, "y must"),
        (lambda: OneHiddenLayer(drawn(2, 2), torch.tensor([0, -1]), 2), ValueError, "got -1"),
        (lambda: task(hidden=0), ValueError, "hidden must be .*got 0"),
        (lambda: task(decay=-1), ValueError, "decay must be .*got -1"),
        (lambda: task()(torch.zeros(5)), ValueError, r"w must have shape \(27,\) .* got \(5,\)"),
        (lambda: task()(torch.zeros(27)), ValueError, "the dtype of x, torch.float64, got .*32"),
        (lambda: task()([0.0] * 27), TypeError, "w must be a tensor"),
        (lambda: task().widened(torch.zeros(27), 2), ValueError, "hidden must be .*3, got 2"),
    ],
)
def test_wrong_arguments_are_named(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
