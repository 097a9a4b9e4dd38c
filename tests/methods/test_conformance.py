"""Every method steps as `torch.optim` does: run on all of the catalogue."""

import copy
import warnings

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim.lr_scheduler import ExponentialLR

from tests.methods.parameters import (
    CHUNK,
    assert_same_bits,
    each,
    parameters_of,
    plain,
    run,
    set_gradients,
    two_groups,
)

pytestmark = pytest.mark.usefixtures("small_chunks")


@each
def test_takes_torchs_steps_with_groups_and_a_scheduler(case):
    ours, theirs = parameters_of(case), parameters_of(case)
    a = case.make(two_groups(ours, lr=0.03))
    b = case.make_reference(two_groups(theirs, lr=0.03))
    schedules = ExponentialLR(a, 0.9), ExponentialLR(b, 0.9)
    for k in range(30):
        run(a, ours, [k])
        run(b, theirs, [k])
        for schedule in schedules:
            schedule.step()
        for x, y in zip(ours, theirs, strict=True):
            torch.testing.assert_close(x, y, rtol=case.tolerance, atol=case.tolerance)


@plain
def test_takes_torchs_steps_for_two_hundred_steps(case):
    ours, theirs = parameters_of(case)[::2], parameters_of(case)[::2]
    run(case.make(ours), ours, range(200))
    run(case.make_reference(theirs), theirs, range(200))
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=case.tolerance, atol=case.tolerance)


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32, torch.complex64, torch.complex128],
    ids=lambda dtype: str(dtype).removeprefix("torch."),
)
@each
def test_takes_torchs_steps_in_every_dtype(case, dtype):
    """As far as rounding allows: after 5 steps, both within the dtype's error of each other.

    Two things are beyond rounding in half precision: a small eps is 0 in float16; and g / |g|, the
    first step of many methods, jumps at 0, where weight decay brings some gradients in bfloat16.
    """
    if case.matrices and dtype.is_complex:
        with pytest.raises(ValueError, match=rf"must be real matrices.* dtype {dtype}"):
            case.make(parameters_of(case, dtype))
        return
    ours, theirs = parameters_of(case, dtype), parameters_of(case, dtype)
    rough = dtype == torch.float16 or (dtype == torch.bfloat16 and "weight_decay" in case.options)
    options = case.half_options if rough else {}
    run(case.make(ours, **options), ours, range(5), all_present=True)
    run(case.make_reference(theirs, **options), theirs, range(5), all_present=True)
    tolerance = 8 * torch.finfo(dtype).eps
    for x, y in zip(ours, theirs, strict=True):
        assert x.dtype == dtype
        torch.testing.assert_close(x, y, rtol=tolerance, atol=tolerance)


@plain
def test_takes_several_dtypes_at_once(case):
    def mixed():
        return [p for dtype in (torch.float32, torch.float64) for p in parameters_of(case, dtype)]

    ours, theirs = mixed(), mixed()
    run(case.make(ours), ours, range(5))
    run(case.make_reference(theirs), theirs, range(5))
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(
            x, y, rtol=2e-6 if x.dtype == torch.float32 else 1e-10, atol=2e-6
        )


@plain
def test_follows_a_model_that_changes_dtype_between_steps(case):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(300, 200))
    params = [p for p in model.parameters() if case.takes(p)]
    optimizer = case.make(params)
    run(optimizer, params, range(3), all_present=True)
    model.double()
    want = copy.deepcopy((params, optimizer))
    for p in want[0]:
        want[1].state[p] = {
            key: s.double() if isinstance(s, torch.Tensor) else s
            for key, s in want[1].state[p].items()
        }
    run(optimizer, params, range(3, 6), all_present=True)
    run(want[1], want[0], range(3, 6), all_present=True)
    assert all(p.dtype == torch.float64 for p in params)
    assert_same_bits(params, want[0])


@plain
def test_gradients_are_read_and_never_changed_or_kept(case):
    params = parameters_of(case, torch.float32)
    optimizer = case.make(params, maximize=True, weight_decay=0.1)
    set_gradients(params, 1)
    grads = [p.grad for p in params]
    before = [None if g is None else g.clone() for g in grads]
    optimizer.step()
    for p, g, b in zip(params, grads, before, strict=True):
        assert p.grad is g
        assert g is None or torch.equal(g, b)
    held = {
        s.untyped_storage().data_ptr()
        for state in optimizer.state.values()
        for s in state.values()
        if isinstance(s, torch.Tensor)
    }
    theirs = {
        t.untyped_storage().data_ptr() for t in [*params, *grads] if t is not None and t.numel()
    }
    assert not held & theirs


@plain
def test_parameters_stay_where_they_are_and_outside_views_see_the_step(case):
    outer = torch.randn(3, 30_000)
    leaves = [case.shaped(t) for t in (outer[0], outer[1, :10], outer[:, 20_000:20_100])]
    params = [leaf.detach().requires_grad_() for leaf in leaves]
    places = [p.data_ptr() for p in params]
    before = outer.clone()
    run(case.make(params), params, [1], all_present=True)
    assert [p.data_ptr() for p in params] == places
    for leaf, p in zip(leaves, params, strict=True):
        assert torch.equal(leaf, p.detach())
    assert not torch.equal(outer, before)
    assert torch.equal(outer[1, 10:20_000], before[1, 10:20_000])


@plain
def test_a_parameter_without_gradient_keeps_value_and_state(case):
    params = parameters_of(case)[:2]
    optimizer = case.make(params)
    params[1].grad = torch.ones_like(params[1])
    before = params[0].detach().clone()
    optimizer.step()
    assert torch.equal(params[0], before)
    assert not optimizer.state.get(params[0])


@plain
def test_no_gradient_at_all_is_no_step(case):
    params = parameters_of(case)
    before = [p.detach().clone() for p in params]
    case.make(params).step()
    assert_same_bits([p.detach() for p in params], before)


@plain
def test_closure_runs_with_gradients_and_its_loss_is_returned(case):
    w = torch.ones(1, 3, dtype=torch.float64, requires_grad=True)
    optimizer = case.make([w])

    def closure():
        assert torch.is_grad_enabled()
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        loss = optimizer.step(closure)
        assert not torch.is_grad_enabled()
    assert loss.item() == 3.0
    assert not torch.equal(w, torch.ones_like(w))
    assert torch.is_grad_enabled()


@plain
def test_hooks_run_once_a_step_and_may_change_gradients(case):
    params = parameters_of(case)[:1]
    before = params[0].detach().clone()
    optimizer = case.make(params)
    calls = []

    def clear(*_):
        calls.append("before")
        params[0].grad.zero_()

    optimizer.register_step_pre_hook(clear)
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    params[0].grad = torch.ones_like(params[0])
    optimizer.step()
    assert calls == ["before", "after"]
    assert torch.equal(params[0], before)


@plain
def test_zero_grad_forgets_or_clears(case):
    params = parameters_of(case)[:1]
    optimizer = case.make(params)
    params[0].grad = torch.ones_like(params[0])
    optimizer.zero_grad(set_to_none=False)
    assert torch.equal(params[0].grad, torch.zeros_like(params[0]))
    optimizer.zero_grad()
    assert params[0].grad is None


@plain
def test_scheduler_sees_the_step(case):
    params = parameters_of(case)[:1]
    optimizer = case.make(params)
    schedule = ExponentialLR(optimizer, 0.5)
    run(optimizer, params, [1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == case.options["lr"] / 2


@plain
def test_scheduler_warns_when_it_comes_before_the_step(case):
    schedule = ExponentialLR(case.make(parameters_of(case)[:1]), 0.5)
    with pytest.warns(UserWarning, match=r"before `optimizer.step\(\)`"):
        schedule.step()


@plain
def test_sparse_gradients_are_taken_where_claimed_and_refused_elsewhere(case):
    def embedding():
        weight = torch.arange(12.0, dtype=torch.float64).view(4, 3).requires_grad_()
        rows = torch.tensor([[2, 0, 2]])
        weight.grad = torch.sparse_coo_tensor(
            rows, torch.ones(3, 3, dtype=torch.float64), (4, 3), check_invariants=True
        )
        return weight

    ours, theirs, other = embedding(), embedding(), torch.zeros(1, 2, requires_grad=True)
    other.grad = torch.ones(1, 2)
    optimizer = case.make([other, ours])
    if not case.sparse:
        before = ours.detach().clone()
        with pytest.raises(RuntimeError, match=r"does not take gradients of layout torch.sparse"):
            optimizer.step()
        assert torch.equal(ours, before)
        assert torch.equal(other, torch.zeros(1, 2))
        return
    reference = case.make_reference([theirs])
    optimizer.step()
    reference.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    assert not torch.equal(other, torch.zeros(1, 2))
    with pytest.raises(RuntimeError, match=r"weight_decay=0, got 0\.1"):
        case.make([embedding()], weight_decay=0.1).step()


@each
def test_steps_on_a_fake_gpu_stay_there_and_never_wait_for_it(case):
    """FakeTensorMode raises where devices mix and where the host reads a value."""
    with FakeTensorMode():
        shapes = [(7,), (2 * CHUNK + 13,), (), (5, 4), (2**20 + 1,)]
        params = [case.shaped(torch.empty(s, device="cuda")).requires_grad_() for s in shapes]
        params.append(torch.empty(40, 20, device="cuda").t().requires_grad_())
        params.append(case.shaped(torch.empty(9, device="cpu")).requires_grad_())
        optimizer = case.make(params)
        for k in range(3):
            for i, p in enumerate(params):
                p.grad = None if (i + k) % 5 == 0 else torch.empty_like(p)
            optimizer.step()
        saved = optimizer.state_dict()
        optimizer.load_state_dict(saved)
        optimizer.step()
        for p in params:
            for s in optimizer.state[p].values():
                assert not isinstance(s, torch.Tensor) or s.device == p.device
