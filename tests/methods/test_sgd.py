"""What is SGD's own; what it shares with all methods is in the conformance suite."""

import copy
import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import StepLR

from course_lib.methods import SGD, SGDWithMomentum
from tests.methods.parameters import leaf, parameters, run, two_groups


def test_plain_sgd_keeps_no_state():
    p = leaf(3)
    optimizer = SGD([p])
    optimizer.step()
    assert optimizer.state_dict()["state"] == {}
    assert not optimizer.state


def test_lr_zero_is_allowed_and_moves_nothing():
    p = leaf(3)
    before = p.detach().clone()
    SGD([p], lr=0.0).step()
    assert torch.equal(p, before)


@given(
    lr=st.floats(0, 0.5),
    momentum=st.floats(0, 1.0),
    dampening=st.floats(-0.5, 1.5),
    weight_decay=st.floats(0, 0.5),
    nesterov=st.booleans(),
    maximize=st.booleans(),
    step_size=st.integers(1, 60),
)
def test_it_takes_torchs_steps_in_every_configuration(
    lr, momentum, dampening, weight_decay, nesterov, maximize, step_size
):
    dampening = 0.0 if nesterov else dampening
    assume(momentum > 0 or not nesterov)
    options = {
        "lr": lr,
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": weight_decay,
        "nesterov": nesterov,
        "maximize": maximize,
    }
    paths = []
    for method in (SGD, torch.optim.SGD):
        params = [leaf(4, seed=1, dtype=torch.float64), leaf(2, 3, seed=2, dtype=torch.float64)]
        optimizer = method(two_groups(params, lr=lr / 2), **options)
        scheduler = StepLR(optimizer, step_size, gamma=0.3)
        path = []
        for k in range(200):
            for i, p in enumerate(params):
                p.grad = torch.cos(p.detach() + k) if (i + k) % 5 else None
            optimizer.step()
            scheduler.step()
            path.append(torch.cat([p.detach().flatten() for p in params]))
        paths.append(torch.stack(path))
    torch.testing.assert_close(*paths, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("options", [{}, {"dampening": 0.5}, {"nesterov": True}], ids=str)
@pytest.mark.parametrize("first", ["ours", "torchs"])
def test_either_goes_on_from_the_others_state_dict(options, first):
    """Four of five parameters have a state when the other takes over; the fifth begins there."""
    methods = [SGD, torch.optim.SGD]
    before, after = methods if first == "ours" else methods[::-1]
    params = parameters()[:5]
    optimizer = before(params, lr=0.1, momentum=0.9, **options)
    params[4].requires_grad_(False)
    run(optimizer, params[:4], range(1, 6))
    twins = copy.deepcopy(params)
    heir = after(twins, lr=0.3)
    heir.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    run(optimizer, params, range(6, 20))
    run(heir, twins, range(6, 20))
    for x, y in zip(params, twins, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


def test_momentum_may_be_switched_on_and_off_as_in_torch():
    paths = []
    for method in (SGD, torch.optim.SGD):
        p = leaf(6, dtype=torch.float64)
        optimizer, path = method([p], lr=0.1), []
        for momentum in (0.0, 0.0, 0.9, 0.5, 0.0, 0.0, 0.9, 0.9):
            optimizer.param_groups[0].update(momentum=momentum, dampening=0.25)
            p.grad = torch.cos(p.detach())
            optimizer.step()
            path.append(p.detach().clone())
        paths.append(torch.stack(path))
    torch.testing.assert_close(*paths, rtol=1e-12, atol=1e-12)


def test_a_group_of_its_own_may_have_momentum():
    p, q = leaf(3, dtype=torch.float64), leaf(3, dtype=torch.float64)
    optimizer = SGD([{"params": [p]}, {"params": [q], "momentum": 0.9}], lr=0.1)
    optimizer.step()
    assert list(optimizer.state) == [q]
    assert list(optimizer.state[q]) == ["momentum_buffer"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"momentum": -0.5}, r"momentum must be a non-negative finite number, got -0\.5"),
        ({"momentum": math.nan}, "momentum must be a non-negative finite number, got nan"),
        ({"dampening": math.inf}, "dampening must be a finite number, got inf"),
        ({"nesterov": True}, r"momentum must be above 0 with nesterov=True, got 0\.0"),
        (
            {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
            r"dampening must be 0 with nesterov=True, got 0\.1",
        ),
    ],
)
def test_bad_momentum_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SGD([leaf(2)], **options)


def test_bad_momentum_in_a_group_is_refused():
    with pytest.raises(ValueError, match="momentum must be a non-negative"):
        SGD([{"params": [leaf(2)], "momentum": -1.0}])
    with pytest.raises(ValueError, match="dampening must be 0"):
        SGD([{"params": [leaf(2)], "dampening": 0.5}], momentum=0.9, nesterov=True)
    with pytest.raises(TypeError, match="nesterov must be True or False, got 1"):
        SGD([{"params": [leaf(2)], "nesterov": 1}], momentum=0.9)


MOMENTUM = [
    {"momentum": 0.9},
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.9, "dampening": 0.3, "maximize": True},
]


@pytest.mark.parametrize("options", MOMENTUM, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_momentum_takes_sparse_gradients_as_torch_does(options, dtype):
    """Rows that come, stay away and come twice in one gradient; a state saved by torch goes on."""
    ours, theirs = leaf(6, 2, dtype=dtype), leaf(6, 2, dtype=dtype)
    optimizer, reference = SGD([ours], 0.1, **options), torch.optim.SGD([theirs], 0.1, **options)
    for k in range(8):
        rows = torch.tensor([[k % 5, (3 * k) % 6, k % 5]])
        values = torch.randn(3, 2, dtype=dtype, generator=torch.Generator().manual_seed(k))
        g = torch.sparse_coo_tensor(rows, values, (6, 2), check_invariants=True)
        ours.grad, theirs.grad = g.clone(), g.clone()
        optimizer.step()
        reference.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        if k == 4:
            optimizer = SGD([ours], 0.1, **options)
            optimizer.load_state_dict(reference.state_dict())
    ours.grad, theirs.grad = torch.ones_like(ours), torch.ones_like(theirs)
    optimizer.load_state_dict(reference.state_dict())
    buffer = reference.state[theirs]["momentum_buffer"]
    reference.state[theirs]["momentum_buffer"] = buffer.to_dense()  # torch cannot mix the two
    optimizer.step()
    reference.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_momentum_refuses_sparse_gradients_with_weight_decay():
    p = leaf(3)
    p.grad = torch.ones(3).to_sparse()
    with pytest.raises(RuntimeError, match=r"only with weight_decay=0, got 0\.1"):
        SGD([p], momentum=0.9, weight_decay=0.1).step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
def test_sgd_of_lists_is_sgd_of_the_rule(dtype):
    xs, gs = [leaf(n, seed=n, dtype=dtype).detach() for n in (1, 5, 1000)], []
    gs = [torch.randn_like(x) for x in xs]
    ys = [x.clone() for x in xs]
    SGD.update_list(xs, gs, t=0.1)
    for x, y, g in zip(xs, ys, gs, strict=True):
        SGD.update(y, g, t=0.1)
        eps = torch.finfo(dtype).eps
        torch.testing.assert_close(x, y, rtol=4 * eps, atol=4 * eps)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_of_lists_is_momentum_of_the_rule(nesterov, first):
    xs = [leaf(n, seed=n, dtype=torch.float64).detach() for n in (1, 5, 1000)]
    gs, bs = ([torch.randn_like(x) for x in xs] for _ in range(2))
    expected = [(x.clone(), b.clone()) for x, b in zip(xs, bs, strict=True)]
    letters = {"t": 0.1, "mu": 0.9, "tau": 0.25, "nesterov": nesterov, "first": first}
    SGDWithMomentum.update_list(xs, gs, bs, **letters)
    for x, g, b, (y, c) in zip(xs, gs, bs, expected, strict=True):
        SGDWithMomentum.update(y, g, c, **letters)
        torch.testing.assert_close(x, y, rtol=1e-14, atol=1e-14)
        torch.testing.assert_close(b, c, rtol=1e-14, atol=1e-14)
