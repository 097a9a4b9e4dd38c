"""Which states and which parameters a method that asks its closure several times a step takes."""

import copy
import pickle

import pytest
import torch

from course_lib.methods import BFGS, LBFGS, GradientDescent, NonlinearCG, TrustRegion
from tests.methods.bowl import bowl, closure_of, parameters, reload, run
from tests.methods.closure_catalogue import CLOSURE_CASES
from tests.methods.parameters import assert_same_bits

each = pytest.mark.parametrize("case", CLOSURE_CASES, ids=str)


@each
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_state_dict_continues_with_the_same_bits(case, dtype):
    params = parameters(dtype)
    method = case.make(params)
    run(method, params, 5)
    resumed = [p.detach().clone().requires_grad_() for p in params]
    other = reload(method, resumed, case)
    run(method, params, 5)
    run(other, resumed, 5)
    assert_same_bits(params, resumed)


@each
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))],
    ids=["copy", "pickle"],
)
def test_a_copy_continues_with_the_same_bits(case, duplicate):
    params = parameters()
    method = case.make(params)
    run(method, params, 5)
    resumed, other = duplicate((params, method))
    run(method, params, 5)
    assert not torch.equal(params[0], resumed[0])
    run(other, resumed, 5)
    assert_same_bits(params, resumed)
    run(reload(other, resumed, case), resumed, 1)  # the copy still saves its state


@each
def test_later_steps_do_not_change_a_saved_state(case):
    params = parameters()
    method = case.make(params)
    run(method, params, 3)
    saved = method.state_dict()
    want = copy.deepcopy(saved)
    run(method, params, 3)
    torch.testing.assert_close(saved["state"], want["state"], rtol=0, atol=0)


@each
def test_what_is_remembered_is_plain(case):
    """Only then can `torch.load` read it with `weights_only`, and `load_state_dict` move it."""
    params = parameters()
    method = case.make(params)
    run(method, params, 5)

    def check(memory):
        if isinstance(memory, dict):
            assert all(isinstance(key, str) for key in memory)
            for value in memory.values():
                check(value)
        elif isinstance(memory, list):
            for value in memory:
                check(value)
        elif isinstance(memory, torch.Tensor):
            assert memory.dtype == torch.float64
        else:
            assert memory is None or isinstance(memory, int | float)

    for state in method.state.values():
        check(state)


@pytest.mark.parametrize("other", [LBFGS, GradientDescent, NonlinearCG, TrustRegion])
def test_the_state_of_another_method_is_refused_and_changes_nothing(other):
    params = parameters()
    method = BFGS(params)
    run(method, params, 3)
    before = method.state_dict()
    strangers = parameters()
    stranger = other(strangers)
    run(stranger, strangers, 3)
    with pytest.raises(ValueError, match="state_dict must be one of BFGSDirection, got one of"):
        method.load_state_dict(stranger.state_dict())
    torch.testing.assert_close(method.state_dict()["state"], before["state"], rtol=0, atol=0)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_refuses_it_too(duplicate):
    stranger = BFGS(parameters())
    with pytest.raises(ValueError, match="state_dict must be one of LBFGSDirection"):
        duplicate(LBFGS(parameters())).load_state_dict(duplicate(stranger).state_dict())


@each
def test_a_state_of_an_elementwise_method_is_refused(case):
    params = parameters()
    adam = torch.optim.Adam(params)
    bowl(params).backward()
    adam.step()
    with pytest.raises(ValueError, match=r"state_dict must hold size and memory.*exp_avg"):
        case.make(params).load_state_dict(adam.state_dict())


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_goes_on_after_the_parameters_changed_their_dtype(case, dtype):
    """As `model.double()` does, which keeps the parameters and changes their data."""
    other = torch.float64 if dtype == torch.float32 else torch.float32
    params = parameters(dtype)
    method = case.make(params)
    run(method, params, 3)
    for p in params:
        p.data, p.grad = p.data.to(other), None
    before = bowl(params).item()
    run(method, params, 3)
    assert method.reason is None
    assert bowl(params).item() < before
    assert all(
        tensor.dtype == other for state in method.state.values() for tensor in _tensors(state)
    )


def _tensors(memory):
    if isinstance(memory, dict):
        memory = list(memory.values())
    if isinstance(memory, list):
        return [tensor for entry in memory for tensor in _tensors(entry)]
    return [memory] if isinstance(memory, torch.Tensor) else []


def test_a_wider_parameter_that_is_added_later_does_not_start_a_second_state():
    params = parameters(torch.float32)
    method = LBFGS(params)
    run(method, params, 2)
    method.add_param_group({"params": [torch.ones(2, dtype=torch.float64, requires_grad=True)]})
    with pytest.raises(ValueError, match=r"params must hold the 17 numbers.*got 19"):
        run(method, params, 1)


@each
def test_what_requires_no_gradient_is_left_out(case):
    """Whatever it holds: integers, numbers that are not finite, more than fits into a matrix."""
    frozen = [
        torch.tensor([2**60 + 1, -3]),
        torch.tensor([-torch.inf, torch.nan]),
        torch.zeros(10_000),
    ]
    before = copy.deepcopy(frozen)
    params, alone = parameters(), parameters()
    run(case.make([frozen[0], *params, *frozen[1:]]), params, 3)
    run(case.make(alone), alone, 3)
    assert_same_bits(params, alone)
    for p, q in zip(frozen, before, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0, equal_nan=True)


@each
@pytest.mark.parametrize("w", [torch.zeros(0, requires_grad=True), torch.zeros(3)])
def test_without_a_number_to_change_there_is_no_step(case, w):
    with pytest.raises(ValueError, match="at least one number that requires gradients, got 1"):
        case.make([w]).step(lambda: 1.0)


@each
@pytest.mark.filterwarnings("ignore:optimizer contains a parameter group with duplicate")
def test_a_parameter_given_twice_counts_once(case):
    params, once = parameters(), parameters()
    run(case.make([*params, params[0], params[2]]), params, 4)
    run(case.make(once), once, 4)
    assert_same_bits(params, once)


@each
def test_parameters_at_one_place_in_memory_are_refused(case):
    shared = torch.zeros(4, 4)
    for views in (
        [shared, shared[1:2]],
        [shared[:, 1], shared[2]],
        [torch.zeros(1).expand(3)],
        [torch.zeros(4, dtype=torch.complex64), None],
    ):
        if views[-1] is None:
            views[-1] = torch.view_as_real(views[0])
        params = [v.detach().requires_grad_() for v in views]
        method = case.make(params)
        with pytest.raises(ValueError, match="params must have numbers at places of their own"):
            method.step(closure_of(method, params))


@each
def test_parameters_side_by_side_in_one_storage_are_taken(case):
    shared = torch.linspace(1, 2, 8, dtype=torch.float64).reshape(4, 2)
    params = [shared[:, i].detach().requires_grad_() for i in range(2)]
    losses = run(case.make(params), params, 3)
    assert losses[-1] < losses[0]
