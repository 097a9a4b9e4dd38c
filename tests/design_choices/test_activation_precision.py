import pytest
import torch

from course_lib.design_choices import ACTIVATIONS
from tests.design_choices.exact import units_in_the_last_place

OURS = [name for name, activation in ACTIVATIONS.items() if activation.in_lecture]


def every_number(dtype):
    """All 16-bit floating-point numbers of a type but infinities and NaN."""
    x = torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)
    return x[x.isfinite()]


def gradient(f, x):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(f(x).sum(), x)[0]


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_with_16_bits_every_number_is_mapped_to_within_6_units_in_the_last_place(name, dtype):
    x, activation = every_number(dtype), ACTIVATIONS[name]
    value, slope = activation.function(x.double()), activation.derivative(x.double())
    assert units_in_the_last_place(activation.function(x), value) <= 4
    assert units_in_the_last_place(activation.derivative(x), slope) <= 6
    assert units_in_the_last_place(gradient(activation.function, x), slope) <= 6


@pytest.mark.parametrize("name", ["elu", "gelu", "silu", "softplus"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_with_16_bits_derivatives_of_torchs_functions_are_right_to_round_off(name, dtype):
    x, derivative = every_number(dtype), ACTIVATIONS[name].derivative
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(derivative(x).double(), derivative(x.double()), rtol=0, atol=3 * eps)


@pytest.mark.parametrize("name", OURS)
def test_float32_agrees_with_float64_on_numbers_of_every_size(name):
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(-(2**31), 2**31, (100_000,), generator=generator)
    x = bits.to(torch.int32).view(torch.float32)
    x = torch.cat([x[x.isfinite()], torch.linspace(-110, 110, 50_001)])
    activation = ACTIVATIONS[name]
    assert units_in_the_last_place(activation.function(x), activation.function(x.double())) <= 4
    slope = activation.derivative(x.double())
    assert units_in_the_last_place(activation.derivative(x), slope) <= 6


@pytest.mark.parametrize(("name", "torchs"), [("sigmoid", torch.sigmoid), ("tanh", torch.tanh)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_derivatives_are_even_to_the_last_bit(name, torchs, dtype):
    x = torch.linspace(0, 60, 4001, dtype=dtype)
    f = ACTIVATIONS[name].function
    assert torch.equal(gradient(f, x), gradient(f, -x))


def test_torchs_gradient_of_the_sigmoid_is_lopsided_and_ours_is_not():
    x = torch.tensor([17.0, 20.0, 40.0])
    right = torch.exp(-x.double()) / (1 + torch.exp(-x.double())) ** 2
    sigmoid = ACTIVATIONS["sigmoid"].function
    assert torch.equal(gradient(torch.sigmoid, x), torch.zeros(3))
    torch.testing.assert_close(gradient(torch.sigmoid, -x).double(), right, rtol=1e-6, atol=0)
    for side in (x, -x):
        torch.testing.assert_close(gradient(sigmoid, side).double(), right, rtol=1e-6, atol=0)


def test_torchs_gradient_of_tanh_vanishes_early_and_ours_does_not():
    x = torch.tensor([10.0, -10.0, 40.0])
    right = torch.cosh(x.double()) ** -2
    assert torch.equal(gradient(torch.tanh, x), torch.zeros(3))
    ours = gradient(ACTIVATIONS["tanh"].function, x)
    torch.testing.assert_close(ours.double(), right, rtol=1e-6, atol=0)


def test_the_derivative_in_the_docstring_is_the_product_form():
    x = torch.arange(-750, 751, dtype=torch.float64) / 50
    s = torch.sigmoid(x)
    slope = ACTIVATIONS["sigmoid"].derivative(x)
    torch.testing.assert_close(slope, s * (1 - s), rtol=1e-9, atol=0)
    assert slope.max() == 0.25
    assert ACTIVATIONS["tanh"].derivative(x).max() == 1
