import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import course_lib.design_choices as dc
from course_lib.design_choices import ACTIVATIONS, Activation
from course_lib.problems import digits, mlp
from course_lib.training import fit
from tests.design_choices.test_activations import OURS, TORCH

MODULES = [dc.Sign, dc.Sigmoid, dc.Tanh, dc.ReLU, dc.LeakyReLU, dc.Absolute]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_module_computes_its_function(name):
    x = torch.linspace(-3, 3, 25)
    activation = ACTIVATIONS[name]
    module = activation.module()
    assert isinstance(module, nn.Module)
    assert torch.equal(module(x), activation.function(x))


@pytest.mark.parametrize("alpha", [0, 0.25, 1])
def test_a_module_uses_its_own_slope(alpha):
    x = torch.linspace(-3, 3, 25)
    assert torch.equal(dc.LeakyReLU(alpha)(x), F.leaky_relu(x, alpha))


@pytest.mark.parametrize("module", [*MODULES, lambda: dc.LeakyReLU(0.25)])
def test_a_module_survives_pickling_and_copying_and_has_no_state(module):
    made = module()
    x = torch.linspace(-3, 3, 25)
    for twin in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        assert torch.equal(twin(x), made(x))
        assert repr(twin) == repr(made)
    assert made.state_dict() == {}
    assert list(made.parameters()) == []


def test_modules_say_what_they_are():
    assert [repr(module()) for module in MODULES] == [
        "Sign()",
        "Sigmoid()",
        "Tanh()",
        "ReLU()",
        "LeakyReLU(alpha=0.01)",
        "Absolute()",
    ]
    assert repr(dc.LeakyReLU(1)) == "LeakyReLU(alpha=1.0)"


@pytest.mark.parametrize(
    ("alpha", "kind"), [(2.0, ValueError), (float("nan"), ValueError), (True, TypeError)]
)
def test_a_module_refuses_a_wrong_slope(alpha, kind):
    with pytest.raises(kind, match="alpha must be"):
        dc.LeakyReLU(alpha)


@pytest.mark.parametrize("name", [name for name in OURS if name != "sign"])
def test_a_net_trains_the_same_steps_as_with_torchs_activation(name):
    class Torchs(nn.Module):
        def forward(self, x):
            return TORCH[name](x)

    x, y = digits()
    losses = []
    for activation in (ACTIVATIONS[name].module, Torchs):
        net = mlp([64, 12, 10], activation, dtype=torch.float64)
        history = fit(
            net,
            (x[:200].double(), y[:200]),
            F.cross_entropy,
            lambda parameters: torch.optim.SGD(parameters, lr=0.1),
            steps=20,
        )
        losses.append(torch.as_tensor(history.losses))
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-12, atol=0)
    assert losses[0][-1] < losses[0][0]


def test_the_catalogue_cannot_be_changed_and_holds_what_it_says():
    with pytest.raises(TypeError):
        ACTIVATIONS["mine"] = ACTIVATIONS["relu"]
    with pytest.raises(AttributeError):
        ACTIVATIONS["relu"].name = "mine"
    assert all(isinstance(activation, Activation) for activation in ACTIVATIONS.values())
    assert OURS == ["sign", "sigmoid", "tanh", "relu", "leaky_relu", "absolute"]
    assert set(ACTIVATIONS) - set(OURS) == {"elu", "gelu", "silu", "softplus"}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_nothing_leaves_the_device_of_the_input(name, dtype):
    with FakeTensorMode():
        x = torch.empty(3, 5, device="cuda", dtype=dtype)
        for f in (ACTIVATIONS[name].function, ACTIVATIONS[name].derivative):
            result = f(x)  # a look at a number, such as .item(), would raise here
            assert result.device == x.device
            assert result.dtype is dtype
            assert result.shape == x.shape


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3, 4)])
def test_every_shape_is_kept(name, shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.bfloat16)
    for f in (ACTIVATIONS[name].function, ACTIVATIONS[name].derivative):
        assert f(x).shape == shape
        assert f(x).dtype is torch.bfloat16


@pytest.mark.parametrize("name", OURS)
def test_the_layout_in_memory_does_not_matter(name):
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    for f in (ACTIVATIONS[name].function, ACTIVATIONS[name].derivative):
        assert torch.equal(f(x.T), f(x).T)
        assert torch.equal(f(x[::2, 1::3]), f(x)[::2, 1::3])
        assert torch.equal(f(x[:1].expand(4, 6)), f(x[:1]).expand(4, 6))


@pytest.mark.parametrize("name", OURS)
def test_the_input_is_not_changed(name):
    x = torch.linspace(-2, 2, 9)
    ACTIVATIONS[name].function(x)
    assert torch.equal(x, torch.linspace(-2, 2, 9))


@pytest.mark.parametrize("name", OURS)
def test_only_the_input_is_kept_for_the_backward_pass(name):
    x = torch.linspace(-2, 2, 9, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        ACTIVATIONS[name].function(x)
    assert [t.data_ptr() for t in kept] == [x.data_ptr()]


@pytest.mark.parametrize("name", OURS)
def test_functional_transforms_give_what_torchs_function_gives(name):
    ours, torchs = ACTIVATIONS[name].function, TORCH[name]
    x = torch.tensor([-3.0, -0.5, 0.0, 0.7, 4.0], dtype=torch.float64)
    v = torch.linspace(1, 2, 5, dtype=torch.float64)
    func = torch.func
    for transform in (
        lambda f: func.vmap(func.grad(f))(x),
        lambda f: func.vmap(func.vmap(f))(x[:, None]),
        lambda f: func.jvp(f, (x,), (v,)),
        lambda f: func.vjp(f, x)[1](v),
        lambda f: func.jacfwd(f)(x),
        lambda f: func.jacrev(f)(x),
        lambda f: func.hessian(lambda z: (f(z) * v).sum())(x),
        lambda f: func.vmap(func.hessian(f))(x),
    ):
        torch.testing.assert_close(transform(ours), transform(torchs), rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", OURS)
def test_it_can_be_compiled_in_one_graph(name):
    f = ACTIVATIONS[name].function
    torch._dynamo.reset()
    compiled = torch.compile(lambda z: f(z) * 2, backend="aot_eager", fullgraph=True)
    x = torch.linspace(-25, 25, 101, requires_grad=True)
    assert torch.equal(compiled(x), f(x) * 2)
    (got,) = torch.autograd.grad(compiled(x).sum(), x)
    (expected,) = torch.autograd.grad((f(x) * 2).sum(), x)
    assert torch.equal(got, expected)
