import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.problems import (
    interpolating_net,
    interpolation_bound,
    step_bound,
    step_net,
)

DTYPES = [torch.float32, torch.float64]
NETS = [interpolating_net, step_net]


def column(x):
    return torch.as_tensor(x, dtype=torch.float64).reshape(-1, 1)


def largest_error(net, f, a, b, samples=4001):
    """Largest error on a grid of the numbers that the net takes, f in float64."""
    dtype = net[0].weight.dtype
    x = torch.linspace(a, b, samples, dtype=torch.float64).to(dtype)
    with torch.no_grad():
        found = net(x[:, None])[:, 0]
    return (found.double() - f(x.double())).abs().max().item()


def wave(amplitude, frequency, phase, slope):
    """A smooth function, and the largest |f| , |f'| and |f''| that it can have."""

    def f(x):
        return amplitude * torch.sin(frequency * x + phase) + slope * x

    return f, amplitude * frequency + abs(slope), amplitude * frequency**2


waves = st.tuples(
    st.floats(0.01, 100), st.floats(0.01, 20), st.floats(-math.pi, math.pi), st.floats(-50, 50)
)
ends = st.tuples(st.floats(-1e4, 1e4), st.floats(1e-2, 50))


@given(waves, ends, st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_interpolation_errs_at_most_by_its_bound(parameters, interval, pieces):
    f, steepest, curvature = wave(*parameters)
    a, width = interval
    bound = interpolation_bound(a, a + width, pieces, curvature)
    net = interpolating_net(f, a, a + width, pieces)
    # A place a few units of round-off away has another value; so have sums of N terms.
    round_off = 1e-13 * (steepest * (abs(a) + pieces * width) + parameters[0] + abs(parameters[3]))
    assert largest_error(net, f, a, a + width, 801) <= bound + round_off


def test_the_bound_is_attained_by_a_parabola():
    net = interpolating_net(torch.square, -1, 3, 8)
    middle = column([-0.75])
    bound = interpolation_bound(-1, 3, 8, curvature=2)
    assert (net(middle) - middle.square()).item() == pytest.approx(bound)
    assert largest_error(net, torch.square, -1, 3) == pytest.approx(bound)


def test_the_error_on_sine_is_just_below_its_bound_and_falls_with_the_square_of_the_width():
    widths = [10, 20, 40, 80, 160]
    errors = [
        largest_error(interpolating_net(torch.sin, 0, math.pi, n), torch.sin, 0, math.pi)
        for n in widths
    ]
    for n, error in zip(widths, errors, strict=True):
        bound = interpolation_bound(0, math.pi, n, 1)
        assert 0.98 * bound < error <= bound
    assert np.polyfit(np.log(widths), np.log(errors), 1)[0] == pytest.approx(-2, abs=0.02)


@given(waves, ends, st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_the_net_is_numpys_linear_interpolation(parameters, interval, pieces):
    f, steepest, _ = wave(*parameters)
    a, width = interval
    nodes = np.linspace(a, a + width, pieces + 1)
    x = np.linspace(a, a + width, 157)
    expected = np.interp(x, nodes, f(torch.from_numpy(nodes)).numpy())
    found = interpolating_net(f, a, a + width, pieces)(column(x)).detach().numpy()[:, 0]
    scale = steepest * (abs(a) + pieces * width) + parameters[0] + abs(parameters[3] * a)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * scale)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.floats(-100, 100))
@settings(max_examples=60, deadline=None)
def test_a_piecewise_linear_function_with_kinks_at_the_nodes_is_met_everywhere(values, a):
    pieces = len(values) - 1
    nodes = torch.linspace(a, a + 2, pieces + 1, dtype=torch.float64).numpy()

    def f(x):
        return torch.from_numpy(np.interp(x.numpy(), nodes, values))

    net = interpolating_net(f, a, a + 2, pieces)
    scale = max(1.0, max(map(abs, values))) * pieces
    assert largest_error(net, f, a, a + 2) <= 1e-12 * scale * (1 + abs(a))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("a", [0.0, -1e4, 1e4])
@pytest.mark.parametrize("pieces", [1, 2, 17, 300])
def test_nodes_are_met_to_round_off_also_far_from_zero(dtype, a, pieces):
    def f(x):
        return torch.cos(x - a) + 0.3 * (x - a)

    net = interpolating_net(f, a, a + 3, pieces, dtype=dtype)
    nodes = torch.linspace(a, a + 3, pieces + 1, dtype=torch.float64).to(dtype)
    with torch.no_grad():
        error = net(nodes[:, None])[:, 0].double() - f(nodes.double())
    assert error.abs().max() <= 30 * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_bound_holds_far_from_zero_in_either_type(dtype):
    a, b = 1e4, 1e4 + 10
    error = largest_error(interpolating_net(torch.sin, a, b, 50, dtype=dtype), torch.sin, a, b)
    bound = interpolation_bound(a, b, 50, 1)
    # In float32 the nodes are up to half a thousandth away from even.
    assert 0.9 * bound < error < 1.02 * bound


def test_outside_it_is_constant_on_the_left_and_straight_on_the_right():
    net = interpolating_net(torch.exp, 0, 1, 4)
    left = net(column([-9.0, -1.0, 0.0])).detach()
    torch.testing.assert_close(left, torch.ones_like(left))
    right = net(column([1.0, 2.0, 3.0])).detach()[:, 0]
    last_slope = (math.e - math.exp(0.75)) / 0.25
    torch.testing.assert_close(right.diff(), torch.full_like(right[1:], last_slope))


@given(waves, ends, st.integers(1, 60), st.floats(0.5, 100))
@settings(max_examples=60, deadline=None)
def test_steps_err_at_most_by_their_bound(parameters, interval, pieces, steepness):
    f, steepest, _ = wave(*parameters)
    a, width = interval
    h = width / pieces
    net = step_net(f, a, a + width, pieces, steepness=steepness)
    round_off = 1e-13 * (steepest * (abs(a) + pieces * width) + parameters[0] + abs(parameters[3]))
    bound = step_bound(min(steepest * h, 2 * parameters[0] + abs(parameters[3]) * h), steepness)
    assert largest_error(net, f, a, a + width, 801) <= bound + round_off


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("a", [0.0, 1e4])
def test_steps_follow_a_function_without_slope_as_fast_as_its_modulus(dtype, a):
    def f(x):  # |f(x) - f(y)| ≤ |x - y|^½, and no better
        return (x - a).clamp(min=0).sqrt()

    errors = []
    for pieces in (16, 64, 256):
        error = largest_error(step_net(f, a, a + 4, pieces, dtype=dtype), f, a, a + 4)
        bound = step_bound((4 / pieces) ** 0.5)
        resolved = torch.finfo(dtype).eps * (1e3 + a)  # of which sqrt makes its root
        assert error <= bound + resolved**0.5
        assert error >= 0.3 * bound
        errors.append(error)
    assert errors[0] > 1.7 * errors[1] > 1.7**2 * errors[2]


def test_the_bound_of_steps_is_nearly_attained_by_a_straight_line():
    net = step_net(lambda x: x, 0, 1, 10, steepness=1e4)
    error = largest_error(net, lambda x: x, 0, 1, 100_001)
    assert 0.049 < error <= 0.05  # half of what the bound allows: h from both sides of a step
    mild = step_net(lambda x: x, 0, 1, 10, steepness=4)
    assert largest_error(mild, lambda x: x, 0, 1) <= step_bound(0.1, 4)


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_an_ordinary_net_that_can_be_trained(make, dtype):
    net = make(torch.sin, 0, 3, 7, dtype=dtype)
    assert [tuple(p.shape) for p in net.parameters()] == [(7, 1), (7,), (1, 7), (1,)]
    assert all(p.dtype == dtype and p.requires_grad for p in net.parameters())
    assert isinstance(net[1], nn.ReLU if make is interpolating_net else nn.Sigmoid)
    x = torch.linspace(0, 3, 50, dtype=dtype)[:, None]
    before = (net(x) - x.sin()).square().mean()
    before.backward()
    outer = net[2].weight
    with torch.no_grad():
        outer -= 1e-3 * outer.grad
    assert all(p.grad.isfinite().all() and p.grad.any() for p in net.parameters())
    assert (net(x) - x.sin()).square().mean() < before


@pytest.mark.parametrize("make", NETS)
def test_one_piece_and_a_constant(make):
    constant = make(lambda x: torch.full_like(x, 7.0), -1, 1, 1)
    assert constant(column([-1.0, 0.3, 1.0])).flatten().tolist() == [7.0, 7.0, 7.0]


def test_it_does_not_depend_on_torchs_defaults_and_leaves_the_argument_alone():
    seen = []

    def f(x):
        seen.append(x.dtype)
        return x.mul_(2)

    with torch.device("meta"):
        made = interpolating_net(f, 0, 1, 3)
    assert made(column([0.5])).item() == 1.0
    assert seen == [torch.float64]


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"a": 1, "b": 1}, ValueError, "a must be below b, got a=1 and b=1"),
        ({"a": 2, "b": 1}, ValueError, "a must be below b, got a=2 and b=1"),
        ({"a": float("nan")}, ValueError, "a must be a finite number, got nan"),
        ({"b": float("inf")}, ValueError, "b must be a finite number, got inf"),
        ({"a": "0"}, TypeError, "a must be .*got '0'"),
        ({"b": True}, TypeError, "b must be .*got True"),
        ({"b": torch.tensor(1.0)}, TypeError, "b must be .*got tensor"),
        ({"a": -1e308, "b": 1e308}, ValueError, "b - a must be finite"),
        ({"pieces": 0}, ValueError, "pieces must be an integer of at least 1, got 0"),
        ({"pieces": 2.0}, TypeError, "pieces must be .*got 2.0"),
        ({"pieces": True}, TypeError, "pieces must be .*got True"),
        ({"a": 1e4, "b": 1e4 + 1, "pieces": 5000, "dtype": torch.float32}, ValueError,
         "pieces must be so few that torch.float32 .*got 5000"),
        ({"b": 1e300, "dtype": torch.float32}, ValueError, "torch.float32"),
        ({"dtype": torch.float16}, ValueError, "dtype must be .*got torch.float16"),
        ({"dtype": torch.int64}, ValueError, "dtype must be .*got torch.int64"),
        ({"dtype": "float32"}, TypeError, "dtype must be .*got 'float32'"),
        ({"f": 3.0}, TypeError, "f must be a function .*got 3.0"),
        ({"f": lambda x: x.numpy()}, TypeError, r"f must return .*shape \(5,\), got ndarray"),
        ({"f": lambda x: x > 0}, TypeError, "f must return .*got torch.bool"),
        ({"f": lambda x: x.to(torch.complex128)}, TypeError, "f must return .*got torch.complex"),
        ({"f": lambda x: x[:, None]}, ValueError, r"f must return .*\(5,\), got \(5, 1\)"),
        ({"f": lambda x: x.sum()}, ValueError, r"f must return .*got \(\)"),
        ({"f": lambda x: x.to("meta")}, ValueError, "f must return .*got meta"),
        ({"f": lambda x: 1 / x}, ValueError, r"f must be finite on \[a, b\], got inf at 0.0"),
        ({"f": torch.sqrt, "a": -1}, ValueError, "f must be finite .*got nan at -1.0"),
        ({"f": lambda x: 1e300 * x, "dtype": torch.float32}, ValueError,
         "f must have values and slopes within the range of torch.float32"),
        ({"f": lambda x: 1e308 * (2 * x - 1.1).sign()}, ValueError, "within the range"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(make, change, kind, message):
    with pytest.raises(kind, match=message):
        make(**{"f": torch.sin, "a": 0, "b": 1, "pieces": 4, **change})


@pytest.mark.parametrize("steepness", [0, -1.0, float("nan"), float("inf"), "2", True, 1e308])
def test_a_wrong_steepness_is_named(steepness):
    with pytest.raises((TypeError, ValueError), match=r"steepness must .*got"):
        step_net(torch.sin, 0, 1, 4, steepness=steepness)


def test_steepness_may_be_as_large_as_the_type_allows():
    with pytest.raises(ValueError, match=r"steepness must give weights .*float32, got 1e"):
        step_net(torch.sin, 0, 1, 4, steepness=1e38, dtype=torch.float32)
    net = step_net(lambda x: x, 0, 1, 4, steepness=1e300)
    assert net(column([0.1, 0.2, 0.8, 0.9])).flatten().tolist() == [0.0, 0.25, 0.75, 1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interpolation_bound(1, 0, 4, 1), "a must be below b"),
        (lambda: interpolation_bound(0, 1, 0, 1), "pieces must be"),
        (lambda: interpolation_bound(0, 1, 4, -1), "curvature must be .*got -1"),
        (lambda: interpolation_bound(0, 1, 4, float("nan")), "curvature must be .*got nan"),
        (lambda: step_bound(-0.1), "modulus must be .*got -0.1"),
        (lambda: step_bound(0.1, 0), "steepness must be .*got 0"),
    ],
)
def test_bounds_refuse_what_they_cannot_bound(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@given(st.floats(0, 1e6), st.floats(1e-3, 1e3))
def test_the_bound_of_steps_is_its_formula(modulus, steepness):
    assume(modulus == 0 or modulus > 1e-300)
    expected = modulus / (1 - math.exp(-steepness / 2))
    assert step_bound(modulus, steepness) == pytest.approx(expected, rel=1e-9)


def test_a_bound_out_of_range_is_infinite():
    assert interpolation_bound(0, 1e200, 1, 1.0) == math.inf
