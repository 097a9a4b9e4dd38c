import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.methods import SGD
from course_lib.training import GradientFlow, fit
from course_lib.training.flow_verdict import judge_flow
from tests.training.small_net import net, regression
from tests.training.test_gradient_flow import backward, deep

X, Y = regression()


def recorded(model, steps=2, **options):
    optimizer = SGD(model.parameters(), lr=0.01)
    with GradientFlow(model, optimizer, **options) as flow:
        fit(model, (X, Y), nn.functional.mse_loss, optimizer, steps=steps)
    return flow


@pytest.mark.parametrize(
    ("first", "name"), [(1000.0, "vanishing"), (1.0, "even"), (0.001, "exploding")]
)
def test_the_verdict_on_a_product_is_that_of_its_derivatives(first, name):
    # F = x w_1 ... w_L has dF/dw_l = F / w_l, so that first over last is w_L / w_1.
    weights = [first, 3.0, 0.5, 1.0]
    model = nn.Sequential(*(nn.Linear(1, 1, bias=False) for _ in weights)).double()
    for part, weight in zip(model, weights, strict=True):
        nn.init.constant_(part.weight, weight)
    with GradientFlow(model) as flow:
        model(torch.ones(1, 1, dtype=torch.float64)).sum().backward()
        flow.record()
    np.testing.assert_allclose(flow.gradients[0], np.prod(weights) / weights, rtol=1e-12)
    verdict = flow.verdict()
    assert (verdict.name, verdict.first, verdict.last) == (name, "0", "3")
    assert verdict.ratio == pytest.approx(1 / first)
    assert verdict.per_layer**3 == pytest.approx(1 / first)
    said = f"a typical entry of the gradient in layer 0 is {1 / first:.2g} times one in layer 3"
    assert str(verdict).startswith(f"{name}: {said}")
    assert flow.verdict(factor=2000).name == "even"


def test_deep_nets_vanish_with_small_slopes_and_explode_with_large_weights():
    assert recorded(deep(nn.Sigmoid, depth=8)).verdict().name == "vanishing"
    model = deep(nn.Tanh, depth=20, width=100)
    for part in model[2:-1:2]:
        nn.init.normal_(part.weight, std=6 / 100**0.5)
    assert recorded(model).verdict().name == "exploding"


@pytest.mark.parametrize(
    ("sizes", "name", "ratio"),
    [
        ([[0.0, 1e-3, 1.0]], "vanishing", 0.0),
        ([[0.0, 0.0, 0.0]], "vanishing", np.nan),
        ([[1.0, 1.0, 0.0]], "exploding", np.inf),
        ([[np.inf, 1.0, 1.0]], "not finite", np.nan),
        ([[np.nan, 1.0, 1.0]], "even", 1.0),
        ([[1.0, 9, 2.0], [3.0, 9, 2.0], [5.0, 9, 2.0]], "even", 1.5),
    ],
)
def test_verdicts_at_the_edges(sizes, name, ratio):
    verdict = judge_flow(["a", "b", "c"], np.array(sizes), 100)
    assert verdict.name == name
    np.testing.assert_equal(verdict.ratio, ratio)
    assert name in str(verdict)


def test_a_run_that_blows_up_is_not_finite():
    model = net()
    flow = GradientFlow(model)
    (model(X).sum() * torch.inf).backward()
    flow.record()
    assert flow.verdict().name == "not finite"


def test_the_profile_is_the_median_and_the_range_over_the_steps():
    flow = recorded(deep(), steps=5, activations=True)
    for quantity in ("gradients", "weights", "relative", "per_weight", "activations"):
        profile, values = flow.profile(quantity), getattr(flow, quantity)
        np.testing.assert_array_equal(profile.middle, np.median(values, axis=0))
        np.testing.assert_array_equal([profile.low, profile.high], [values.min(0), values.max(0)])
        assert profile.layers == flow.layers
        assert profile.places.tolist() == [1, 2, 3, 4]


def test_the_table_has_a_row_for_each_step_and_layer():
    flow = recorded(deep(), steps=3, activations=True)
    table = flow.table()
    assert list(table) == [
        "step", "layer", "name", "gradients", "weights", "relative", "per_weight",
        "activations", "activation_gradients",
    ]  # fmt: skip
    for row in range(12):
        step, layer = table["step"][row] - 1, table["layer"][row] - 1
        assert table["name"][row] == flow.layers[layer]
        for name in list(table)[3:]:
            assert table[name][row] == getattr(flow, name)[step, layer]
    assert "activations" not in recorded(deep()).table()


def test_hooks_are_removed():
    model = deep()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with GradientFlow(model, optimizer, activations=True) as flow:
        backward(model)
        optimizer.step()
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    backward(model)
    optimizer.step()
    assert len(flow.steps) == 1


def test_hooks_are_removed_when_the_block_ends_in_an_error():
    model = deep()
    with pytest.raises(KeyError), GradientFlow(model):
        raise KeyError
    assert not model._forward_pre_hooks


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_of_a_watched_model_are_not_watched(copied):
    model = deep()
    flow = GradientFlow(model, activations=True)
    backward(model)
    other = copied(model)
    backward(other, 100 * X)
    flow.record()
    alone = GradientFlow(model, activations=True)
    backward(model)
    alone.record()
    np.testing.assert_array_equal(flow.activations, alone.activations)
    np.testing.assert_array_equal(flow.activation_gradients, alone.activation_gradients)


def test_a_stored_model_does_not_carry_its_monitor_along():
    model = deep()
    GradientFlow(model, activations=True)
    assert b"LayerPasses" not in pickle.dumps(model)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_keeps_the_records_and_watches_nothing(copied):
    model = deep()
    flow = GradientFlow(model, activations=True)
    backward(model)
    flow.record()
    kept = copied(flow)
    flow.record()
    assert (len(flow.steps), len(kept.steps)) == (2, 1)
    np.testing.assert_array_equal(kept.activation_gradients, flow.activation_gradients[:1])
    assert kept.layers == flow.layers


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_low_precision_is_measured_in_full(dtype):
    model = deep(nn.Sigmoid, depth=6, dtype=dtype)
    flow = GradientFlow(model)
    (model(X.to(dtype)).square().mean() * 1e-2).backward()
    flow.record()
    exact = [part.weight.grad.double().norm().item() for part in model[::2]]
    np.testing.assert_allclose(flow.gradients[0], exact, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": "net"}, TypeError, "model must be a torch.nn.Module, got str"),
        ({"model": nn.Tanh()}, ValueError, "model must have a layer with weights of two or more"),
        ({"model": nn.LazyLinear(3)}, ValueError, "pass data through its lazy modules first"),
        ({"optimizer": "sgd"}, TypeError, "optimizer must be a torch.optim.Optimizer or None"),
        ({"optimizer": SGD}, TypeError, "make it from the model's parameters first"),
        ({"optimizer": SGD(net().parameters(), lr=1)}, ValueError, "holds none of those watched"),
        ({"layers": "0"}, TypeError, "layers must be names of modules or None, got '0'"),
        ({"layers": ["0", "1"]}, ValueError, r"layers must be names out of \['0', '2'\], got '1'"),
        ({"layers": []}, ValueError, "at least one name"),
        ({"activations": "yes"}, TypeError, "activations must be True or False, got 'yes'"),
        ({"every": 0}, ValueError, "every must be an integer of at least 1, got 0"),
    ],
)
def test_bad_arguments_are_refused_and_leave_no_hook(options, error, message):
    options = {"model": net(), **options}
    with pytest.raises(error, match=message):
        GradientFlow(**options)
    if isinstance(options["model"], nn.Sequential):
        assert not options["model"]._forward_pre_hooks


def test_what_was_not_recorded_is_refused():
    model = net()
    flow = GradientFlow(model)
    with pytest.raises(ValueError, match="call backward\\(\\) first"):
        flow.record()
    for ask in (flow.profile, flow.verdict):
        with pytest.raises(ValueError, match="nothing has been recorded yet"):
            ask()
    assert flow.gradients.shape == (0, 2)
    assert len(flow.table()["step"]) == 0
    backward(model)
    flow.record()
    with pytest.raises(ValueError, match="recorded with activations=True only"):
        flow.profile("activations")
    with pytest.raises(ValueError, match=r"quantity must be one of gradients, .*, got 'norms'"):
        flow.profile("norms")
    with pytest.raises(ValueError, match="factor must be a finite number above 1, got 1"):
        flow.verdict(factor=1)
    one = GradientFlow(model, layers=["2"])
    one.record()
    with pytest.raises(ValueError, match="gradients in two layers or more, got 1"):
        one.verdict()


def test_only_the_layers_named_are_watched():
    flow = recorded(deep(), layers=["4", "0"])
    assert flow.layers == ("0", "4")
    np.testing.assert_array_equal(flow.gradients, recorded(deep()).gradients[:, [0, 2]])
