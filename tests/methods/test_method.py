"""What the base offers to a rule: states, counts, buckets, refusals."""

import numpy as np
import pytest
import torch

from course_lib.methods import SGD, Adam, Method
from course_lib.methods.running import CHUNK, SMALL
from tests.methods.example_rules import ExampleMomentum, ExampleStart
from tests.methods.parameters import leaf


class Recorder(Method):
    """Notes the length of each vector that its rule is given, and the count."""

    seen: list = []  # noqa: RUF012

    def __init__(self, params):
        super().__init__(params, {"lr": 0.1})

    @staticmethod
    def update(x, g, *, k, t):
        Recorder.seen.append((x.numel(), k))
        x.zero_()


@pytest.fixture
def seen():
    Recorder.seen.clear()
    return Recorder.seen


def test_small_tensors_run_as_one_vector_and_large_ones_in_chunks(seen):
    small, large = [leaf(3, 4), leaf(5), leaf(SMALL["cpu"] - 1)], leaf(2 * CHUNK + 7)
    Recorder([*small, large]).step()
    assert sorted(seen) == sorted([(16 + SMALL["cpu"], 1), (CHUNK, 1), (CHUNK, 1), (7, 1)])


def test_the_count_is_kept_for_each_parameter(seen):
    often, seldom = leaf(3), leaf(5)
    optimizer = Recorder([often, seldom])
    for present in [True, False, True]:
        seldom.grad = torch.ones(5) if present else None
        optimizer.step()
    assert seen == [(8, 1), (3, 2), (3, 3), (5, 2)]
    assert optimizer.state[often]["step"] == 3
    assert optimizer.state[seldom]["step"] == 2


def test_groups_and_dtypes_do_not_share_a_vector(seen):
    a, b, c = leaf(3), leaf(4), leaf(5, dtype=torch.float64)
    Recorder([{"params": [a, c]}, {"params": [b]}]).step()
    assert sorted(seen) == [(3, 1), (4, 1), (5, 1)]


def test_a_rule_sees_a_complex_tensor_as_real_and_imaginary_parts(seen):
    Recorder([leaf(6, dtype=torch.complex64), leaf(SMALL["cpu"], dtype=torch.complex64)]).step()
    assert sorted(seen) == [(12, 1), (2 * SMALL["cpu"], 1)]


@pytest.mark.parametrize("shape", [(4,), (300, 200)], ids=["small", "large"])
def test_a_state_put_in_by_hand_is_taken_in(shape):
    p, q = leaf(*shape), leaf(*shape)
    a, b = Adam([p]), Adam([q])
    a.step()
    b.step()
    a.state[p]["exp_avg"] = torch.ones(shape)
    b.state[q]["exp_avg"].fill_(1.0)
    a.step()
    b.step()
    assert torch.equal(p, q)
    assert torch.equal(a.state[p]["exp_avg"], b.state[q]["exp_avg"])
    assert (a.state[p]["exp_avg"] > 0).all()


@pytest.mark.parametrize("shape", [(4,), (300, 200)], ids=["small", "large"])
def test_a_state_of_the_wrong_shape_is_refused(shape):
    p = leaf(*shape)
    optimizer = Adam([p])
    optimizer.step()
    optimizer.state[p]["exp_avg"] = torch.ones(1)
    with pytest.raises(
        ValueError, match=r"state 'exp_avg' must have its parameter's shape .* \(1,\)"
    ):
        optimizer.step()


@pytest.mark.parametrize("shape", [(4,), (300, 200)], ids=["small", "large"])
def test_a_parameter_whose_data_were_replaced_is_followed(shape):
    p, q = leaf(*shape), leaf(*shape)
    a, b = Adam([p]), Adam([q])
    a.step()
    b.step()
    old = p.data
    kept = old.clone()
    p.data = torch.zeros(shape)
    q.data.zero_()
    a.step()
    b.step()
    assert torch.equal(p, q)
    assert torch.equal(old, kept)


@pytest.mark.parametrize("shape", [(4,), (300, 200)], ids=["small", "large"])
def test_a_state_whose_data_were_replaced_is_followed(shape):
    p, q = leaf(*shape), leaf(*shape)
    a, b = Adam([p]), Adam([q])
    for _ in range(2):
        a.step()
        b.step()
        a.state[p]["exp_avg"].data = torch.ones(shape)
        b.state[q]["exp_avg"].fill_(1.0)
    a.step()
    b.step()
    assert torch.equal(p, q)
    assert torch.equal(a.state[p]["exp_avg"], b.state[q]["exp_avg"])


def test_states_that_change_places_are_not_mixed():
    params = [leaf(4, seed=1), leaf(4, seed=2)]
    optimizer = Adam(params)
    optimizer.step()
    first, second = (optimizer.state[p] for p in params)
    wanted = second["exp_avg"].clone(), first["exp_avg"].clone()
    first["exp_avg"], second["exp_avg"] = second["exp_avg"], first["exp_avg"]
    for p in params:
        p.grad.zero_()
    optimizer.step()
    for p, before in zip(params, wanted, strict=True):
        torch.testing.assert_close(optimizer.state[p]["exp_avg"], 0.9 * before)


@pytest.mark.parametrize("shape", [(4,), (300, 200)], ids=["small", "large"])
def test_parameters_that_share_their_memory_are_both_stepped(shape):
    values = []
    for method in (Adam, torch.optim.Adam):
        p, q = leaf(*shape, seed=1), leaf(*shape, seed=2)
        q.data = p.data
        optimizer = method([p, q], lr=0.1)
        for _ in range(3):
            optimizer.step()
        assert q.data_ptr() == p.data_ptr()
        values.append(p.detach())
    torch.testing.assert_close(*values)


def test_a_parameter_that_changed_its_shape_without_state_is_followed():
    p = leaf(4)
    optimizer = Recorder([p])
    optimizer.step()
    p.data, p.grad = torch.zeros(2, 3), None
    p.grad = torch.ones(2, 3)
    optimizer.step()
    assert Recorder.seen[-1][0] == 6


@pytest.mark.parametrize("shape", [(4,), (300, 200)], ids=["small", "large"])
def test_a_state_need_not_start_at_zero(shape):
    p = leaf(*shape)
    start = p.detach().clone()
    p.grad.zero_()
    optimizer = ExampleStart([p])
    optimizer.step()
    assert torch.equal(p, start)
    p.data.add_(1)
    optimizer.step()
    torch.testing.assert_close(p.detach(), start + 0.5)


def test_a_state_that_an_option_switches_off_is_not_kept():
    p = leaf(3)
    optimizer = ExampleMomentum([p], momentum=0.0)
    optimizer.step()
    assert "momentum_buffer" not in optimizer.state[p]


def test_a_method_without_a_rule_says_so():
    class Nothing(Method):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

    with pytest.raises(NotImplementedError, match="static method `update`"):
        Nothing([leaf(2)]).step()


def test_options_of_the_wrong_type_are_refused():
    for options in [{"maximize": 1}, {"compile": "yes"}]:
        (name,) = options
        with pytest.raises(TypeError, match=rf"^{name} must be True or False, got"):
            SGD([leaf(2)], **options)
    with pytest.raises(TypeError, match="lr must be a non-negative finite number, got 'fast'"):
        SGD([leaf(2)], lr="fast")


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [("lr", -1.0, ValueError), ("lr", "x", TypeError), ("maximize", "no", TypeError)],
)
def test_a_loaded_option_out_of_range_is_refused_and_nothing_is_changed(name, value, kind):
    p = leaf(3)
    optimizer = Adam([p], lr=0.5)
    optimizer.step()
    damaged = Adam([leaf(3)]).state_dict()
    damaged["param_groups"][0][name] = value
    with pytest.raises(kind, match=rf"^{name} must be"):
        optimizer.load_state_dict(damaged)
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.state[p]["step"] == 1


@pytest.mark.parametrize("missing", ["step", "exp_avg", "exp_avg_sq"])
def test_a_loaded_state_that_lacks_a_part_is_refused_and_nothing_is_changed(missing):
    params, others = [leaf(3), leaf(4)], [leaf(3), leaf(4)]
    optimizer, saved = Adam(params, lr=0.5), Adam(others, lr=0.1)
    for steps, of in [(1, optimizer), (10, saved)]:
        for _ in range(steps):
            of.step()
    before = optimizer.state_dict()
    damaged = saved.state_dict()
    del damaged["state"][1][missing]
    with pytest.raises(
        ValueError, match=rf"^state_dict must .* parameter 1 without \['{missing}'\]"
    ):
        optimizer.load_state_dict(damaged)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    torch.testing.assert_close(after["state"], before["state"], rtol=0, atol=0)


def test_a_parameter_without_any_state_is_loaded_as_such():
    params, others = [leaf(3), leaf(4)], [leaf(3), leaf(4)]
    optimizer, saved = Adam(params), Adam(others)
    others[1].grad = None
    saved.step()
    optimizer.load_state_dict(saved.state_dict())
    optimizer.step()
    assert [optimizer.state[p]["step"] for p in params] == [2, 1]


@pytest.mark.parametrize("shape", [(4,), (300, 200), (2 * CHUNK + 7,)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_a_rule_that_binds_a_new_tensor_instead_of_changing_x_is_refused(shape, dtype):
    class Rebinding(ExampleMomentum):
        @staticmethod
        def update(x, g, b, *, k, t, mu):
            b.mul_(mu).add_(g)
            x = x - t * b

    with pytest.raises(RuntimeError, match=r"Rebinding\.update must change x in place"):
        Rebinding([leaf(*shape, dtype=dtype)]).step()


@pytest.mark.parametrize("method", [SGD, ExampleMomentum])
def test_a_rule_for_lists_that_binds_new_tensors_is_refused(method):
    class Rebinding(method):
        @staticmethod
        def update_list(x, g, b=None, *, t, k=None, mu=None):
            x = torch._foreach_sub(x, g, alpha=t)

    with pytest.raises(RuntimeError, match=r"Rebinding\.update_list must change x in place"):
        Rebinding([leaf(4)]).step()


def test_a_step_in_inference_mode_is_taken():
    for method in (SGD, Adam):
        p, large = leaf(4), leaf(300, 200)
        before = p.detach().clone(), large.detach().clone()
        with torch.inference_mode():
            method([p, large]).step()
        assert not torch.equal(p, before[0])
        assert not torch.equal(large, before[1])


def test_parameters_of_one_shape_that_take_turns_do_not_mix():
    ours, theirs = [leaf(4, seed=i) for i in (1, 2)], [leaf(4, seed=i) for i in (1, 2)]
    a, b = Adam(ours), torch.optim.Adam(theirs)
    for k in range(6):
        for params, optimizer in [(ours, a), (theirs, b)]:
            params[k % 2].grad, params[1 - k % 2].grad = torch.full((4,), k + 1.0), None
            optimizer.step()
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y)


@pytest.mark.parametrize("size", [4, SMALL["cpu"], 2 * CHUNK + 7])
def test_complex_gradients_may_lie_anyhow_in_memory(size):
    """Every second element, one element for all, and a conjugate."""
    for g in (
        torch.randn(2 * size, dtype=torch.complex64)[::2],
        torch.randn(1, dtype=torch.complex64).expand(size),
        torch.randn(size, dtype=torch.complex64).conj(),
    ):
        ours, theirs = (torch.ones(size, dtype=torch.complex64).requires_grad_() for _ in "ab")
        ours.grad, theirs.grad = g, g.resolve_conj()  # torch cannot take it as it is
        Adam([ours]).step()
        torch.optim.Adam([theirs]).step()
        torch.testing.assert_close(ours, theirs)


def test_states_of_parameters_without_gradients_do_not_keep_the_memory_of_others():
    params = [leaf(100, 100, seed=i) for i in range(10)]
    optimizer = Adam(params)
    for p in params:
        optimizer.step()
        p.grad = None
    optimizer.step()
    for state in optimizer.state.values():
        assert state["exp_avg"].untyped_storage().nbytes() <= 2 * 100 * 100 * 4


def test_two_storages_of_one_memory_lose_no_step():
    same = np.zeros(12, "f4")
    p, q = (torch.from_numpy(same).requires_grad_() for _ in "pq")
    p.grad, q.grad = torch.ones(12), torch.ones(12)
    Adam([p, q], lr=1.0).step()
    assert np.allclose(same, -2)
