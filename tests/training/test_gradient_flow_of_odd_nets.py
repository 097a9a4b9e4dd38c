"""Nets with complex weights, and with layers of no weights."""

import warnings

import pytest
import torch
from torch import nn

from course_lib.methods import SGD
from course_lib.training import GradientFlow


def watched(model, x):
    optimizer = SGD(model.parameters(), lr=0.0)
    with GradientFlow(model, optimizer, activations=True) as flow:
        for _ in range(2):
            optimizer.zero_grad()
            model(x).abs().square().sum().backward()
            optimizer.step()
    return flow


def test_complex_numbers_count_by_their_magnitude():
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(n, 2, dtype=torch.complex128) for n in (3, 2)))
    x = torch.randn(5, 3, dtype=torch.complex128)
    flow = watched(model, x)
    hidden = model[0](x)
    expected = [hidden, model[1](hidden)]
    for j, layer in enumerate(model):
        assert flow.weights[-1, j] == pytest.approx(layer.weight.abs().square().sum().sqrt().item())
        norm = layer.weight.grad.abs().square().sum().sqrt().item()
        assert flow.gradients[-1, j] == pytest.approx(norm)
        mean = expected[j].abs().square().mean().sqrt().item()
        assert flow.activations[-1, j] == pytest.approx(mean)
    last = (2 * expected[1]).abs().square().sum().sqrt().item()
    assert flow.activation_gradients[-1, 1] == pytest.approx(last)


def test_a_layer_of_no_weights_has_no_mean_and_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch, of weights that are none
        model = nn.Sequential(nn.Linear(3, 0), nn.Linear(0, 3), nn.Linear(3, 3), nn.Linear(3, 1))
    flow = watched(model, torch.ones(2, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.tensor(flow.per_weight).isnan().tolist() == 2 * [[True, True, False, False]]
        assert flow.verdict().first == "2"
