"""Each operation by itself, at ordinary and at extreme values, in both modes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.derivatives import (
    Dual,
    Tape,
    gradient,
    jacobian_by_rows,
    jvp,
    value_and_gradient,
    vjp,
)
from tests.derivatives.expressions import choose

UNARY = {
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "sqrt": lambda x: x.sqrt(),
    "abs": lambda x: x.abs(),
    "relu": lambda x: x.relu(),
    "neg": lambda x: -x,
    "cube": lambda x: x**3,
    "power 0": lambda x: x**0,
    "power 1": lambda x: x**1,
    "power 1/2": lambda x: x**0.5,
    "power -2": lambda x: x**-2,
    "1 + x": lambda x: 1 + x,
    "1 - x": lambda x: 1 - x,
    "3 x": lambda x: 3 * x,
    "2 / x": lambda x: 2 / x,
    "x / 2": lambda x: x / 2,
    "x - 5": lambda x: x - 5,
    "where": lambda x: x.where(x > 1, 2 * x),
    "where a constant": lambda x: x.where(x > 1, -1.0),
}
BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "where": lambda a, b: choose(a > b, a, b),
}
extremes = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 1e4, -1e4, 5e-324, -5e-324, 2.3e-308, 1e-160, 700.0, -745.0, 20.0, -40.0]
)
numbers = extremes | st.floats(-1e4, 1e4)
entries = st.lists(numbers, min_size=1, max_size=12)


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def same(actual, expected, absolute=0):
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=absolute, equal_nan=True)


@pytest.mark.parametrize("name", UNARY)
@settings(max_examples=25)
@given(entries, entries)
def test_an_elementwise_function_at_any_number(name, values, directions):
    f, x = UNARY[name], double(values)
    v = double((directions * 12)[: len(values)])
    leaf = x.clone().requires_grad_()
    expected = f(leaf)
    (pulled,) = torch.autograd.grad(expected, leaf, v)
    value, pull = vjp(f, x)
    same(value, expected.detach())
    # Where tanh is near 1, torch rounds 1 - tanh² in another way.
    absolute = 1e-15 * v.nan_to_num(0, 0, 0).abs().max().item() if name == "tanh" else 0
    same(pull(v)[0], pulled, absolute)
    value, pushed = jvp(f, x, v)
    same(value, expected.detach())
    same(pushed, pulled, absolute)  # a diagonal Jacobian is its own transpose


@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=25)
@given(entries, entries, entries)
def test_an_elementwise_function_of_two_at_any_numbers(name, a, b, u):
    f, (a, b, u) = BINARY[name], (double((x * 12)[:12]) for x in (a, b, u))
    leaves = [a.clone().requires_grad_(), b.clone().requires_grad_()]
    expected = f(*leaves)
    wanted = torch.autograd.grad(expected, leaves, u)
    value, pull = vjp(f, a, b)
    same(value, expected.detach())
    same(pull(u), wanted)
    for i, x in enumerate((a, b)):
        along = jvp(lambda y, i=i: f(y, b) if i == 0 else f(a, y), x, u)[1]
        same(along, wanted[i])


@pytest.mark.parametrize("name", ["+", "-", "*", "/", "where"])
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3,), ()),
        ((), (3,)),
        ((2, 1), (3,)),
        ((2, 3), (1, 3)),
        ((4, 2, 1), (2, 3)),
        ((0, 3), (1, 3)),
    ],
)
def test_what_was_broadcast_collects_from_all_its_copies(name, left, right):
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(s, generator=generator, dtype=torch.float64) + 3 for s in (left, right))
    f = BINARY[name]
    leaves = [a.clone().requires_grad_(), b.clone().requires_grad_()]
    expected = torch.autograd.grad((f(*leaves) * 2).sum(), leaves)
    _, gradients = value_and_gradient(lambda a, b: (f(a, b) * 2).sum(), a, b)
    for got, wanted in zip(gradients, expected, strict=True):
        same(got, wanted)
        assert got.shape == wanted.shape
    _, along = jvp(lambda a: f(a, b), a, torch.ones_like(a))
    same(along, torch.func.jvp(lambda a: f(a, b), (a,), (torch.ones_like(a),))[1])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 4)),
        ((2, 0), (0, 4)),
        ((0,), (0,)),
    ],
)
def test_products_of_vectors_matrices_and_stacks_of_them(left, right):
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(s, generator=generator, dtype=torch.float64) for s in (left, right))
    expected, pull = torch.func.vjp(torch.matmul, a, b)
    seed = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    value, ours = vjp(lambda a, b: a @ b, a, b)
    same(value, expected)
    for got, wanted in zip(ours(seed), pull(seed), strict=True):
        same(got, wanted)
    same(vjp(lambda a: a @ b, a)[1](seed)[0], pull(seed)[0])
    same(vjp(lambda b: a @ b, b)[1](seed)[0], pull(seed)[1])
    same(jvp(lambda a: a @ b, a, 2 * a)[1], 2 * expected)
    same(jvp(lambda b: a @ b, b, 2 * b)[1], 2 * expected)


@pytest.mark.parametrize(
    "move",
    [
        lambda x: x.sum(),
        lambda x: x.sum(dim=0),
        lambda x: x.sum(dim=-1, keepdim=True),
        lambda x: x.sum(dim=(0, 2)),
        lambda x: x.sum(dim=()),
        lambda x: x.mean(),
        lambda x: x.mean(dim=(1, -1), keepdim=True),
        lambda x: x.reshape(4, 6),
        lambda x: x.reshape((-1, 2)),
        lambda x: x.mT,
        lambda x: x[0].expand(5, 3, 4),
        lambda x: x[1],
        lambda x: x[-1, 1:, ::2],
        lambda x: x[..., None, 0],
        lambda x: x[torch.tensor([0, 1, 1, 0, 1])],
        lambda x: x[:, [2, 2], torch.tensor([0, 0])],
        lambda x: x[torch.arange(24).reshape(2, 3, 4) % 5 == 0],
    ],
)
def test_what_moves_entries_is_transposed(move):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    expected, pull = torch.func.vjp(move, x)
    seed = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    value, ours = vjp(move, x)
    same(value, expected)
    same(ours(seed)[0], pull(seed)[0])
    same(jvp(move, x, x.cos())[1], move(x.cos()))  # a linear map is its own derivative


def test_means_of_nothing_and_sums_of_nothing():
    nothing = torch.zeros(0, dtype=torch.float64)
    value, (slope,) = value_and_gradient(lambda x: (x * x).sum(), nothing)
    assert value == 0
    assert slope.shape == (0,)
    assert value_and_gradient(lambda x: x.mean(), nothing)[0].isnan()
    assert value_and_gradient(lambda x: x.mean(), double(3.0))[0] == 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_everything_stays_in_the_dtype_given(dtype):
    x = torch.tensor([0.5, 1.5], dtype=dtype)
    value, (slope,) = value_and_gradient(lambda x: (x.tanh() * x / 3 - 1).relu().exp().mean(), x)
    assert value.dtype == slope.dtype == dtype
    assert all(part.dtype == dtype for part in jvp(lambda x: x.sigmoid() ** 2, x, x))


def test_constants_may_be_masks_and_whole_numbers():
    x = double([1.0, 2.0, 3.0])
    f = lambda x: (x * (x > 1) * torch.tensor([1, 2, 3])).sum()  # noqa: E731
    same(gradient(f, x), double([0.0, 2.0, 3.0]))


def made(kind):
    value = double([1.0, 2.0])
    return Tape().input(value) if kind == "tape" else Dual(value, value)


@pytest.mark.parametrize("kind", ["tape", "dual"])
@pytest.mark.parametrize(
    ("misuse", "error", "message"),
    [
        (lambda x: x + "1", TypeError, "operand must be a number, a tensor or .*got str"),
        (lambda x: np.ones(2) * x, TypeError, "operand must be .*got ndarray"),
        (lambda x: x * True, TypeError, "operand must be .*got bool"),
        (lambda x: x * 1j, TypeError, "operand must be .*got complex"),
        (lambda x: None - x, TypeError, "operand must be .*got NoneType"),
        (lambda x: [1, 2] / x, TypeError, "operand must be .*got list"),
        (lambda x: x * torch.ones(2), TypeError, "operand must have dtype .*64, got .*float32"),
        (lambda x: torch.ones(2, dtype=torch.complex128) * x, TypeError, "got torch.complex128"),
        (lambda x: x**x, TypeError, "exponent must be a constant number"),
        (lambda x: x ** torch.ones(2), TypeError, "exponent must be a constant number"),
        (lambda x: x @ 2.0, ValueError, "right factor of @ must have a dimension, got 2.0"),
        (lambda x: x[0] @ x, ValueError, "left factor of @ must have a dimension"),
        (lambda x: x.where(1.0, x), TypeError, "condition must be a boolean tensor, got 1.0"),
        (lambda x: x.where(torch.ones(2), x), TypeError, "condition must be a boolean tensor"),
        (lambda x: x.__setitem__(0, 1.0), TypeError, "must not be changed in place.*\\[0\\]"),
        (lambda x: x[2], IndexError, "index 2"),
        (lambda x: math.sin(x), TypeError, "must be real number"),
        (lambda x: torch.sin(x), TypeError, "must be Tensor, not"),
        (lambda x: bool(x), RuntimeError, "ambiguous"),
        (lambda x: len(x[0]), TypeError, "0-d"),
        (lambda x: x + torch.ones(3, dtype=torch.float64), RuntimeError, "must match the size"),
    ],
)
def test_misuse_is_named(kind, misuse, error, message):
    with pytest.raises(error, match=message):
        misuse(made(kind))


@pytest.mark.parametrize("kind", ["tape", "dual"])
def test_comparisons_look_at_the_values(kind):
    x = made(kind)
    for compare in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"):
        for other in (1.5, 1.0, double([2.0, 2.0])):
            expected = getattr(double([1.0, 2.0]), compare)(other)
            assert torch.equal(getattr(x, compare)(other), expected)
    assert len({x, x}) == 1
    assert bool(x[0] == 1)
    assert [float(entry.value) for entry in x] == [1.0, 2.0]
    assert sum(x).value == 3
    assert torch.equal(abs(-x).value, x.value)


@pytest.mark.parametrize("derivative", [gradient, jacobian_by_rows])
def test_on_the_way_back_relu_stops_an_infinite_derivative(derivative):
    slopes = derivative(lambda x: x.relu().sqrt().sum(), double([-1.0, 4.0]))
    assert slopes.tolist() == [0, 0.25]
