import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch import nn

from course_lib.design_choices import (
    ACTIVATIONS,
    Activation,
    desiderata,
    desiderata_table,
    leaky_relu,
    leaky_relu_derivative,
)
from course_lib.design_choices.slopes import find_jumps, find_kinks, find_range

CELLS = torch.linspace(-10, 10, 4002, dtype=torch.float64)


def made(function, derivative, name="made"):
    return Activation(name, function, derivative, nn.Identity, "f(x)", in_lecture=False)


def by_autograd(function):
    def derivative(x):
        x = x.detach().clone().requires_grad_()
        return torch.autograd.grad(function(x).sum(), x)[0]

    return made(function, derivative)


@pytest.fixture(scope="module")
def table():
    return dict(zip(ACTIVATIONS, desiderata(), strict=True))


def test_breaks_are_where_theory_says(table):
    assert {key for key, entry in table.items() if entry.jumps} == {"sign"}
    assert {key for key, entry in table.items() if entry.kinks} == {
        "relu",
        "leaky_relu",
        "absolute",
    }
    assert {key for key, entry in table.items() if entry.differentiable} == {
        "sigmoid", "tanh", "elu", "gelu", "silu", "softplus",
    }  # fmt: skip
    (jump,) = table["sign"].jumps
    assert (jump.x, jump.left, jump.right) == (0, -1, 1)
    slopes = {"relu": (0, 1), "leaky_relu": (0.01, 1), "absolute": (-1, 1)}
    for key, expected in slopes.items():
        (kink,) = table[key].kinks
        assert kink.x == 0
        assert (kink.left, kink.right) == pytest.approx(expected, abs=1e-9)


def test_zero_slopes_are_where_theory_says(table):
    assert {key for key, entry in table.items() if entry.flat} == {"sign", "relu"}
    assert table["sign"].flat == ((-10, 0), (0, 10))
    assert table["sign"].flat_share == 1
    assert table["relu"].flat == ((-10, 0),)
    assert table["relu"].flat_share == 0.5


def test_small_slopes_begin_where_the_derivative_crosses_the_threshold(table):
    cell = 20 / 4001
    # sigma' = t means that cosh(x / 2) = 1 / (2 sqrt t); 1 / cosh(x)^2 = t that it is 1 / sqrt t.
    crossing = {"sigmoid": 2 * math.acosh(50), "tanh": math.acosh(100)}
    for key, x in crossing.items():
        left, right = table[key].small
        assert left == (-10, pytest.approx(-x, abs=cell))
        assert right == (pytest.approx(x, abs=cell), 10)
        assert table[key].small_share == pytest.approx((10 - x) / 10, abs=1 / 4001)
    assert table["relu"].small_share == 0.5
    assert table["leaky_relu"].small == ()
    (loose,) = desiderata([ACTIVATIONS["leaky_relu"]], threshold=0.02)
    assert loose.small == ((-10, 0),)


def test_slopes_and_values_have_the_bounds_of_theory(table):
    slopes = {key: entry.slopes for key, entry in table.items()}
    assert slopes["sign"] == (0, 0)
    assert slopes["sigmoid"][1] == 0.25
    assert slopes["tanh"][1] == 1
    assert slopes["relu"] == (0, 1)
    assert slopes["leaky_relu"] == (0.01, 1)
    assert slopes["absolute"] == (-1, 1)
    steepest = 0.5 * (1 + math.erf(1)) + math.exp(-1) / math.sqrt(math.pi)  # at sqrt 2
    assert slopes["gelu"] == pytest.approx((1 - steepest, steepest), abs=1e-5)
    values = {key: entry.values for key, entry in table.items()}
    assert values["sign"] == values["tanh"] == (-1, 1)
    assert values["sigmoid"] == (0, 1)
    assert values["relu"] == values["softplus"] == values["absolute"] == (0, math.inf)
    assert values["leaky_relu"] == (-math.inf, math.inf)
    assert values["elu"] == (-1, math.inf)
    far = {key: (entry.slope_far_left, entry.slope_far_right) for key, entry in table.items()}
    saturating = {key for key, ends in far.items() if ends == (0, 0)}
    assert saturating == {"sign", "sigmoid", "tanh"}
    assert far["absolute"] == (-1, 1)


def test_means_are_those_of_a_quadrature(table):
    for key, entry in table.items():
        f = ACTIVATIONS[key].function

        def weighted(z, f=f):
            return f(torch.tensor(z, dtype=torch.float64)).item() * stats.norm.pdf(z)

        expected, _ = integrate.quad(weighted, -12, 12, points=[0], epsabs=1e-11)
        assert entry.mean == pytest.approx(expected, abs=1e-6)
    assert {key for key, entry in table.items() if entry.zero_centred} == {"sign", "tanh"}


def test_symmetry_and_growth_are_seen(table):
    assert {key for key, entry in table.items() if entry.odd} == {"sign", "tanh"}
    assert {key for key, entry in table.items() if entry.even} == {"absolute"}
    falling = {key for key, entry in table.items() if not entry.increasing}
    assert falling == {"absolute", "gelu", "silu"}


@settings(max_examples=30)
@given(x=st.floats(-9.9, 9.9), left=st.floats(-3, 3), change=st.floats(0.02, 3), up=st.booleans())
def test_a_kink_is_found_wherever_it_is(x, left, change, up):
    right = left + (change if up else -change)

    def bent(z):
        return torch.where(z < x, left * (z - x), right * (z - x)) + torch.sin(z)

    assert find_jumps(bent, CELLS) == []
    (kink,) = find_kinks(bent, CELLS, [])
    assert kink.x == pytest.approx(x, abs=1e-5)
    slope = math.cos(x)
    assert (kink.left, kink.right) == pytest.approx((left + slope, right + slope), abs=1e-4)


@settings(max_examples=30)
@given(x=st.floats(-9.9, 9.9), height=st.floats(0.02, 100), up=st.booleans())
def test_a_jump_is_found_wherever_it_is_and_not_taken_for_a_kink(x, height, up):
    height = height if up else -height

    def broken(z):
        return torch.where(z < x, torch.zeros_like(z), height) + torch.cos(z)

    jumps = find_jumps(broken, CELLS)
    (jump,) = jumps
    assert jump.x == pytest.approx(x, abs=1e-8)
    assert jump.right - jump.left == pytest.approx(height, abs=1e-9)
    assert find_kinks(broken, CELLS, jumps) == []


@settings(max_examples=30)
@given(steepness=st.floats(0.01, 1000), x=st.floats(-9, 9))
def test_what_is_steep_but_smooth_has_no_break(steepness, x):
    def steep(z):
        return torch.tanh(steepness * (z - x))

    assert find_jumps(steep, CELLS) == []
    assert find_kinks(steep, CELLS, []) == []


def test_several_breaks_are_all_found():
    (entry,) = desiderata([by_autograd(F.hardtanh)])
    assert [kink.x for kink in entry.kinks] == [-1, 1]
    assert entry.flat == ((-10, -1), (1, 10))
    assert entry.flat_share == pytest.approx(0.9, abs=1e-3)
    edges = torch.linspace(-3.5, 3.5, 71, dtype=torch.float64)
    assert [jump.x for jump in find_jumps(torch.floor, edges)] == [-3, -2, -1, 0, 1, 2, 3]


def test_it_is_computed_from_the_function_it_gets():
    half = made(lambda x: leaky_relu(x, 0.5), lambda x: leaky_relu_derivative(x, 0.5))
    (entry,) = desiderata([half], interval=(-2, 6))
    assert entry.kinks[0].left == pytest.approx(0.5, abs=1e-9)
    assert entry.slopes == (0.5, 1)
    assert entry.interval == (-2, 6)
    (line,) = desiderata([made(lambda x: x + 0, torch.ones_like)])
    assert line.differentiable
    assert (line.slopes, line.flat, line.odd, line.cost) == ((1, 1), (), True, (1, 0))


def test_the_table_has_a_row_for_each_and_can_be_cut(table):
    lines = desiderata_table(table.values()).splitlines()
    assert len(lines) == 2 + len(ACTIVATIONS)
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| sign | 0 (jump) | −10 to 0, 0 to 10 (100%) |")
    assert "| 4.55e−5 to 0.25 | 0, 0 | 0 to 1 | 0.5 | increasing | 7 (1) |" in lines[3]
    cut = desiderata_table([table["absolute"]], ["activation", "slopes", "kind", "values"])
    assert cut.splitlines()[2] == "| absolute value | −1 to 1 | even | 0 to ∞ |"


def test_wrong_arguments_are_named(table):
    with pytest.raises(TypeError, match="Activation objects, got 'relu'"):
        desiderata(["relu"])
    with pytest.raises(TypeError, match="Activation objects, got 3"):
        desiderata(3)
    with pytest.raises(ValueError, match="activations must be at least one"):
        desiderata([])
    with pytest.raises(ValueError, match=r"interval\[1\] must be .* above 3.0, got 1"):
        desiderata(interval=(3, 1))
    with pytest.raises(ValueError, match=r"interval\[0\] must be a finite number .*, got nan"):
        desiderata(interval=(math.nan, 1))
    with pytest.raises(TypeError, match="interval must be two numbers, got 5"):
        desiderata(interval=5)
    with pytest.raises(ValueError, match=r"threshold must be .* above 0, got 0"):
        desiderata(threshold=0)
    with pytest.raises(ValueError, match=r"columns must be some of .*got 'cost'"):
        desiderata_table([table["relu"]], ["cost"])
    with pytest.raises(ValueError, match="entries must be at least one"):
        desiderata_table([])
    with pytest.raises(ValueError, match="same threshold"):
        desiderata_table([table["relu"], *desiderata([ACTIVATIONS["relu"]], threshold=0.1)])


@pytest.mark.parametrize("interval", [(-1e6, 1e6), (-1e4, 3e4), (-0.01, 0.01), (-0.0004, 0.0006)])
def test_wide_and_narrow_intervals_are_resolved(interval):
    relu, sigmoid = desiderata([ACTIVATIONS["relu"], ACTIVATIONS["sigmoid"]], interval=interval)
    (kink,) = relu.kinks
    assert (kink.x, kink.left, kink.right) == pytest.approx((0, 0, 1), abs=1e-5)
    assert sigmoid.differentiable


@pytest.mark.parametrize("interval", [(0, 1e-4), (1e5, 1e5 + 1), (-1e7, 0), (0, 1e300)])
def test_intervals_that_float64_does_not_resolve_are_refused(interval):
    with pytest.raises(ValueError, match="interval"):
        desiderata(interval=interval)


@pytest.mark.parametrize(
    ("function", "values"),
    [
        (lambda x: torch.sin(20 * x), (-1, 1)),
        (torch.atan, (-math.pi / 2, math.pi / 2)),
        (lambda x: torch.log1p(x.abs()), (0, math.inf)),
        (torch.asinh, (-math.inf, math.inf)),
        (lambda x: x / (1 + x.abs()), (-1, 1)),
        (lambda x: -x.square(), (-math.inf, 0)),
        (torch.exp, (0, math.inf)),
    ],
)
def test_values_are_bounded_for_waves_and_limits_only(function, values):
    found = find_range(function, function(CELLS))
    assert found == pytest.approx(values, abs=3e-3)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: 1 / x, ValueError, "the function of made must have finite values, got inf at 0"),
        (torch.sqrt, ValueError, "the function of made must have finite values, got nan at -"),
        (lambda x: x.float(), TypeError, "must return torch.float64 .*, got torch.float32"),
        (lambda x: None, TypeError, "must return torch.float64 .*, got None"),
        (torch.sum, TypeError, r"must return torch.float64 .* of shape \(\)"),
    ],
)
def test_what_has_no_values_on_the_interval_is_refused(function, error, message):
    with pytest.raises(error, match=message):
        desiderata([made(function, torch.ones_like)])
    if error is TypeError or function is torch.sqrt:
        with pytest.raises(error, match="the derivative of made"):
            desiderata([made(torch.zeros_like, function)])
