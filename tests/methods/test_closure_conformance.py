"""What every method that asks its closure several times a step must do: run on all of them."""

import itertools

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim.lr_scheduler import ExponentialLR

from course_lib.methods import NoStepError, Point
from course_lib.methods.flat import FlatParameters
from course_lib.methods.oracle import Oracle
from course_lib.training import fit, minimize
from tests.methods.bowl import bowl, closure_of, parameters, reload, run
from tests.methods.closure_catalogue import CLOSURE_CASES
from tests.methods.parameters import assert_same_bits

each = pytest.mark.parametrize("case", CLOSURE_CASES, ids=str)
DTYPES = [torch.float32, torch.float64, torch.complex128]
HALF = [torch.bfloat16, torch.float16]


@each
def test_goes_down_a_bowl_in_a_plain_loop(case):
    params = parameters()
    losses = run(case.make(params), params, 30)
    assert losses[-1] <= case.factor * losses[0]
    if case.monotone:
        assert all(after <= before for before, after in itertools.pairwise(losses))


@each
def test_goes_down_a_bowl_in_minimize(case):
    def f(x):
        return bowl([x])

    start = torch.cat([p.detach().reshape(-1) for p in parameters()])
    path = minimize(f, start, case.make, steps=30)
    assert path.values[-1] <= case.factor * path.values[0]


@each
def test_a_closure_that_tells_more_leads_to_the_same_place(case):
    """`minimize` has `value()` and `with_hessian()`, a plain closure has neither."""
    params = parameters()
    start = torch.cat([p.detach().reshape(-1) for p in params])
    method = case.make(params)
    run(method, params, 5)
    path = minimize(lambda x: bowl([x]), start, case.make, steps=5)
    ours = torch.cat([p.detach().reshape(-1) for p in params])
    torch.testing.assert_close(ours, path.x[-1], rtol=1e-9, atol=1e-9)


@each
def test_trains_a_net_in_fit(case):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, generator=generator, dtype=torch.float64)
    y = torch.tanh(x @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    history = fit(model, (x, y), nn.functional.mse_loss, case.make, epochs=15)
    end = nn.functional.mse_loss(model(x), y).item()
    assert end < 0.8 * history.losses[0]
    assert history.samples[-1] >= 40 * len(history)


@each
def test_several_groups_are_one_vector(case):
    together, apart = parameters(), parameters()
    run(case.make(together), together, 4)
    run(case.make([{"params": apart[:1]}, {"params": apart[1:]}]), apart, 4)
    assert_same_bits(together, apart)


@each
def test_groups_with_different_hyper_parameters_are_refused(case):
    params = parameters()
    method = case.make([{"params": params[:2]}, {"params": params[2:]}])
    name = next(iter(method.defaults), None)
    if name is None:
        return
    method.param_groups[1][name] = method.param_groups[0][name] * 1.5
    before = [p.detach().clone() for p in params]
    with pytest.raises(ValueError, match=f"{name} must be the same in all groups"):
        method.step(closure_of(method, params))
    assert_same_bits(params, before)


@each
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_works_in_every_dtype(case, dtype):
    params = parameters(dtype)
    losses = run(case.make(params), params, 10)
    assert losses[-1] < losses[0]
    assert all(p.dtype == dtype for p in params)


@each
@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_works_in_half_precision(case, dtype):
    params = parameters(dtype)
    method = case.make(params)
    losses = run(method, params, 10)
    assert losses[-1] < losses[0], method.reason
    assert all(p.dtype == dtype and bool(p.isfinite().all()) for p in params)


@each
def test_takes_single_and_double_precision_at_once(case):
    def mixed():
        return [p.detach().to(d).requires_grad_() for p, d in zip(parameters(), kinds, strict=True)]

    def f(params):
        return bowl([p.double() for p in params])

    kinds = [torch.float32, torch.float64, torch.float32, torch.float64]
    params = mixed()
    method = case.make(params)
    losses = run(method, params, 5, f)
    assert losses[-1] < losses[0]
    resumed = [p.detach().clone().requires_grad_() for p in params]
    other = reload(method, resumed, case)
    run(method, params, 3, f)
    run(other, resumed, 3, f)
    assert_same_bits(params, resumed)


@each
def test_a_parameter_without_gradient_stays(case):
    params = parameters()
    unused = torch.ones(3, dtype=torch.float64, requires_grad=True)
    frozen = torch.ones(2, dtype=torch.float64)
    alone = parameters()
    run(case.make(alone), alone, 4)
    run(case.make([*params, unused, frozen]), params, 4)
    assert torch.equal(unused, torch.ones_like(unused))
    assert torch.equal(frozen, torch.ones_like(frozen))
    for p, q in zip(params, alone, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-9)


@each
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_moves_nothing_and_is_told(case, value):
    params = parameters()
    method = case.make(params)
    run(method, params, 2)
    before = [p.detach().clone() for p in params]
    state = method.state_dict()["state"]
    method.step(closure_of(method, params, lambda params: bowl(params) * value))
    assert "present parameters" in method.reason
    assert_same_bits(params, before)
    torch.testing.assert_close(method.state_dict()["state"], state, rtol=0, atol=0)
    run(method, params, 1)
    assert method.reason is None


@each
def test_an_error_in_the_closure_moves_nothing(case):
    """Wherever in the step it comes."""
    for asked in range(6):
        params = parameters()
        method = case.make(params)
        before = [p.detach().clone() for p in params]
        calls = []

        def f(params, calls=calls, asked=asked):
            calls.append(1)
            if len(calls) > asked:
                raise KeyboardInterrupt
            return bowl(params)

        try:
            method.step(closure_of(method, params, f))
        except KeyboardInterrupt:
            assert_same_bits(params, before)
        else:
            assert len(calls) <= asked


@each
def test_all_evaluations_of_a_step_see_the_same_random_numbers(case):
    """So a step on a noisy function is the step on one function, and leaves the generator so."""
    params, noisy = parameters(), parameters()
    seen = []

    def f(params):
        seen.append(torch.rand(()).item())
        return bowl(params)

    torch.manual_seed(7)
    method = case.make(noisy)
    method.step(closure_of(method, noisy, f))
    after = torch.rand(())
    torch.manual_seed(7)
    expected = torch.rand(()).item()
    assert set(seen) == {expected}
    assert torch.equal(after, torch.rand(()))
    run(case.make(params), params, 1)
    assert_same_bits(params, noisy)


@each
def test_returns_the_loss_before_the_step_and_runs_hooks_once(case):
    params = parameters()
    method = case.make(params)
    calls = []
    method.register_step_pre_hook(lambda *_: calls.append("before"))
    method.register_step_post_hook(lambda *_: calls.append("after"))
    want = bowl(params).item()
    with torch.no_grad():
        loss = method.step(torch.enable_grad()(closure_of(method, params)))
    assert loss.item() == want
    assert calls == ["before", "after"]


@each
def test_a_scheduler_of_torch_sets_the_learning_rate(case):
    params = parameters()
    method = case.make(params)
    if "lr" not in method.defaults:
        return
    schedule = ExponentialLR(method, 0.5)
    start = method.param_groups[0]["lr"]
    run(method, params, 1)
    schedule.step()
    assert method.param_groups[0]["lr"] == start / 2
    run(method, params, 1)


@each
@pytest.mark.parametrize("closure", [None, 3.0])
def test_a_step_without_closure_is_refused(case, closure):
    with pytest.raises(TypeError, match="step needs a closure"):
        case.make(parameters()).step(closure)


@each
def test_a_state_of_another_size_is_refused(case):
    params = parameters()
    method = case.make(params)
    run(method, params, 2)
    method.add_param_group({"params": [torch.ones(2, dtype=torch.float64, requires_grad=True)]})
    with pytest.raises(ValueError, match="params must hold the 17 numbers"):
        run(method, params, 1)


class _FakeClosure:
    """Gradients set by hand, since autograd does not run on a fake GPU."""

    def __init__(self, params):
        self.params = params

    def __call__(self):
        for p in self.params:
            p.grad = torch.empty_like(p)
        return torch.empty((), device="cuda", dtype=torch.float64)

    def value(self):
        return torch.empty((), device="cuda", dtype=torch.float64)

    def with_hessian(self, params):
        return self(), lambda vectors: [torch.empty_like(p) for p in params]


@each
@pytest.mark.parametrize("read", [1.0, -1.0])
def test_what_it_computes_stays_on_a_fake_gpu(case, read, monkeypatch):
    """Numbers that the host reads are all `read`; so both sides of a decision are taken."""
    monkeypatch.setattr(torch.Tensor, "item", lambda _: read, raising=False)
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda _: True, raising=False)
    monkeypatch.setattr(torch.Tensor, "__float__", lambda _: read, raising=False)
    monkeypatch.setattr(FlatParameters, "write", lambda *_: None)  # it would ask for a real GPU
    with FakeTensorMode():
        params = [
            torch.empty(s, device="cuda", dtype=torch.float64, requires_grad=True)
            for s in [(3, 2), (5,), ()]
        ]
        method = case.make(params)
        group = {name: abs(read) for name in method.defaults}
        memory = {}
        for _ in range(3):
            oracle = Oracle(_FakeClosure(params), FlatParameters(params))
            point = Point(oracle.start, oracle)
            try:
                if hasattr(method, "direction"):
                    known = memory.setdefault("direction", {})
                    found = method.direction(point, known)
                else:
                    found = method.advance(point, memory, group).x
            except (NoStepError, ValueError):  # a norm of -1 has no square root
                continue
            assert found.device.type == "cuda"
            assert found.dtype == torch.float64
