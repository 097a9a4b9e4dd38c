import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_lib.derivatives.critical_points import critical_point
from course_lib.problems import monkey_saddle, rosenbrock, saddle

signs = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=7)
seeds = st.integers(0, 10_000)


def zeros(n, dtype=torch.float64):
    return torch.zeros(n, dtype=dtype)


def random_orthogonal(n, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(n, n, dtype=torch.float64, generator=generator))[0].to(dtype)


def quadratic(eigenvalues, seed=0, center=0.0, dtype=torch.float64):
    """A quadratic with these curvatures in randomly turned directions, and its Hessian."""
    Q = random_orthogonal(len(eigenvalues), seed)
    H = (Q * torch.tensor(eigenvalues, dtype=torch.float64)) @ Q.T
    H = ((H + H.T) / 2).to(dtype)
    return (lambda x: (x - center) @ H @ (x - center) / 2 + 3), H


def expected_verdict(eigenvalues):
    if min(eigenvalues) > 0:
        return "strict local minimum"
    if max(eigenvalues) < 0:
        return "strict local maximum"
    return "strict saddle" if min(eigenvalues) < 0 < max(eigenvalues) else "degenerate"


@given(signs, seeds, st.floats(1e-12, 1e12), st.sampled_from([torch.float32, torch.float64]))
def test_a_quadratic_is_judged_by_the_signs_of_its_curvatures(kinds, seed, scale, dtype):
    sizes = np.random.default_rng(seed).uniform(0.01, 1, len(kinds))
    eigenvalues = [scale * a * b for a, b in zip(kinds, sizes, strict=True)]
    f, _ = quadratic(eigenvalues, seed, dtype=dtype)
    point = critical_point(f, zeros(len(kinds), dtype))
    assert point.verdict == expected_verdict(kinds), point.reason
    assert point.first_order
    assert point.second_order == (min(kinds) >= 0)


@given(signs, seeds)
def test_the_eigenvalues_are_those_of_the_hessian(kinds, seed):
    f, H = quadratic(kinds, seed, center=1.0)
    point = critical_point(f, zeros(len(kinds)))
    np.testing.assert_allclose(point.eigenvalues, np.linalg.eigvalsh(H.numpy()), atol=1e-12)
    expected = H @ -torch.ones(len(kinds), dtype=torch.float64)
    assert point.gradient_norm == pytest.approx(expected.norm().item(), abs=1e-12)


def test_no_curvature_of_a_wide_spectrum_is_taken_for_zero():
    f, _ = quadratic([1e-11, 1.0])
    assert critical_point(f, zeros(2)).verdict == "strict local minimum"
    f, _ = quadratic([-1e-11, 1.0])
    assert critical_point(f, zeros(2)).verdict == "strict saddle"


@given(st.floats(1e-6, 1e3), seeds)
def test_a_point_with_a_slope_is_not_critical(distance, seed):
    f, _ = quadratic([0.5, 1.0, 2.0], seed)
    direction = random_orthogonal(3, seed + 1)[0]
    point = critical_point(f, distance * direction)
    assert point.verdict == "not critical"
    assert f"{point.gradient_norm:.3g}" in point.reason
    assert not point.first_order
    assert point.second_order  # the two conditions are told apart


@given(st.floats(1e-100, 1e100), st.floats(1e-3, 1e3))
def test_a_multiple_of_the_function_is_judged_alike(factor, distance):
    f, _ = quadratic([1.0, 3.0])
    for far in (1e-10, distance):
        x = torch.tensor([far, -far], dtype=torch.float64)
        assert critical_point(f, x).verdict == critical_point(lambda x: factor * f(x), x).verdict


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rosenbrock(dtype):
    f = rosenbrock().value
    assert critical_point(f, torch.ones(2, dtype=dtype)).verdict == "strict local minimum"
    start = rosenbrock().start.to(dtype)
    judged = critical_point(f, start)
    assert judged.verdict == "not critical"
    assert judged.eigenvalues.dtype == dtype
    rounded = torch.ones(2, dtype=dtype).nextafter(2 * torch.ones(2, dtype=dtype))
    assert critical_point(f, rounded).verdict == "strict local minimum"


def test_a_minimiser_that_a_method_found_is_recognised():
    x = rosenbrock().start.requires_grad_()
    method = torch.optim.LBFGS([x], max_iter=200, tolerance_change=0, line_search_fn="strong_wolfe")

    def closure():
        method.zero_grad()
        value = rosenbrock().value(x)
        value.backward()
        return value

    method.step(closure)
    assert critical_point(rosenbrock().value, x).verdict == "strict local minimum"


def test_the_saddle_fails_the_second_condition_and_the_monkey_saddle_passes_both():
    strict = critical_point(saddle().value, zeros(2))
    assert (strict.verdict, strict.first_order, strict.second_order) == (
        "strict saddle", True, False,
    )  # fmt: skip
    monkey = critical_point(monkey_saddle().value, zeros(2))
    assert (monkey.verdict, monkey.first_order, monkey.second_order) == ("degenerate", True, True)


@given(st.sampled_from([3, 4, 5, 6, 8]), st.floats(-300, 0))
def test_near_a_flat_minimum_or_inflection_no_verdict_is_claimed(power, exponent):
    x = torch.tensor([10.0**exponent], dtype=torch.float64)
    assert critical_point(lambda x: x.pow(power).sum(), x).verdict in ("degenerate", "not critical")


@given(st.floats(-12, 0))
def test_a_steep_direction_beside_a_flat_one_does_not_hide_it(exponent):
    x = torch.tensor([0.0, 10.0**exponent], dtype=torch.float64)
    verdict = critical_point(lambda x: 5 * x[0] ** 2 + x[1] ** 4, x).verdict
    assert verdict in ("degenerate", "not critical")


@given(st.floats(0, 2 * math.pi), st.floats(-15, -8.5))
def test_close_to_the_monkey_saddle_rounding_decides_nothing(angle, exponent):
    direction = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    assert critical_point(monkey_saddle().value, 10**exponent * direction).verdict == "degenerate"


def test_flat_directions_beside_steep_ones():
    for curvature, answer in ((1, "no maximum"), (-1, "no minimum")):
        point = critical_point(lambda x, c=curvature: c * x[0] ** 2 + x[1] ** 4, zeros(2))
        assert point.verdict == "degenerate"
        assert answer in point.reason
    assert critical_point(lambda x: 0 * x.sum(), zeros(3)).verdict == "degenerate"
    assert critical_point(lambda x: x.sum(), zeros(3)).verdict == "not critical"


def test_a_wider_tolerance_accepts_a_rough_minimiser():
    f, _ = quadratic([1.0, 4.0])
    x = torch.tensor([1e-4, 1e-4], dtype=torch.float64)
    assert critical_point(f, x).verdict == "not critical"
    assert critical_point(f, x, tolerance=1e-3).verdict == "strict local minimum"


@given(st.floats(1, 1e8))
def test_the_tolerance_is_relative_far_from_the_origin(far):
    f, _ = quadratic([1.0, 4.0], center=far)
    x = torch.full((2,), far, dtype=torch.float64)
    assert critical_point(f, x * (1 + 1e-10)).verdict == "strict local minimum"
    assert critical_point(f, x * (1 + 1e-6)).verdict == "not critical"


def test_half_precision_is_judged_in_single():
    for dtype in (torch.float16, torch.bfloat16):
        point = critical_point(lambda x: (x * x).sum(), zeros(3, dtype))
        assert point.verdict == "strict local minimum"
        assert point.eigenvalues.dtype == torch.float32


def test_a_nets_loss_has_as_many_eigenvalues_as_weights():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(9, 2, generator=generator, dtype=torch.float64)
    W = torch.randn(3 * 2 + 3, generator=generator, dtype=torch.float64)

    def loss(w):
        return nn.functional.mse_loss(torch.tanh(x @ w[:6].reshape(2, 3)) @ w[6:], x[:, 0])

    point = critical_point(loss, W)
    assert point.eigenvalues.shape == (9,)
    H = torch.func.hessian(loss)(W)
    torch.testing.assert_close(point.eigenvalues, torch.linalg.eigvalsh(H))
    symmetric = critical_point(loss, zeros(9))  # all weights zero: the gradient is zero
    assert symmetric.verdict == "strict saddle"


def test_the_point_is_left_alone_and_gradients_may_be_off():
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        point = critical_point(rosenbrock().value, x)
    assert point.verdict == "strict local minimum"
    assert x.grad is None
    point.x.zero_()
    assert bool((x == 1).all())


@pytest.mark.parametrize(
    ("f", "x", "kind", "message"),
    [
        (None, zeros(2), TypeError, "f must be a function of a tensor, got None"),
        (torch.sum, [0.0, 1.0], TypeError, r"x must be .*got \[0.0, 1.0\]"),
        (torch.sum, zeros(0), ValueError, r"x must be .*got shape \(0,\)"),
        (torch.sum, zeros((2, 2)), ValueError, r"x must be .*got shape \(2, 2\)"),
        (torch.sum, zeros(()), ValueError, r"x must be .*got shape \(\)"),
        (torch.sum, torch.zeros(2, dtype=torch.int64), ValueError, "dtype torch.int64"),
        (torch.sum, torch.zeros(2, dtype=torch.complex64), ValueError, "dtype torch.complex64"),
        (torch.sum, torch.tensor([0.0, math.nan]), ValueError, "x must be finite, got"),
        (torch.sum, torch.tensor([math.inf]), ValueError, "x must be finite, got"),
        (lambda x: 1.0, zeros(2), TypeError, r"f\(x\) must be .*got 1.0"),
        (lambda x: x, zeros(2), ValueError, r"f\(x\) must be .*got shape \(2,\)"),
        (lambda x: x.sum(0, keepdim=True), zeros(2), ValueError, r"got shape \(1,\)"),
        (lambda x: x.detach().sum(), zeros(2), ValueError, "depends on x, .*requires_grad=False"),
        (lambda x: x.log().sum(), zeros(2), ValueError, r"finite .*got for the value -inf"),
        (lambda x: x.sqrt().sum(), zeros(1), ValueError, r"got for the gradient \[inf\]"),
        (lambda x: x.pow(1.5).sum(), zeros(1), ValueError, r"got for the Hessian \[\[inf\]\]"),
        (lambda x: x.pow(2.5).sum(), zeros(1), ValueError, r"for the slopes .*\[inf\]"),
    ],
)
def test_bad_input_is_refused(f, x, kind, message):
    with pytest.raises(kind, match=message):
        critical_point(f, x)


@pytest.mark.parametrize("tolerance", [0, -1e-3, 1, math.nan, math.inf])
def test_a_tolerance_is_between_zero_and_one(tolerance):
    with pytest.raises(ValueError, match=f"tolerance must be .*above 0.*got {tolerance}"):
        critical_point(torch.sum, zeros(2), tolerance=tolerance)
    with pytest.raises(TypeError, match=r"tolerance must be .*got '0.1'"):
        critical_point(torch.sum, zeros(2), tolerance="0.1")
