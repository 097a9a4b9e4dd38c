import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.derivatives import (
    best_step,
    central_difference,
    complex_step,
    forward_difference,
)

ALL = [forward_difference, central_difference, complex_step]
EPS = 2.0**-52
places = st.floats(-3, 3)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def scalar(value, dtype=torch.float64):
    return torch.tensor(value, dtype=dtype)


def f(x):
    return x.sin() * x.exp()


def derivatives_of_f(x):
    """f' and bounds of |f''| and |f'''| within 0.2 of x."""
    largest = math.exp(x + 0.2)
    return math.exp(x) * (math.sin(x) + math.cos(x)), 2 * largest, 4 * largest


@given(places, st.floats(-12, -1))
def test_the_forward_differences_error_is_within_the_bound(x, digits):
    h = 10.0**digits
    slope, second, _ = derivatives_of_f(x)
    error = abs(forward_difference(f, scalar(x), h).item() - slope)
    size = math.exp(x + h)  # of the factors of f; sine, exponential and product each round
    assert error <= h / 2 * second + 2 * (3 * EPS * size) / (0.9 * h) + 4 * EPS * abs(slope)


@given(places, st.floats(-12, -1))
def test_the_central_differences_error_is_within_the_bound(x, digits):
    h = 10.0**digits
    slope, _, third = derivatives_of_f(x)
    error = abs(central_difference(f, scalar(x), h).item() - slope)
    size = math.exp(x + h)
    assert error <= h**2 / 6 * third + 3 * EPS * size / (0.9 * h) + 4 * EPS * abs(slope)


@given(places, st.sampled_from([None, 1e-8, 1e-20, 1e-100]))
def test_the_complex_step_is_right_to_round_off_however_short(x, h):
    slope, *_ = derivatives_of_f(x)
    error = abs(complex_step(f, scalar(x), h).item() - slope)
    assert error <= 8 * EPS * math.exp(x)


@given(places)
def test_the_complex_step_is_right_in_single_precision(x):
    got = complex_step(f, scalar(x, torch.float32))
    assert got.dtype == torch.float32
    assert abs(got.item() - derivatives_of_f(x)[0]) <= 2e-6 * math.exp(x)


def bound(kind, h, f, derivative, noise):
    if kind == "forward":
        return h / 2 * derivative + 2 * noise * f / h
    return h**2 / 6 * derivative + noise * f / h


@given(
    st.sampled_from(["forward", "central"]),
    st.floats(1e-6, 1e6),
    st.floats(1e-6, 1e6),
    st.floats(1e-15, 0.5),
    st.floats(0.1, 10).filter(lambda factor: abs(math.log(factor)) > 0.05),
)
def test_the_best_step_minimises_the_bound(kind, size, derivative, noise, factor):
    scale = (size / derivative) ** (1 / 2 if kind == "forward" else 1 / 3)
    h = best_step(kind, torch.float64, scale, noise=noise)
    here = bound(kind, h, size, derivative, noise)
    assert here < bound(kind, factor * h, size, derivative, noise)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_best_steps_by_precision(dtype):
    eps = torch.finfo(dtype).eps
    assert best_step("forward", dtype) == pytest.approx(2 * math.sqrt(eps))
    assert best_step("central", dtype) == pytest.approx(math.cbrt(3 * eps))
    assert best_step("complex", dtype) == eps**2
    scales = torch.tensor([1.0, 4.0], dtype=dtype)
    steps = best_step("central", dtype, scales)
    assert steps.dtype == dtype
    torch.testing.assert_close(steps[1], 4 * steps[0])


@pytest.mark.parametrize("difference", ALL)
@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (0,)])
def test_jacobians_have_the_outputs_shape_and_then_the_inputs(difference, shape):
    x = torch.linspace(0.3, 1, math.prod(shape), dtype=torch.float64).reshape(shape)

    def g(x):
        return torch.stack([x.sum().sin(), (x * x).sum()])

    got = difference(g, x)
    assert got.shape == (2, *shape)
    torch.testing.assert_close(got, torch.func.jacrev(g)(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("difference", ALL)
def test_along_a_direction_it_is_the_jacobian_times_the_direction(difference):
    x, v = double(0.5, -1.0, 2.0), double(3.0, 0.0, -2.0)

    def g(x):
        return (x * x.roll(1)).sin()

    expected = torch.func.jacrev(g)(x) @ v
    torch.testing.assert_close(difference(g, x, direction=v), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(difference(g, x, 1e-6, direction=v), expected, rtol=2e-5, atol=2e-5)
    none = difference(g, x, direction=torch.zeros(3, dtype=torch.float64))
    assert torch.equal(none, torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("difference", "whole", "along"),
    [(forward_difference, 6, 2), (central_difference, 10, 2), (complex_step, 5, 1)],
)
def test_the_number_of_values_needed(difference, whole, along):
    calls = []

    def g(x):
        calls.append(x)
        return (x * x).sum()

    x = double(1.0, 2.0, 3.0, 4.0, 5.0)
    difference(g, x)
    assert len(calls) == whole
    calls.clear()
    difference(g, x, direction=x)
    assert len(calls) == along


@pytest.mark.parametrize("difference", [forward_difference, central_difference])
def test_each_coordinate_has_a_step_of_its_size(difference):
    x = double(1e9, 1e-3, -1e9)
    got = difference(lambda x: (x * x).sum(), x)
    torch.testing.assert_close(got[[0, 2]], 2 * x[[0, 2]], rtol=1e-5, atol=0)
    own = torch.tensor([1e3, 1e-6, 1e3], dtype=torch.float64)
    alone = difference(lambda x: x[1] * x[1], x, own)
    torch.testing.assert_close(alone[1], 2 * x[1], rtol=1e-2, atol=0)


def test_the_step_divided_by_is_the_one_made():
    # 0.1 + 1e-9 is rounded; dividing by 1e-9 would leave a relative error of 1e-8 on f(x) = x.
    got = forward_difference(lambda x: x * 1, scalar(1.1), 1e-9)
    assert abs(got.item() - 1) < 1e-15


@pytest.mark.parametrize("difference", [forward_difference, central_difference])
def test_the_default_steps_are_of_the_order_of_the_best(difference):
    kind = difference.__name__.split("_")[0]
    exact, second, third = derivatives_of_f(1.0)
    rise = second if kind == "forward" else third
    least = min(bound(kind, 10**-k, math.e, rise, EPS) for k in torch.arange(1, 14, 0.1).tolist())
    assert abs(difference(f, scalar(1.0)).item() - exact) < 5 * least


@pytest.mark.parametrize("difference", ALL)
def test_it_leaves_torchs_tape_alone(difference):
    w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    got = difference(lambda x: (w * x * x).sum(), double(1.0, 2.0))
    assert not got.requires_grad
    assert w.grad is None


def test_what_is_not_analytic_is_refused_where_torch_can_tell():
    x = double(1.0, 2.0)
    with pytest.raises(TypeError, match=r"f must return dtype torch.complex128, got torch.float64"):
        complex_step(lambda x: x.abs().sum(), x)
    with pytest.raises(RuntimeError):
        complex_step(lambda x: x.relu().sum(), x)
    with pytest.raises(TypeError, match=r"x must have dtype torch.float32 or torch.float64, got"):
        complex_step(f, x.half())


@pytest.mark.parametrize("difference", ALL)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"f": 3}, TypeError, "f must be a function of a tensor, got 3"),
        ({"f": lambda x: 1.0}, TypeError, "f must return a tensor, got 1.0"),
        ({"f": lambda x: x.real.to(torch.float16)}, TypeError, "f must return dtype"),
        ({"x": 1.0}, TypeError, "x must be a tensor of dtype .*got 1.0"),
        ({"x": torch.tensor([1])}, TypeError, "x must be .*got int64"),
        ({"x": torch.ones(2, requires_grad=True)}, ValueError, "requires grad"),
        ({"x": torch.tensor([1.0, math.nan])}, ValueError, "x must be finite, got .*nan"),
        ({"x": torch.tensor([math.inf])}, ValueError, "x must be finite, got .*inf"),
        ({"h": 0.0}, ValueError, "h must be a finite number above 0.*got 0.0"),
        ({"h": -1e-3}, ValueError, "h must be .*got -0.001"),
        ({"h": math.nan}, ValueError, "h must be .*got nan"),
        ({"h": "small"}, TypeError, "h must be .*got 'small'"),
        ({"h": double(1e-3)}, ValueError, r"h must have shape \(2,\), got \(1,\)"),
        ({"h": double(1e-3, 0.0)}, ValueError, "h must be positive and finite, got"),
        ({"h": torch.ones(2)}, TypeError, "h must have dtype torch.float64, got torch.float32"),
        ({"direction": double(1.0)}, ValueError, r"direction must have shape \(2,\), got \(1,\)"),
        ({"direction": double(1.0, math.inf)}, ValueError, "must be finite"),
        ({"direction": 1.0}, TypeError, "direction must be a tensor"),
        (
            {"direction": double(1.0, 0.0), "h": double(1.0, 1.0)},
            TypeError,
            "h must be a number where a direction is given",
        ),
    ],
)
def test_wrong_arguments_are_named(difference, change, error, message):
    arguments = {"f": lambda x: (x * x).sum(), "x": double(1.0, 2.0), "h": None, **change}
    with pytest.raises(error, match=message):
        difference(**arguments)


@pytest.mark.parametrize("difference", [forward_difference, central_difference])
def test_a_step_that_is_lost_in_rounding_is_refused(difference):
    with pytest.raises(
        ValueError, match=r"h must be long enough to change x, got a move of 1.0e-20"
    ):
        difference(f, double(1.0), 1e-20)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("backward", torch.float64), ValueError, "kind must be one of forward, central, complex"),
        ((None, torch.float64), ValueError, "kind must be one of"),
        (("forward", torch.int64), ValueError, "dtype must be a floating-point type"),
        (("forward", "float64"), TypeError, "dtype must be a floating-point type"),
        (("forward", torch.float64, 0.0), ValueError, "scale must be .*got 0.0"),
        (("forward", torch.float64, math.inf), ValueError, "scale must be .*got inf"),
        (("forward", torch.float64, double(1.0, -1.0)), ValueError, "scale must be positive"),
        (("forward", torch.float64, "1"), TypeError, "scale must be .*got '1'"),
    ],
)
def test_wrong_arguments_of_the_best_step_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        best_step(*arguments)


@pytest.mark.parametrize("noise", [0.0, -1.0, 1.0, math.nan, 1e-17])
def test_noise_is_between_round_off_and_one(noise):
    with pytest.raises(ValueError, match=r"noise must be .*got"):
        best_step("forward", torch.float64, noise=noise)


@pytest.mark.parametrize("difference", [forward_difference, central_difference])
def test_along_a_direction_it_divides_by_the_step_made_too(difference):
    x = double(1.0)
    slope = difference(lambda x: x.sum(), x, 3e-16, direction=double(1.0))
    assert slope == 1  # the step is rounded to 2.2e-16 or 4.4e-16


@pytest.mark.parametrize("difference", [forward_difference, central_difference])
def test_a_direction_may_have_entries_that_rounding_swallows(difference):
    slope = difference(lambda x: (x * x).sum(), double(1, 2), direction=double(1, 1e-12))
    assert slope.item() == pytest.approx(2, rel=1e-7)


@pytest.mark.parametrize("h", [None, 1e-3])
@pytest.mark.parametrize("difference", ALL)
def test_a_direction_must_be_finite(difference, h):
    with pytest.raises(ValueError, match="direction must be finite"):
        difference(torch.sum, double(1, 2), h, direction=double(1, math.nan))


@pytest.mark.parametrize("difference", [forward_difference, central_difference])
def test_a_function_may_change_its_argument(difference):
    x = double(1, 2)
    slopes = difference(lambda x: x.mul_(x).sum(), x)
    torch.testing.assert_close(slopes, double(2, 4), rtol=1e-6, atol=0)
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("difference", [forward_difference, central_difference])
def test_a_function_may_return_the_same_tensor_each_time(difference):
    memory = torch.zeros(2, dtype=torch.float64)
    slopes = difference(lambda x: torch.mul(x, x, out=memory), double(1, 2))
    torch.testing.assert_close(slopes, torch.diag(double(2, 4)), rtol=1e-6, atol=0)
