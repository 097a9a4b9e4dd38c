import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import rosen, rosen_der

from course_lib.derivatives.critical_points import critical_point
from course_lib.problems import (
    Surface,
    beale,
    bounded_saddle,
    classical_test_set,
    elongated_quadratic,
    long_valley,
    monkey_saddle,
    rosenbrock,
    rotated,
    rotated_quadratic,
    saddle,
    saddles,
    valleys,
)
from course_lib.training import minimize

# Whatever is added to the modules is tested as it stands, with its default arguments.
MADE = [getattr(room, name) for room in (valleys, saddles) for name in room.__all__]
SURFACES = [
    made for make in MADE if make is not saddles.NoisySurface if isinstance(made := make(), Surface)
]
OTHERS = [
    elongated_quadratic(1), rotated_quadratic(1e4, -2.0), rosenbrock(0.3), long_valley(0.5, 30),
    bounded_saddle(3),
    rotated(long_valley()),
    rotated(saddle(), -0.3),
    rotated(beale(), 2.0),
]  # fmt: skip
every_surface = pytest.mark.parametrize("surface", SURFACES + OTHERS, ids=repr)
coordinates = st.floats(-1e4, 1e4)


def inside(surface, count=200):
    generator = torch.Generator().manual_seed(0)
    low, high = torch.tensor(surface.box, dtype=torch.float64).T
    share = torch.rand(count, 2, dtype=torch.float64, generator=generator)
    return low + share * (high - low)


@every_surface
@given(coordinates, coordinates)
def test_the_gradient_is_autograds(surface, u, v):
    x = torch.tensor([u, v], dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(surface.value(x), x)
    allowed = 1e-9 * expected.abs().max().item() + 1e-300  # for what is subnormal
    torch.testing.assert_close(surface.gradient(x.detach()), expected, rtol=0, atol=allowed)


@every_surface
def test_value_and_gradient_of_points_in_any_shape(surface):
    points = inside(surface, 6).reshape(2, 3, 2)
    values, gradients = surface.value(points), surface.gradient(points)
    assert values.shape == (2, 3)
    assert gradients.shape == points.shape
    for i in range(2):
        for j in range(3):
            assert values[i, j] == surface.value(points[i, j])
            assert torch.equal(gradients[i, j], surface.gradient(points[i, j]))
    assert surface.value(points[:0]).shape == (0, 3)


@every_surface
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtype_and_device_are_those_of_the_point(surface, dtype):
    x = surface.start.to(dtype)
    assert surface.value(x).dtype == surface.gradient(x).dtype == dtype
    meta = torch.zeros(5, 2, dtype=dtype, device="meta")
    assert surface.value(meta).device == surface.gradient(meta).device == meta.device


@every_surface
def test_minimisers_have_the_minimum_and_pass_both_conditions(surface):
    for point in surface.minimizers:
        assert surface.value(point).item() == pytest.approx(surface.minimum, abs=1e-12)
        judged = critical_point(surface.value, point)
        assert judged.first_order
        assert judged.second_order
    assert surface.minimizers.shape == (len(surface.minimizers), 2)
    assert surface.minimizers.dtype == torch.float64


@every_surface
def test_nothing_lies_below_the_minimum(surface):
    values = surface.value(inside(surface, 2000))
    assert bool((values >= surface.minimum).all())
    if len(surface.minimizers):
        assert surface.value(surface.grid(400)).min().item() < surface.minimum + 0.1
    if surface.minimum == -math.inf:
        assert surface.value(1e6 * inside(surface)).min().item() < -1e9


@every_surface
def test_start_and_minimisers_are_in_the_box(surface):
    low, high = torch.tensor(surface.box, dtype=torch.float64).T
    for point in (surface.start, *surface.minimizers):
        assert bool(((low <= point) & (point <= high)).all())
    assert surface.gradient(surface.start).norm() > 0


@every_surface
def test_the_grid_fills_the_box(surface):
    grid = surface.grid(7)
    (left, right), (bottom, top) = surface.box
    assert grid.shape == (7, 7, 2)
    np.testing.assert_allclose(grid[3, :, 0], np.linspace(left, right, 7), atol=1e-15)
    np.testing.assert_allclose(grid[:, 2, 1], np.linspace(bottom, top, 7), atol=1e-15)
    assert bool((grid[:, :, 0].diff(dim=0) == 0).all())


@every_surface
def test_what_it_hands_out_can_be_changed_without_harm(surface):
    surface.start.zero_()
    surface.minimizers.fill_(7)
    assert surface.start.norm() > 0
    assert not bool((surface.minimizers == 7).any())


@every_surface
def test_gradient_descent_goes_down(surface):
    path = minimize(
        surface.value, surface.start, lambda params: torch.optim.SGD(params, lr=1e-5), steps=20
    )
    assert bool((np.diff(path.values) < 0).all())
    assert path.x.dtype == torch.float64


@given(coordinates, coordinates)
def test_rosenbrock_is_scipys(u, v):
    x = torch.tensor([u, v], dtype=torch.float64)
    assert rosenbrock().value(x).item() == pytest.approx(rosen(x.numpy()), rel=1e-12)
    expected = rosen_der(x.numpy())
    allowed = 1e-12 * np.abs(expected).max()
    np.testing.assert_allclose(rosenbrock().gradient(x), expected, rtol=0, atol=allowed)


@given(coordinates, coordinates)
def test_the_monkey_saddle_is_the_real_part_of_a_cube_and_the_saddle_of_a_square(u, v):
    x, z = torch.tensor([u, v], dtype=torch.float64), complex(u, v)
    assert monkey_saddle().value(x).item() == pytest.approx((z**3).real, abs=1e-12 * abs(z) ** 3)
    assert saddle().value(x).item() == pytest.approx((z**2).real, abs=1e-12 * abs(z) ** 2)


@given(coordinates, coordinates)
def test_beales_function_is_that_of_the_classical_test_set(u, v):
    x = torch.tensor([u, v], dtype=torch.float64)
    assert beale().value(x).item() == pytest.approx(classical_test_set.beale().value(x).item())


def test_beales_function_has_a_saddle_beside_its_start():
    point = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert critical_point(beale().value, point).verdict == "strict saddle"


@pytest.mark.parametrize("surface", [long_valley(), long_valley(2, 9), bounded_saddle()], ids=repr)
def test_between_two_minimisers_there_is_a_strict_saddle(surface):
    origin = torch.zeros(2, dtype=torch.float64)
    assert critical_point(surface.value, origin).verdict == "strict saddle"
    for point in surface.minimizers:
        assert critical_point(surface.value, point).verdict == "strict local minimum"


@given(st.floats(0.1, 20), st.floats(0.1, 100))
def test_a_long_valley_has_the_curvatures_that_its_formula_tells(length, steepness):
    H = torch.func.hessian(long_valley(length, steepness).value)(
        torch.zeros(2, dtype=torch.float64)
    )
    want = torch.diag(torch.tensor([steepness, -1 / length**2], dtype=torch.float64))
    torch.testing.assert_close(H, want)


@given(st.floats(1e-3, 100))
def test_the_bounded_saddles_minimum_is_the_least_value_on_its_escape(escape):
    surface = bounded_saddle(escape)
    v = surface.minimizers[1, 1] * torch.linspace(0, 2, 20001, dtype=torch.float64)
    values = surface.value(torch.stack([torch.zeros_like(v), v], dim=-1))
    assert values.min().item() == pytest.approx(surface.minimum, rel=1e-7)


@every_surface
def test_a_surface_can_be_pickled(surface):
    twin, points = pickle.loads(pickle.dumps(surface)), inside(surface)
    assert torch.equal(twin.value(points), surface.value(points))
    assert torch.equal(twin.gradient(points), surface.gradient(points))


@given(st.floats(1, 1e6), st.floats(-10, 10))
def test_a_rotated_quadratic_has_the_curvatures_and_the_direction_asked_for(condition, angle):
    surface = rotated_quadratic(condition, angle)
    H = torch.func.hessian(surface.value)(surface.start)
    along = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    across = torch.stack([-along[1], along[0]])
    torch.testing.assert_close(H @ along, along, rtol=0, atol=1e-12 * condition)
    torch.testing.assert_close(H @ across, condition * across, rtol=1e-12, atol=1e-12 * condition)


def test_without_rotation_it_is_the_elongated_one():
    points = inside(elongated_quadratic())
    torch.testing.assert_close(
        rotated_quadratic(25, 0).value(points), elongated_quadratic(25).value(points)
    )


@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(-10, 10))
def test_a_turned_surface_has_the_values_and_the_turned_slopes(u, v, angle):
    c, s = math.cos(angle), math.sin(angle)
    x = torch.tensor([u, v], dtype=torch.float64)
    R = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    for surface in (beale(), long_valley(), saddle()):
        turned = rotated(surface, angle)
        torch.testing.assert_close(turned.value(R @ x), surface.value(x), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(turned.start, R @ surface.start)
        torch.testing.assert_close(turned.minimizers, surface.minimizers @ R.T)
    torch.testing.assert_close(
        rotated(elongated_quadratic(25), angle).gradient(x),
        rotated_quadratic(25, angle).gradient(x),
        rtol=1e-9,
        atol=1e-9 * (1 + float(x.norm())),
    )


def test_the_formula_tells_the_parameters():
    assert "25" in elongated_quadratic(25).formula
    assert "7.5" in rosenbrock(7.5).formula
    assert "25" in rotated_quadratic(25, 0.5).formula
    assert f"{math.cos(0.5):.3g}" in rotated_quadratic(25, 0.5).formula


@every_surface
def test_nan_stays_nan_and_bad_points_are_refused(surface):
    assert surface.value(torch.tensor([math.nan, 1.0])).isnan()
    for ask in (surface.value, surface.gradient):
        for x in (torch.zeros(3), torch.zeros(()), torch.zeros(2, 1)):
            with pytest.raises(ValueError, match=r"x must be .* shape \(…, 2\), got shape"):
                ask(x)
        for dtype in (torch.int64, torch.bool, torch.complex64):
            with pytest.raises(ValueError, match=f"got shape .* dtype {dtype}"):
                ask(torch.zeros(2, dtype=dtype))
        with pytest.raises(TypeError, match=r"x must be .*got \[0.0, 1.0\]"):
            ask([0.0, 1.0])


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: elongated_quadratic(0.5), ValueError, "condition must be .*at least 1, got 0.5"),
        (lambda: elongated_quadratic(math.inf), ValueError, "condition must be .*got inf"),
        (lambda: elongated_quadratic("10"), TypeError, "condition must be .*got '10'"),
        (lambda: rotated_quadratic(math.nan), ValueError, "condition must be .*got nan"),
        (lambda: rotated_quadratic(2, math.nan), ValueError, "angle must be .*got nan"),
        (lambda: rotated_quadratic(2, "90"), TypeError, "angle must be .*got '90'"),
        (lambda: rosenbrock(0), ValueError, "steepness must be .*above 0, got 0"),
        (lambda: rosenbrock(True), TypeError, "steepness must be .*got True"),
        (lambda: long_valley(0), ValueError, "length must be .*above 0, got 0"),
        (lambda: long_valley(4, -1), ValueError, "steepness must be .*above 0, got -1"),
        (lambda: bounded_saddle("c"), TypeError, "escape must be .*got 'c'"),
        (lambda: rotated("saddle"), TypeError, "surface must be a Surface, got 'saddle'"),
        (lambda: rotated(saddle(), math.inf), ValueError, "angle must be .*got inf"),
        (lambda: saddle().grid(1), ValueError, "points must be .*at least 2, got 1"),
    ],
)
def test_wrong_parameters_are_named(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
