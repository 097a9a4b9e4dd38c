"""Random tensors for the tests of output activations and losses, extremes included."""

import hypothesis.strategies as st
import torch

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
HALF = [torch.float16, torch.bfloat16]
EXTREMES = [0.0, -0.0, 1e4, -1e4, 5e-324, -5e-324, 2.2e-308, 1e-40, 1.0, -1.0]

numbers = st.one_of(st.floats(-1e4, 1e4), st.floats(-10, 10), st.sampled_from(EXTREMES))
probabilities = st.one_of(
    st.floats(0, 1), st.sampled_from([0.0, -0.0, 1.0, 5e-324, 1e-300, 1 - 2**-53])
)


@st.composite
def tensors(draw, elements=numbers, shapes=((1,), (3,), (2, 3), (2, 3, 2))):
    """A float64 tensor of one of the shapes."""
    shape = draw(st.sampled_from(shapes))
    size = torch.Size(shape).numel()
    values = draw(st.lists(elements, min_size=size, max_size=size))
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


@st.composite
def pairs(draw, first=numbers, second=numbers, **shapes):
    """Two float64 tensors of one shape."""
    a = draw(tensors(first, **shapes))
    return a, draw(tensors(second, shapes=(tuple(a.shape),)))


@st.composite
def distributions(draw, shape=(2, 4), zeros=True):
    """Probabilities along the last dimension, of very different sizes, with zeros if allowed."""
    size = torch.Size(shape).numel()
    exponents = draw(st.lists(st.floats(-40, 0), min_size=size, max_size=size))
    kept = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    weights = torch.tensor(exponents, dtype=torch.float64).exp().reshape(shape)
    if zeros:
        weights = weights * torch.tensor(kept, dtype=torch.float64).reshape(shape)
        weights[..., 0] += (weights.sum(-1) == 0).double()
    return weights / weights.sum(-1, keepdim=True)


def value_and_gradients(function, *tensors):
    """The value, and the gradient of its sum in each tensor."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
    value = function(*leaves)
    gradients = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
    return [value.detach(), *gradients]


def assert_same(ours, theirs, **tolerance):
    """Values and gradients agree, NaN at the same places not excepted."""
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, equal_nan=True, **tolerance)


def half_tolerance(dtype):
    """Two units in the last place, for a value that is rounded once from a float32 result."""
    return {"rtol": 2 * torch.finfo(dtype).eps, "atol": 2 * torch.finfo(dtype).smallest_normal}
