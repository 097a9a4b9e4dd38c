import pytest
import torch

from course_lib.design_choices.elementwise import elementwise


@elementwise(derivative=lambda x, power=3: power * x ** (power - 1))
def monomial(x, power=3):
    """Return a power of x."""
    return x.detach() ** power  # autograd finds no way through


def test_autograd_gets_the_derivative_that_was_stated():
    x = torch.tensor([0.5, -2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(monomial, x, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(monomial, x)


@pytest.mark.parametrize("call", [lambda x: monomial(x, 4), lambda x: monomial(power=4, x=x)])
def test_parameters_reach_function_and_derivative(call):
    x = torch.tensor([0.5, -2.0], requires_grad=True)
    assert torch.equal(call(x), x.detach() ** 4)
    (gradient,) = torch.autograd.grad(call(x).sum(), x)
    assert torch.equal(gradient, 4 * x.detach() ** 3)


def test_without_a_derivative_autograd_differentiates_the_operations():
    square = elementwise()(lambda x: x * x)
    x = torch.tensor([3.0], requires_grad=True)
    assert torch.autograd.grad(square(x), x)[0].item() == 6


def test_nothing_passes_where_the_derivative_is_zero():
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    infinite = torch.tensor([torch.inf, torch.inf])
    (gradient,) = torch.autograd.grad(monomial(x), x, infinite)
    assert gradient.tolist() == [0, torch.inf]
    _, tangent = torch.func.jvp(monomial, (x.detach(),), (infinite,))
    assert tangent.tolist() == [0, torch.inf]


def test_name_and_text_are_those_of_the_function():
    assert monomial.__name__ == "monomial"
    assert monomial.__doc__ == "Return a power of x."


def test_the_check_comes_first():
    with pytest.raises(TypeError, match=r"x must be a tensor of dtype .*got int64"):
        monomial(torch.tensor([1]))
