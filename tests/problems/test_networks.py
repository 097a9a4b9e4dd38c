import pytest
import torch
from torch import nn

from course_lib.problems import mlp


def test_layers_have_the_sizes_and_an_activation_between_them():
    net = mlp([5, 7, 3, 2], nn.Tanh)
    shapes = [m.weight.shape for m in net if isinstance(m, nn.Linear)]
    assert shapes == [(7, 5), (3, 7), (2, 3)]
    assert [isinstance(m, nn.Tanh) for m in net] == [False, True, False, True, False]
    assert len(mlp([5, 2])) == 1


def test_the_start_is_a_function_of_the_seed_and_leaves_global_random_numbers_alone():
    state = torch.get_rng_state()
    a, b, c = (mlp([4, 3, 2], seed=seed) for seed in (1, 1, 2))
    assert torch.equal(state, torch.get_rng_state())
    for p, q, r in zip(a.parameters(), b.parameters(), c.parameters(), strict=True):
        assert torch.equal(p, q)
        assert not torch.equal(p, r)
    generator = torch.Generator().manual_seed(0)
    first, second = mlp([4, 3], generator=generator), mlp([4, 3], generator=generator)
    assert not torch.equal(first[0].weight, second[0].weight)


def test_weights_have_the_spread_of_torchs_default():
    layer, default = mlp([300, 400])[0], nn.Linear(300, 400)
    for own, torchs in ((layer.weight, default.weight), (layer.bias, default.bias)):
        assert own.abs().max() <= 300**-0.5
        assert own.std().item() == pytest.approx(torchs.std().item(), rel=0.15)


def test_dtype_is_that_asked_for():
    assert {p.dtype for p in mlp([2, 2], dtype=torch.float64).parameters()} == {torch.float64}


@pytest.mark.parametrize(
    ("sizes", "kind", "message"),
    [
        ([3], ValueError, "sizes must hold at least two widths"),
        ([3, 0], ValueError, r"sizes\[1\] must be an integer of at least 1, got 0"),
        ([3, 2.0], TypeError, r"sizes\[1\]"),
        (5, TypeError, "sizes must be a sequence of at least two widths, got 5"),
    ],
)
def test_wrong_sizes_are_named(sizes, kind, message):
    with pytest.raises(kind, match=message):
        mlp(sizes)


@pytest.mark.parametrize("activation", [nn.ReLU(), None, "relu"])
def test_an_activation_that_is_a_module_already_is_refused(activation):
    with pytest.raises(TypeError, match=r"activation must be .*such as nn.ReLU without \(\), got"):
        mlp([2, 2], activation)


@pytest.mark.parametrize("options", [{"dtype": torch.int64}, {"dtype": "x"}, {"generator": 3}])
def test_other_arguments_out_of_range_are_named(options):
    (name,) = options
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be .*got"):
        mlp([2, 2], **options)


def test_an_activation_with_parameters_has_the_dtype_too():
    net = mlp([2, 2, 1], nn.PReLU, dtype=torch.float64)
    assert net(torch.ones(1, 2, dtype=torch.float64)).dtype == torch.float64


def test_an_activation_that_makes_no_module_is_refused():
    with pytest.raises(TypeError, match="activation must make"):
        mlp([2, 2], lambda: torch.relu)
