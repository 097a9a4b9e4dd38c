"""Both modes against torch, and their cost, on random computations with shared parts."""

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_lib.derivatives import (
    central_difference,
    count_operations,
    hessian_vector_product,
    jvp,
    value_and_gradient,
)
from tests.derivatives.expressions import points, programs, run

seeds = st.integers(0, 2**32 - 1)


def torchs(steps, inputs):
    """Value and gradients by torch."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    value = run(steps, leaves)
    return value.detach(), torch.autograd.grad(
        value, leaves, allow_unused=True, materialize_grads=True
    )


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-11)


@given(programs(), seeds)
def test_reverse_mode_gives_torchs_gradients(program, seed):
    shapes, steps = program
    inputs = points(shapes, seed)
    value, gradients = value_and_gradient(lambda *x: run(steps, x), *inputs)
    expected_value, expected = torchs(steps, inputs)
    close(value, expected_value)
    for got, wanted in zip(gradients, expected, strict=True):
        close(got, wanted)


@given(programs(), seeds)
def test_forward_mode_gives_torchs_derivative_along_a_direction(program, seed):
    shapes, steps = program
    x, *others = points(shapes, seed)
    v = points(shapes[:1], seed + 1)[0]
    value, along = jvp(lambda y: run(steps, [y, *others]), x, v)
    expected = torch.func.jvp(lambda y: run(steps, [y, *others]), (x,), (v,))
    close((value, along), expected)


@settings(max_examples=40)
@given(programs(most=6), seeds)
def test_dual_numbers_on_the_tape_give_torchs_hessian_vector_product(program, seed):
    shapes, steps = program
    x, *others = points(shapes, seed)
    v = points(shapes[:1], seed + 1)[0]

    def f(y):
        return run(steps, [y, *others])

    expected = torch.func.jvp(torch.func.grad(f), (x,), (v,))[1]
    close(hessian_vector_product(f, x, v), expected)


@settings(max_examples=40)
@given(programs(most=6), seeds)
def test_a_directional_central_difference_comes_close(program, seed):
    shapes, steps = program
    (x, *others), v = points(shapes, seed), points(shapes[:1], seed + 1)[0]

    def f(y):
        return run(steps, [y, *others])

    _, along = jvp(f, x, v)
    # On both sides of a kink the secant is between the slopes, so only smooth pieces are compared.
    around = [jvp(f, x + s * 1e-5 * v, v)[1] for s in (-1, 1)]
    if all(abs(a - along) <= 1e-3 * (1 + abs(along)) for a in around):
        difference = central_difference(f, x, 1e-5, direction=v)
        assert abs(difference - along) <= 1e-3 * (1 + abs(along))


# Operations that compute nothing on the way there and do on the way back are left out here.
MOVING = {"first", "repeated", "reversed", "transpose"}


@given(programs(), seeds)
def test_a_gradient_costs_at_most_six_values(program, seed):
    shapes, steps = program
    assume(not MOVING & {name for name, _ in steps})
    inputs = points(shapes, seed)
    value = count_operations(run, steps, inputs)
    both = count_operations(lambda: value_and_gradient(lambda *x: run(steps, x), *inputs))
    assert both <= 6 * value
