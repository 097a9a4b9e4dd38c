import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.derivatives import (
    count_operations,
    gradient,
    hessian,
    hessian_vector_product,
)

INPUTS, TARGETS = torch.randn(
    2, 9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
)


def net(x):
    """A small net with a loss, as a function of its 25 weights."""
    W1, b1, W2 = x[:15].reshape(3, 5), x[15:20], x[20:25].reshape(5, 1)
    error = (INPUTS @ W1 + b1).tanh() @ W2 - TARGETS[:, :1]
    return (error * error).mean()


def weights(seed, n=25):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, generator=generator, dtype=torch.float64)


@given(st.integers(0, 1000))
def test_the_product_is_torchs_and_the_hessians(seed):
    x, v = weights(seed), weights(seed + 1)
    product = hessian_vector_product(net, x, v)
    whole = torch.func.hessian(net)(x)
    torch.testing.assert_close(product, whole @ v, rtol=1e-9, atol=1e-10)


def test_the_hessian_is_torchs_and_symmetric():
    x = weights(3)
    ours = hessian(net, x)
    torch.testing.assert_close(ours, torch.func.hessian(net)(x), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(ours, ours.T, rtol=1e-9, atol=1e-11)


def test_a_product_costs_a_small_multiple_of_a_gradient():
    x = weights(0)
    slope = count_operations(gradient, net, x)
    assert count_operations(hessian_vector_product, net, x, x) <= 4 * slope


def test_a_hessian_of_a_matrix_argument_has_its_shape_twice():
    x = weights(1, 6).reshape(2, 3)
    f = lambda x: (x @ x.mT).sin().sum()  # noqa: E731
    ours = hessian(f, x)
    assert ours.shape == (2, 3, 2, 3)
    torch.testing.assert_close(ours, torch.func.hessian(f)(x))


def test_wrong_arguments_are_named():
    x = weights(0)
    with pytest.raises(ValueError, match=r"v must have shape \(25,\), got \(3,\)"):
        hessian_vector_product(net, x, x[:3])
    with pytest.raises(ValueError, match=r"f must return a single number, got shape \(25,\)"):
        hessian_vector_product(lambda x: x * x, x, x)
    with pytest.raises(TypeError, match="f must be a function"):
        hessian(None, x)
