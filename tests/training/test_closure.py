import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.training import BatchClosure, NonFiniteLossError

X = torch.randn(8, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = X @ torch.tensor([[1.0], [2.0]], dtype=torch.float64)


@pytest.fixture
def model():
    return nn.Linear(2, 1).double()


def closure_on(model, indices=slice(0, 8), **options):
    return BatchClosure(model, F.mse_loss, (X, Y), indices, **options)


def test_gradients_are_those_of_the_batch_and_replace_what_was_there(model):
    indices = torch.tensor([3, 1, 3])
    closure = closure_on(model, indices)
    for _ in range(2):
        loss = closure()
    expected = F.mse_loss(model(X[indices]), Y[indices])
    assert loss.item() == expected.item()
    assert not loss.requires_grad
    gradients = torch.autograd.grad(expected, list(model.parameters()))
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))


def test_value_and_outputs_leave_gradients_alone(model):
    closure = closure_on(model)
    closure()
    before = [p.grad for p in model.parameters()]
    assert closure.value().item() == F.mse_loss(model(X), Y).item()
    assert torch.equal(closure.outputs(), model(X))
    assert closure.outputs().requires_grad
    with torch.no_grad():
        assert not closure.outputs().requires_grad
    assert all(p.grad is g for p, g in zip(model.parameters(), before, strict=True))


def test_samples_are_counted_by_kind_over_all_relatives(model):
    closure = closure_on(model, slice(0, 5), generator=torch.Generator().manual_seed(0))
    closure()
    closure.value()
    other = closure.on(torch.tensor([1, 2]))
    other()
    other.outputs()
    closure.sample(3).value()
    assert closure.touched == {"gradient": 5 + 2, "value": 5 + 2 + 3}
    assert other.touched is closure.touched
    assert (closure.size, other.size) == (5, 2)


def test_samples_come_from_the_generator_and_differ_from_draw_to_draw(model):
    def draws(seed):
        closure = closure_on(model, generator=torch.Generator().manual_seed(seed))
        return [closure.sample(3).indices.tolist() for _ in range(6)]

    assert draws(1) == draws(1) != draws(2)
    assert len({tuple(draw) for draw in draws(1)}) > 1
    assert all(len(set(draw)) == 3 for draw in draws(1))


def test_sampling_says_what_it_needs(model):
    with pytest.raises(ValueError, match="generator"):
        closure_on(model).sample(3)
    closure = closure_on(model, generator=torch.Generator())
    for n in (0, 9):
        with pytest.raises(ValueError, match=f"n must be an integer from 1 to 8, got {n}"):
            closure.sample(n)


def test_a_guarded_closure_checks_its_first_loss_alone(model):
    closure = closure_on(model).on(slice(0, 8), guarded=True)
    closure()
    with torch.no_grad():
        model.weight.fill_(float("inf"))
    assert not closure.value().isfinite()
    for ask in (lambda c: c(), lambda c: c.value()):
        with pytest.raises(NonFiniteLossError, match="parameters are already not finite"):
            ask(closure.on(slice(0, 8), guarded=True))
        assert not ask(closure.on(slice(0, 8))).isfinite()


def test_a_loss_with_parameters_gets_gradients_too(model):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

        def forward(self, outputs, targets):
            return self.scale * F.mse_loss(outputs, targets)

    loss = Scaled()
    closure = BatchClosure(model, loss, (X, Y), slice(0, 8))
    closure()
    assert closure().item() == pytest.approx(loss.scale.grad.item())


def test_a_closure_without_parameters_is_refused():
    with pytest.raises(ValueError, match="parameters must hold at least one tensor"):
        BatchClosure(lambda x: x, F.mse_loss, (X, Y), slice(0, 8))


def test_batches_go_to_the_device_of_the_parameters():
    model = nn.Linear(2, 1, device="meta", dtype=torch.float64)
    x, y = closure_on(model).batch
    assert x.device.type == y.device.type == "meta"


def hessian_blocks(model, parameters, indices):
    """The Hessian of the batch loss in some parameters, by another route."""
    names = [name for name, p in model.named_parameters() if any(p is q for q in parameters)]

    def loss(*values):
        outputs = torch.func.functional_call(
            model, dict(zip(names, values, strict=True)), X[indices]
        )
        return F.mse_loss(outputs, Y[indices])

    order = tuple(range(len(parameters)))
    return torch.func.hessian(loss, argnums=order)(*(p.detach() for p in parameters))


def test_products_with_the_hessian_are_those_of_the_batch_loss():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    indices = torch.tensor([3, 1, 3])
    closure = closure_on(model, indices)
    loss, product = closure.with_hessian()
    assert loss.item() == F.mse_loss(model(X[indices]), Y[indices]).item()
    gradients = [p.grad for p in model.parameters()]
    closure()
    for p, g in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(p.grad, g, rtol=1e-14, atol=1e-14)
        assert not g.requires_grad
    generator = torch.Generator().manual_seed(0)
    parameters = list(model.parameters())
    vectors = [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in parameters]
    blocks = hessian_blocks(model, parameters, indices)
    want = [
        sum(torch.tensordot(block, v, dims=v.dim()) for block, v in zip(row, vectors, strict=True))
        for row in blocks
    ]
    torch.testing.assert_close(product(vectors), want)
    assert closure.touched == {"gradient": 6, "value": 0, "hessian": 3}


def test_products_may_be_asked_for_in_some_parameters_alone():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    part = [model[2].bias, model[0].bias]
    model[2].weight.requires_grad_(False)
    _, product = closure_on(model).with_hessian(part)
    vectors = [torch.ones_like(p) for p in part]
    blocks = hessian_blocks(model, part[::-1], slice(0, 8))
    torch.testing.assert_close(product(vectors)[0], blocks[1][0].sum(1) + blocks[1][1].sum(1))
    assert model[0].weight.grad is not None


def test_a_guarded_closure_checks_its_loss_before_products_too(model):
    with torch.no_grad():
        model.weight.fill_(float("inf"))
    with pytest.raises(NonFiniteLossError, match="parameters are already not finite"):
        closure_on(model).on(slice(0, 8), guarded=True).with_hessian()
