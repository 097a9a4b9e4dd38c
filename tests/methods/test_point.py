"""What is known about a function at a place, and what it costs to know it."""

import pytest
import torch
from torch import nn

from course_lib.methods import Point
from course_lib.methods.flat import FlatParameters
from course_lib.methods.oracle import Oracle
from course_lib.training import BatchClosure, FunctionClosure


def f(x):
    return (x**3).sum() + x[0] * x[1] ** 2


def point_of(closure, params, **options):
    oracle = Oracle(closure, FlatParameters(params))
    return Point(oracle.start, oracle, **options)


def start():
    return torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64, requires_grad=True)


def plain(x):
    def closure():
        x.grad = None
        loss = f(x)
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("kind", ["function", "plain"])
def test_answers_are_those_of_autograd(kind):
    x = start()
    point = point_of(FunctionClosure(f, x) if kind == "function" else plain(x), [x])
    v = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    hessian = torch.func.hessian(f)(x.detach())
    assert point.value == f(x).item()
    assert torch.equal(point.gradient, torch.func.grad(f)(x.detach()))
    torch.testing.assert_close(point.hessian_product(v), hessian @ v)
    torch.testing.assert_close(point.hessian(), hessian)
    assert point.slope(v) == pytest.approx((torch.func.grad(f)(x.detach()) @ v).item())
    assert x.grad is not None
    assert not x.grad.requires_grad


def test_nothing_is_evaluated_twice():
    x = start()
    closure = FunctionClosure(f, x)
    point, d = point_of(closure, [x], hessian=True), torch.ones(3, dtype=torch.float64)
    for _ in range(3):
        _ = point.gradient, point.value, point.move(0.5, d).value
        _ = point.move(0.5, d).gradient
    assert dict(closure.touched) == {"gradient": 2, "value": 1}


def test_products_cost_no_further_gradient_and_survive_a_move():
    x = start()
    closure = FunctionClosure(f, x)
    point, d = point_of(closure, [x], hessian=True), torch.ones(3, dtype=torch.float64)
    before = point.hessian_product(d)
    _ = point.move(1.0, d).gradient
    assert torch.equal(point.hessian_product(d), before)
    assert closure.touched["gradient"] == 2
    assert closure.touched["hessian"] == 2


def test_the_loss_alone_is_asked_for_where_the_closure_can_tell_it():
    x = start()
    closure = FunctionClosure(f, x)
    point = point_of(closure, [x])
    want = f(x.detach() + 1).item()
    assert point.move(1.0, torch.ones(3, dtype=torch.float64)).value == want
    assert dict(closure.touched) == {"gradient": 0, "value": 1}


def test_trials_of_which_only_the_value_was_asked_hold_no_vector():
    x = torch.zeros(100_000, dtype=torch.float64, requires_grad=True)
    point = point_of(FunctionClosure(lambda x: (x**2).sum(), x), [x])
    d = -torch.ones_like(x.detach())
    trials = [point.move(1 / (1 + j), d) for j in range(20)]
    assert all(trial.value == pytest.approx(1e5 / (1 + j) ** 2) for j, trial in enumerate(trials))
    kept = [trial for trial in trials if trial.x is trial.x]
    assert kept == []
    _ = trials[3].gradient
    assert trials[3].x is trials[3].x
    assert torch.equal(trials[3].x, d / 4)


def test_a_batch_of_a_net_is_differentiated_twice():
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(6, 2, generator=generator), torch.randn(6, 1, generator=generator)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    closure = BatchClosure(model, nn.functional.mse_loss, data, slice(0, 4))
    part = [model[0].weight, model[2].bias]
    point = point_of(closure, part, hessian=True)
    v = torch.randn(point.size, generator=generator)

    def loss(weight, bias):
        named = {"0.weight": weight, "2.bias": bias}
        outputs = torch.func.functional_call(model, named, data[0][:4])
        return nn.functional.mse_loss(outputs, data[1][:4])

    blocks = torch.func.hessian(loss, argnums=(0, 1))(*(p.detach() for p in part))
    rows = [torch.cat([b.reshape(p.numel(), -1) for b in row], 1)
            for row, p in zip(blocks, part, strict=True)]  # fmt: skip
    torch.testing.assert_close(point.hessian_product(v), torch.cat(rows) @ v)
    assert model[0].bias.grad is not None
    assert dict(closure.touched) == {"gradient": 4, "value": 0, "hessian": 4}


def test_a_linear_function_has_a_zero_hessian():
    x = start()
    point = point_of(FunctionClosure(lambda x: x.sum(), x), [x])
    assert torch.equal(point.hessian(), torch.zeros(3, 3, dtype=torch.float64))


def test_a_closure_that_sets_gradients_by_hand_cannot_tell_the_hessian():
    x = start()

    def closure():
        x.grad = torch.func.grad(f)(x.detach())
        return f(x)

    assert torch.equal(point_of(closure, [x]).gradient, x.grad)
    with pytest.raises(TypeError, match=r"loss\.backward\(\) or have with_hessian\(\)"):
        point_of(closure, [x]).hessian()


@pytest.mark.parametrize(
    ("t", "d", "error", "message"),
    [
        (float("nan"), torch.ones(3, dtype=torch.float64), ValueError, "t must be a finite"),
        (1.0, torch.ones(2, dtype=torch.float64), ValueError, r"d must have shape \(3,\)"),
        (1.0, torch.ones(3), TypeError, r"d must be a tensor of dtype torch\.float64"),
        (1.0, None, TypeError, "d must be a tensor"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(t, d, error, message):
    x = start()
    with pytest.raises(error, match=message):
        point_of(FunctionClosure(f, x), [x]).move(t, d)


def test_products_with_vectors_of_another_shape_are_refused():
    x = start()
    with pytest.raises(ValueError, match=r"v must have shape \(3,\)"):
        point_of(FunctionClosure(f, x), [x]).hessian_product(torch.ones(2, dtype=torch.float64))
