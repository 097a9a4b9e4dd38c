from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.methods import SGD, GradientDescent, StochasticLineSearch
from course_lib.training import GradientFlow, NonFiniteLossError, fit
from course_lib.training.layer_passes import norm_of
from tests.training.small_net import net, regression, sgd

X, Y = regression()


def deep(activation=nn.Tanh, depth=4, width=5, n_in=3, dtype=torch.float64):
    torch.manual_seed(0)
    sizes = [n_in] + [width] * (depth - 1) + [1]
    parts = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), activation())]
    return nn.Sequential(*parts[:-1]).to(dtype)


def loss_of(model, x=X, y=Y):
    return nn.functional.mse_loss(model(x), y)


def backward(model, x=X, y=Y):
    model.zero_grad()
    loss_of(model, x, y).backward()


def test_norms_of_a_step_are_those_of_autograd():
    model = deep()
    linear = [part for part in model if isinstance(part, nn.Linear)]
    outputs, a = [], X
    for part in model:
        a = part(a)
        if isinstance(part, nn.Linear):
            outputs.append(a)
    loss = nn.functional.mse_loss(a, Y)
    by_weight = torch.autograd.grad(loss, [m.weight for m in linear], retain_graph=True)
    by_output = torch.autograd.grad(loss, outputs)

    with GradientFlow(model, activations=True) as flow:
        backward(model)
        flow.record()
    assert flow.layers == ("0", "2", "4", "6")
    expected = {
        "gradients": [g.norm() for g in by_weight],
        "weights": [m.weight.norm() for m in linear],
        "relative": [g.norm() / m.weight.norm() for g, m in zip(by_weight, linear, strict=True)],
        "per_weight": [g.square().mean().sqrt() for g in by_weight],
        "activations": [a.square().mean().sqrt() for a in outputs],
        "activation_gradients": [g.norm() for g in by_output],
    }
    for name, values in expected.items():
        values = [value.item() for value in values]
        np.testing.assert_allclose(getattr(flow, name), [values], rtol=1e-12, err_msg=name)


def by_hand(model, steps, lr):
    """Norms of gradients, and of weights before each step, of plain gradient descent."""
    gradients, weights = [], []
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    linear = [part for part in model if isinstance(part, nn.Linear)]
    for _ in range(steps):
        backward(model)
        gradients.append([part.weight.grad.norm().item() for part in linear])
        weights.append([part.weight.norm().item() for part in linear])
        optimizer.step()
    return np.array(gradients), np.array(weights)


@pytest.mark.parametrize("method", [torch.optim.SGD, SGD])
def test_fit_is_watched_through_the_optimizer(method):
    gradients, weights = by_hand(net(), 6, 0.05)
    model = net()
    optimizer = method(model.parameters(), lr=0.05)
    with GradientFlow(model, optimizer) as flow:
        fit(model, (X, Y), nn.functional.mse_loss, optimizer, steps=6)
    assert flow.steps.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(flow.gradients, gradients, rtol=1e-12)
    np.testing.assert_allclose(flow.weights, weights, rtol=1e-12)


@pytest.mark.parametrize("with_optimizer", [True, False])
def test_a_plain_loop_is_watched_by_either_way(with_optimizer):
    gradients, weights = by_hand(net(), 5, 0.1)
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    flow = GradientFlow(model, optimizer if with_optimizer else None)
    for _ in range(5):
        backward(model)
        if not with_optimizer:
            flow.record()
        optimizer.step()
    np.testing.assert_allclose(flow.gradients, gradients, rtol=1e-12)
    np.testing.assert_allclose(flow.weights, weights, rtol=1e-12)


def test_it_changes_nothing_in_a_run():
    runs = []
    for watched in (False, True):
        model = net()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        if watched:
            GradientFlow(model, optimizer, activations=True)
        history = fit(model, (X, Y), nn.functional.mse_loss, optimizer, epochs=3, batch_size=7)
        runs.append(history.losses)
    assert runs[0].tolist() == runs[1].tolist()


def test_a_method_that_asks_several_times_leaves_the_gradients_of_its_last_question():
    for make in (GradientDescent, StochasticLineSearch):
        model = net()
        optimizer = make(model.parameters())
        with GradientFlow(model, optimizer) as flow:
            fit(model, (X, Y), nn.functional.mse_loss, optimizer, steps=3)
        left = [part.weight.grad.norm().item() for part in model if isinstance(part, nn.Linear)]
        np.testing.assert_allclose(flow.gradients[-1], left, rtol=1e-12)


def test_only_every_so_many_steps_are_recorded():
    model = net()
    optimizer = sgd()(model.parameters())
    with GradientFlow(model, optimizer, every=3) as flow:
        fit(model, (X, Y), nn.functional.mse_loss, optimizer, steps=8)
    all_steps, _ = by_hand(net(), 8, 0.05)
    assert flow.steps.tolist() == [1, 4, 7]
    np.testing.assert_allclose(flow.gradients, all_steps[[0, 3, 6]], rtol=1e-12)


def test_evaluation_between_backward_and_step_is_not_mistaken_for_a_pass():
    model = deep()
    flow = GradientFlow(model, activations=True)
    backward(model)
    with torch.no_grad():
        model(1000 * X)
    flow.record()
    again = GradientFlow(model, activations=True)
    backward(model)
    again.record()
    np.testing.assert_allclose(flow.activations, again.activations)
    np.testing.assert_allclose(flow.activation_gradients, again.activation_gradients)


def test_each_pass_is_measured_by_itself():
    model = deep()
    flow = GradientFlow(model, activations=True)
    backward(model)
    flow.record()
    backward(model, 3 * X)
    flow.record()
    alone = GradientFlow(model, activations=True)
    backward(model, 3 * X)
    alone.record()
    np.testing.assert_array_equal(flow.activations[1], alone.activations[0])
    np.testing.assert_array_equal(flow.activation_gradients[1], alone.activation_gradients[0])


def test_a_failing_step_is_not_recorded_and_the_next_one_is():
    model = net()
    optimizer = sgd()(model.parameters())
    flow = GradientFlow(model, optimizer)
    with pytest.raises(NonFiniteLossError):
        fit(model, (X * torch.inf, Y), nn.functional.mse_loss, optimizer, steps=1)
    fit(model, (X, Y), nn.functional.mse_loss, optimizer, steps=2)
    assert flow.steps.tolist() == [1, 2]


class Backwards(nn.Module):
    """Holds its layers in the order opposite to that in which it calls them."""

    def __init__(self):
        super().__init__()
        self.last, self.first = nn.Linear(4, 1).double(), nn.Linear(3, 4).double()

    def forward(self, x):
        return self.last(self.first(x).tanh())


def test_layers_stand_in_the_order_of_the_pass():
    model = Backwards()
    flow = GradientFlow(model)
    assert flow.layers == ("last", "first")
    backward(model)
    flow.record()
    assert flow.layers == ("first", "last")
    norms = [model.first.weight.grad.norm().item(), model.last.weight.grad.norm().item()]
    np.testing.assert_allclose(flow.gradients, [norms])
    assert flow.sizes.tolist() == [12, 4]


class Recurrent(nn.Module):
    """Calls one module three times, and gives its outputs as a dictionary."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.Linear(3, 3).double(), Two()

    def forward(self, x):
        for _ in range(3):
            x = self.cell(x).tanh()
        return self.head(x)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, 3).double())

    def forward(self, x):
        return {"out": x @ self.weight.T, "rest": (x, x.argmax(dim=1))}


def test_a_shared_module_and_several_outputs_count_with_all_their_calls():
    torch.manual_seed(1)
    model = Recurrent()
    x, kept = X, []
    for _ in range(3):
        kept.append(model.cell(x))
        x = kept[-1].tanh()
    out = model.head(x)
    loss = nn.functional.mse_loss(out["out"], Y) + out["rest"][0].square().mean()
    rest = out["rest"][0]
    wanted = torch.autograd.grad(loss, [*kept, out["out"], rest], retain_graph=True)
    with GradientFlow(model, activations=True) as flow:
        model.zero_grad()
        out = model(X)
        loss = nn.functional.mse_loss(out["out"], Y) + out["rest"][0].square().mean()
        loss.backward()
        flow.record()
    cell = torch.cat([g.flatten() for g in wanted[:3]]).norm().item()
    head = torch.cat([g.flatten() for g in wanted[3:]]).norm().item()
    np.testing.assert_allclose(flow.activation_gradients, [[cell, head]], rtol=1e-12)
    rms = torch.cat([a.flatten() for a in kept]).square().mean().sqrt().item()
    np.testing.assert_allclose(flow.activations[0, 0], rms, rtol=1e-12)


def test_tied_weights_are_seen_in_both_layers():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3), nn.Linear(3, 1)).double()
    model[2].weight = model[0].weight
    backward(model)
    flow = GradientFlow(model)
    flow.record()
    assert flow.layers == ("0", "2", "3")
    assert flow.gradients[0, 0] == flow.gradients[0, 1] > 0


def test_convolutions_with_in_place_activations_and_normalisation():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
        nn.Conv2d(4, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 2),
    ).double()  # fmt: skip
    x = torch.randn(5, 1, 6, 6, dtype=torch.float64)
    with GradientFlow(model, activations=True) as flow:
        model(x).square().mean().backward()
        flow.record()
    assert flow.layers == ("0", "3", "6")
    before_relu = model[3](model[:3](x)).square().mean().sqrt().item()
    np.testing.assert_allclose(flow.activations[0, 1], before_relu, rtol=1e-12)
    for place, layer in enumerate((0, 3, 6)):
        norm = model[layer].weight.grad.norm().item()
        np.testing.assert_allclose(flow.gradients[0, place], norm, rtol=1e-12)


def test_recurrent_nets_and_attention_have_all_their_weights():
    torch.manual_seed(0)
    for layer in (nn.LSTM(3, 4, batch_first=True), nn.MultiheadAttention(4, 2, batch_first=True)):
        x = torch.randn(2, 5, 3 if isinstance(layer, nn.LSTM) else 4)
        with GradientFlow(layer, activations=True) as flow:
            out, _ = layer(x) if isinstance(layer, nn.LSTM) else layer(x, x, x)
            out.square().mean().backward()
            flow.record()
        assert (flow.gradients > 0).all()
        own = [p.grad for p in layer.parameters(recurse=False) if p.dim() == 2]
        np.testing.assert_allclose(flow.gradients[0, 0], norm_of(own).item(), rtol=1e-6)


def test_sparse_and_missing_gradients():
    embedding = nn.Embedding(10, 3, sparse=True)
    frozen = nn.Linear(3, 3).requires_grad_(False)
    model = nn.Sequential(embedding, frozen, nn.Linear(3, 1))
    with GradientFlow(model) as flow:
        model(torch.tensor([1, 1, 4])).square().sum().backward()
        flow.record()
    dense = embedding.weight.grad.to_dense().norm().item()
    np.testing.assert_allclose(flow.gradients[0, 0], dense, rtol=1e-6)
    assert np.isnan(flow.gradients[0, 1])
    assert flow.profile().middle[0] == flow.gradients[0, 0]
    assert np.isnan(flow.profile().middle[1])
    assert flow.verdict().first == "0"


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e30])
def test_norms_of_single_precision_neither_underflow_nor_overflow(scale):
    entries = torch.tensor([3.0, 4.0]) * scale
    np.testing.assert_allclose(norm_of([entries]).item(), 5 * scale, rtol=1e-6)
    assert norm_of([torch.tensor([1.0, torch.nan])]).item() == torch.inf
    assert np.isnan(norm_of([None]).item())
