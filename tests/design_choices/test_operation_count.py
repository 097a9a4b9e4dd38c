import pytest
import torch
import torch.nn.functional as F

from course_lib.design_choices import ACTIVATIONS, count_operations


def names(function):
    return count_operations(function).names


def test_operations_are_written_down_in_order():
    assert names(lambda x: x) == ()
    assert names(lambda x: torch.exp(-x) + 1) == ("neg", "exp", "add")
    assert names(lambda x: x.clone().mul_(2).add_(1)) == ("mul", "add")
    assert names(lambda x: torch.where(x > 0, x, 0)) == ("gt", "where")


def test_copies_types_and_constants_are_free():
    assert names(lambda x: x.detach().clone().float().double() + torch.ones(3).sum()) == ("add",)


@pytest.mark.parametrize(
    ("function", "transcendental"),
    [
        (lambda x: x * x + x.square() + x**3, 0),
        (lambda x: x.abs() ** 0.5, 1),
        (lambda x: x.abs().sqrt(), 0),
        (lambda x: x.sin() + x.exp().log1p(), 3),
        (torch.tanh, 1),
        (torch.sigmoid, 1),
        (F.mish, 3),
    ],
)
def test_transcendental_ones_are_told_apart(function, transcendental):
    assert count_operations(function).transcendental == transcendental


def test_what_torch_does_in_one_go_is_taken_apart():
    assert names(F.silu) == ("neg", "exp", "add", "div", "mul")
    assert count_operations(F.gelu).names.count("erf") == 1
    assert count_operations(F.gelu).total > 3
    assert count_operations(F.softplus).transcendental == 2


def test_the_piecewise_linear_activations_need_no_transcendental_operation():
    none = {
        key for key, a in ACTIVATIONS.items() if not count_operations(a.function).transcendental
    }
    assert none == {"sign", "relu", "leaky_relu", "absolute"}
    assert names(ACTIVATIONS["sigmoid"].function).count("exp") == 1


def test_counting_stops_when_it_is_done():
    inside = count_operations(torch.exp)
    torch.exp(torch.ones(8, dtype=torch.float64))
    assert inside.names == ("exp",)


@pytest.mark.parametrize("default", [torch.float16, torch.float64])
def test_torchs_default_type_and_device_do_not_matter(default):
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        with torch.device("meta"):
            assert count_operations(torch.exp).total == 1
    finally:
        torch.set_default_dtype(before)


def test_what_is_no_elementwise_function_is_refused():
    with pytest.raises(TypeError, match="function must be a function of a tensor, got 3"):
        count_operations(3)
    with pytest.raises(ValueError, match=r"tensor of shape \(8,\), got shape \(\)"):
        count_operations(torch.sum)
    with pytest.raises(ValueError, match=r"tensor of shape \(8,\), got 1"):
        count_operations(lambda x: 1)
