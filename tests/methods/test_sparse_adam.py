"""SparseAdam: on sparse gradients what the conformance suite asks of the others on dense ones."""

import copy
import io
import pickle

import pytest
import torch
from torch.optim.lr_scheduler import ExponentialLR

from course_lib.methods import Adam, SparseAdam
from tests.methods.parameters import assert_same_bits, leaf


def parameters(dtype=torch.float64):
    """Tables of 7 words, a vector, and a table of matrices."""
    return [leaf(*shape, seed=i, dtype=dtype) for i, shape in enumerate([(7, 3), (9,), (5, 2, 2)])]


def set_gradients(params, k):
    """Some rows, some of them twice; at some steps none at all."""
    generator = torch.Generator().manual_seed(k)
    for i, p in enumerate(params):
        count = 0 if (i + k) % 4 == 0 else 4
        rows = torch.randint(len(p), (1, count), generator=generator)
        values = torch.randn(count, *p.shape[1:], generator=generator, dtype=torch.float64)
        p.grad = torch.sparse_coo_tensor(rows, values.to(p.dtype), p.shape, check_invariants=True)


def run(optimizer, params, steps):
    for k in steps:
        set_gradients(params, k)
        optimizer.step()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("options", [{}, {"maximize": True}], ids=str)
def test_takes_torchs_steps_in_every_dtype(dtype, options):
    options = {"lr": 0.05, "eps": 1e-3, **options}
    ours, theirs = parameters(dtype), parameters(dtype)
    run(SparseAdam(ours, **options), ours, range(8))
    run(torch.optim.SparseAdam(theirs, **options), theirs, range(8))
    tolerance = 8 * torch.finfo(dtype).eps
    for x, y in zip(ours, theirs, strict=True):
        assert x.dtype == dtype
        torch.testing.assert_close(x, y, rtol=tolerance, atol=tolerance)


def test_absent_rows_neither_move_nor_fade():
    p = leaf(6, 2, dtype=torch.float64)
    adam = SparseAdam([p], lr=0.1)
    first = torch.sparse_coo_tensor([[1, 4]], torch.ones(2, 2), (6, 2), check_invariants=True)
    p.grad = first.double()
    adam.step()
    before = {"x": p.detach().clone(), **{k: torch.clone(v) for k, v in states(adam, p).items()}}
    second = torch.sparse_coo_tensor([[4]], -torch.ones(1, 2), (6, 2), check_invariants=True)
    for _ in range(5):
        p.grad = second.double()
        adam.step()
    rest = [0, 1, 2, 3, 5]
    after = {"x": p.detach(), **states(adam, p)}
    for name, value in after.items():
        assert torch.equal(value[rest], before[name][rest]), name
        assert not torch.isclose(value[4], before[name][4]).any(), name
    assert adam.state[p]["step"] == 6


def states(adam, p):
    return {key: adam.state[p][key] for key in ("exp_avg", "exp_avg_sq")}


def test_with_every_row_present_it_is_adam_but_for_where_eps_stands():
    p, q = leaf(5, 3, dtype=torch.float64), leaf(5, 3, dtype=torch.float64)
    sparse, dense = SparseAdam([p], 0.1, eps=0.0), Adam([q], 0.1, eps=0.0)
    for k in range(20):
        q.grad = torch.randn(5, 3, generator=torch.Generator().manual_seed(k)).double()
        p.grad = q.grad.to_sparse(1)
        sparse.step()
        dense.step()
    torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-12)


def test_without_bias_correction_the_first_step_is_too_long():
    p, q = torch.zeros(3, 1, requires_grad=True), torch.zeros(3, 1, requires_grad=True)
    for x, bias_correction in ((p, True), (q, False)):
        x.grad = torch.sparse_coo_tensor([[2]], [[4.0]], (3, 1), check_invariants=True)
        SparseAdam([x], 0.1, bias_correction=bias_correction).step()
    assert p[2].item() == pytest.approx(-0.1)
    assert q[2].item() == pytest.approx(-0.1 * 10**0.5, rel=1e-6)


def test_a_run_rebuilt_from_a_checkpoint_has_the_same_bits():
    params = parameters(torch.float32)
    optimizer = SparseAdam(params, 0.02)
    schedule = ExponentialLR(optimizer, 0.9)
    run(optimizer, params, range(5))
    schedule.step()
    file = io.BytesIO()
    torch.save({"params": params, "optimizer": optimizer.state_dict()}, file)
    run(optimizer, params, range(5, 12))
    file.seek(0)
    saved = torch.load(file)
    resumed = SparseAdam(saved["params"])
    resumed.load_state_dict(saved["optimizer"])
    assert resumed.param_groups[0]["lr"] == pytest.approx(0.018)
    run(resumed, saved["params"], range(5, 12))
    assert_same_bits(saved["params"], params)


def test_either_loads_what_the_other_saved():
    ours, theirs = parameters(), parameters()
    a, b = SparseAdam(ours, 0.1), torch.optim.SparseAdam(theirs, 0.1)
    run(a, ours, range(4))
    run(b, theirs, range(4))
    from_torch, to_torch = SparseAdam(theirs), torch.optim.SparseAdam(ours)
    from_torch.load_state_dict(b.state_dict())
    to_torch.load_state_dict(a.state_dict())
    run(from_torch, theirs, range(4, 8))
    run(to_torch, ours, range(4, 8))
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))],
    ids=["copy", "pickle"],
)
def test_a_copy_continues_with_the_same_bits_and_on_its_own(duplicate):
    params = parameters()
    optimizer = SparseAdam(params)
    run(optimizer, params, range(3))
    for p in params:
        p.grad = None  # torch cannot copy a parameter with a sparse gradient
    twins, twin = duplicate((params, optimizer))
    before = [p.detach().clone() for p in params]
    run(twin, twins, range(3, 6))
    assert_same_bits(params, before)
    run(optimizer, params, range(3, 6))
    assert_same_bits(twins, params)


def test_closure_and_hooks_are_those_of_torch():
    words = torch.nn.Embedding(5, 2, sparse=True)
    adam = SparseAdam(words.parameters(), 0.1)
    calls = []
    adam.register_step_pre_hook(lambda *_: calls.append("before"))
    adam.register_step_post_hook(lambda *_: calls.append("after"))

    def closure():
        adam.zero_grad()
        loss = (words(torch.tensor([1, 3])) ** 2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        losses = [adam.step(closure).item() for _ in range(30)]
    assert losses[-1] < 0.1 * losses[0]
    assert calls == ["before", "after"] * 30


def test_dense_gradients_are_refused_before_anything_moves():
    words, dense = leaf(4, 2), leaf(3)
    words.grad = torch.sparse_coo_tensor([[1]], torch.ones(1, 2), (4, 2), check_invariants=True)
    before = words.detach().clone()
    adam = SparseAdam([words, dense])
    with pytest.raises(RuntimeError, match=r"SparseAdam does not take dense gradients \(group 0\)"):
        adam.step()
    assert torch.equal(words, before)
    assert not adam.state


def test_complex_and_sparse_parameters_are_refused():
    sparse = torch.eye(3).to_sparse().requires_grad_()
    for p, what in ((leaf(3, dtype=torch.complex64), "complex64"), (sparse, "sparse_coo")):
        with pytest.raises(ValueError, match=f"SparseAdam takes real dense .* torch.{what}"):
            SparseAdam([p])
        adam = SparseAdam([leaf(2)])
        with pytest.raises(ValueError, match=f"SparseAdam takes real dense .* torch.{what}"):
            adam.add_param_group({"params": [p]})
        assert len(adam.param_groups) == 1


def test_bad_options_are_refused():
    for options, message in [
        ({"lr": -1.0}, "lr must be a non-negative finite number, got -1.0"),
        ({"eps": -1e-8}, "eps must be a non-negative finite number, got -1e-08"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\] must be a number in \[0, 1\), got 1.0"),
    ]:
        with pytest.raises(ValueError, match=message):
            SparseAdam([leaf(2)], **options)
