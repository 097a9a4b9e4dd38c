"""What every method takes, refuses, keeps and saves, as `torch.optim` does."""

import copy
import io
import pickle

import pytest
import torch

from tests.methods.parameters import assert_same_bits, each, parameters_of, plain, run, two_groups

pytestmark = pytest.mark.usefixtures("small_chunks")


@each
def test_a_run_rebuilt_from_a_checkpoint_has_the_same_bits(case):
    params = parameters_of(case, torch.float32)
    optimizer = case.make(two_groups(params, lr=0.02))
    run(optimizer, params, range(5))
    file = io.BytesIO()
    torch.save({"params": params, "optimizer": optimizer.state_dict()}, file)
    run(optimizer, params, range(5, 12))

    file.seek(0)
    saved = torch.load(file)
    rebuilt = saved["params"]
    resumed = case.make(two_groups(rebuilt))
    resumed.load_state_dict(saved["optimizer"])
    run(resumed, rebuilt, range(5, 12))
    assert_same_bits(rebuilt, params)
    assert resumed.param_groups[1]["lr"] == 0.02


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))],
    ids=["copy", "pickle"],
)
@plain
def test_a_copy_continues_with_the_same_bits_and_on_its_own(case, duplicate):
    params = parameters_of(case, torch.float32)
    optimizer = case.make(params)
    run(optimizer, params, range(3))
    twin_params, twin = duplicate((params, optimizer))
    before = [p.detach().clone() for p in params]
    run(twin, twin_params, range(3, 6))
    assert_same_bits(params, before)
    run(optimizer, params, range(3, 6))
    assert_same_bits(twin_params, params)
    twin.state_dict()


@plain
def test_what_is_saved_is_small_and_does_not_change(case):
    params = parameters_of(case, torch.float32)
    optimizer = case.make(params)
    run(optimizer, params, range(3))
    saved = optimizer.state_dict()
    states = [s for state in saved["state"].values() for s in state.values()]
    states = [s for s in states if isinstance(s, torch.Tensor)]
    for s in states:
        assert s.untyped_storage().nbytes() == s.numel() * s.element_size()
    before = [s.clone() for s in states]
    run(optimizer, params, range(3, 5))
    assert_same_bits(states, before)


@plain
def test_loads_what_torch_saved_and_torch_loads_what_this_saved(case):
    ours, theirs = parameters_of(case), parameters_of(case)
    a, b = case.make(ours), case.make_reference(theirs)
    run(a, ours, range(4))
    run(b, theirs, range(4))
    saved_by_torch = copy.deepcopy(b.state_dict())
    for state in saved_by_torch["state"].values():
        state.setdefault("step", torch.tensor(4.0))
    from_torch, to_torch = case.make(theirs), case.make_reference(ours)
    options = to_torch.state_dict()["param_groups"][0]
    from_torch.load_state_dict(saved_by_torch)
    saved = a.state_dict()
    saved["param_groups"][0] = {**options, **saved["param_groups"][0]}
    to_torch.load_state_dict(saved)
    run(from_torch, theirs, range(4, 8), all_present=True)
    run(to_torch, ours, range(4, 8), all_present=True)
    if "Momentum" not in type(a).__name__:  # torch keeps no step there, so k starts at 4 for all
        for x, y in zip(ours, theirs, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10)


@plain
def test_a_state_saved_in_another_dtype_is_taken_in(case):
    single, double = parameters_of(case, torch.float32), parameters_of(case, torch.float64)
    a, b = case.make(single), case.make(double)
    run(a, single, range(3))
    b.load_state_dict(a.state_dict())
    run(b, double, range(3, 5))
    for p in double:
        for value in b.state[p].values():
            assert not isinstance(value, torch.Tensor) or value.dtype == torch.float64


@plain
def test_a_group_added_later_is_stepped_with_its_own_options(case):
    ours, theirs = parameters_of(case), parameters_of(case)
    a, b = case.make(ours[:5]), case.make_reference(theirs[:5])
    run(a, ours, range(3))
    run(b, theirs, range(3))
    a.add_param_group({"params": ours[5:], "lr": 0.5})
    b.add_param_group({"params": theirs[5:], "lr": 0.5})
    run(a, ours, range(3, 6))
    run(b, theirs, range(3, 6))
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10)


@plain
def test_named_parameters_are_taken_and_saved(case):
    model = torch.nn.Linear(2, 3)
    named = [(name, p) for name, p in model.named_parameters() if case.takes(p)]
    saved = case.make(named).state_dict()
    assert saved["param_groups"][0]["param_names"] == [name for name, _ in named]


@plain
def test_a_parameter_given_twice_is_stepped_once(case):
    once, twice = parameters_of(case)[:1], parameters_of(case)[:1]
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = case.make(twice * 2)
    run(optimizer, twice, range(3), all_present=True)
    run(case.make(once), once, range(3), all_present=True)
    assert_same_bits(twice, once)


@plain
def test_wrong_parameters_are_refused_as_in_torch(case):
    w = torch.ones(1, 2, requires_grad=True)
    with pytest.raises(ValueError, match="empty parameter list"):
        case.make([])
    with pytest.raises(TypeError, match="iterable of Tensors"):
        case.make(w)
    with pytest.raises(TypeError, match="can only optimize Tensors"):
        case.make([1.0])
    with pytest.raises(ValueError, match="non-leaf"):
        case.make([w * 2])
    with pytest.raises(ValueError, match="more than one parameter group"):
        case.make([{"params": [w]}, {"params": [w]}])


@pytest.mark.parametrize("name", ["lr", "weight_decay"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), -float("inf")])
@plain
def test_bad_hyper_parameters_are_refused_by_name_and_value(case, name, value):
    w = torch.ones(1, 2, requires_grad=True)
    message = rf"^{name} must be a non-negative finite number, got {value!r}"
    with pytest.raises(ValueError, match=message):
        case.make([w], **{name: value})
    with pytest.raises(ValueError, match=message):
        case.make([{"params": [w], name: value}])
    optimizer = case.make([w])
    with pytest.raises(ValueError, match=message):
        optimizer.add_param_group({"params": [torch.ones(1, 1, requires_grad=True)], name: value})
    assert len(optimizer.param_groups) == 1


@plain
def test_tensor_lr_is_taken_and_must_have_one_element(case):
    ours, theirs = parameters_of(case), parameters_of(case)
    run(case.make(ours, lr=torch.tensor(0.25, dtype=torch.float64)), ours, range(3))
    run(case.make(theirs, lr=0.25), theirs, range(3))
    assert_same_bits(ours, theirs)
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        case.make(ours, lr=torch.tensor([0.1, 0.2]))
