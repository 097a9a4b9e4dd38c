"""The 35 functions against values of the paper's own subroutines, and against scipy's solvers."""

import pytest
import torch
from scipy.optimize import least_squares
from torch.autograd import gradcheck, gradgradcheck

from course_lib.problems import classical_test_set as collection
from course_lib.problems import more_garbow_hillstrom

FUNCTIONS = more_garbow_hillstrom()
LARGER = [
    collection.watson(9),
    collection.watson(12),
    collection.penalty_1(10),
    collection.penalty_2(10),
    collection.chebyquad(9),
    collection.chebyquad(10),
]
each = pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.name)
each_size = pytest.mark.parametrize("f", FUNCTIONS + LARGER, ids=lambda f: f"{f.name} {f.n}")

# n, m, f(start), f(0.9 start + 0.02), computed with the subroutines that the authors published
# (TOMS Algorithm 566 and the tests of MINPACK, in their translations to C).
ARGONNE = {
    1: (2, 2, 24.2, 8.388896),
    2: (2, 2, 400.5, 193.526780257),
    3: (2, 2, 1.13526171735, 33489.1433514),
    4: (2, 3, 999998000003.0, 999998160003.0),
    5: (2, 3, 14.203125, 12.3443259081),
    6: (2, 10, 4171.30616196, 2481.16889231),
    7: (3, 3, 2500.0, 2445.58505398),
    8: (3, 15, 41.6816958617, 47.5063159226),
    9: (3, 15, 3.88810699117e-06, 0.00100709120784),
    10: (3, 16, 1693607809.44, 1004288816.68),
    11: (3, 99, 12.1107058256, 10.8906346212),
    12: (3, 10, 1031.15381061, 824.458502159),
    13: (4, 4, 215.0, 146.70879296),
    14: (4, 6, 19192.0, 12518.8966144),
    15: (4, 11, 0.00531317227211, 0.00467730179739),
    16: (4, 20, 7926693.337, 4763268.82246),
    17: (5, 33, 0.879026293545, 0.652345632369),
    18: (6, 13, 0.779070075656, 0.98495139224),
    19: (11, 65, 2.09341951421, 4.02430659358),
    20: (6, 31, 30.0, 24.5468171855),
    21: (10, 10, 121.0, 41.94448),
    22: (12, 12, 645.0, 440.12637888),
    23: (4, 5, 885.06264, 595.926319576),
    24: (4, 8, 2.34000880546, 1.53458995965),
    25: (10, 12, 2198551.1625, 2326856.51151),
    26: (10, 10, 0.00707575946622, 0.0056050198515),
    27: (10, 10, 273.248047829, 306.899048294),
    28: (10, 10, 0.000788519101265, 0.00144106109921),
    29: (10, 10, 0.0634168415795, 0.0126056749728),
    30: (10, 10, 21.0, 9.7814784),
    31: (10, 10, 360.0, 137.440355328),
    32: (5, 10, 25.0, 23.432),
    33: (5, 10, 84985.0, 71811.4),
    34: (5, 10, 15886.0, 13399.7536),
    35: (8, 8, 0.0386176982859, 0.0949057675366),
}


def leaf(x):
    return x.clone().requires_grad_()


def beside(f):
    """A point near the start where all third derivatives are at work."""
    generator = torch.Generator().manual_seed(f.number)
    away = torch.rand(f.n, generator=generator, dtype=torch.float64)
    return f.start * (1 + 0.05 * away) + (0.0 if f.number in (10, 17) else 0.05) * away


def fitted(f):
    """scipy's least squares from the standard start."""
    return least_squares(
        lambda x: f.residuals(torch.from_numpy(x)).numpy(),
        f.start.numpy(),
        jac=lambda x: torch.func.jacfwd(f.residuals)(torch.from_numpy(x)).numpy(),
        method="lm",
        xtol=1e-11,
        ftol=1e-11,
        gtol=1e-11,
        max_nfev=1000,
    )


def test_all_35_are_there_in_the_order_of_the_paper():
    assert [f.number for f in FUNCTIONS] == list(range(1, 36)) == list(ARGONNE)
    assert len({f.name for f in FUNCTIONS}) == 35
    assert len(set(collection.FOR_MINIMIZATION)) == 18
    assert {f.number for f in FUNCTIONS} > set(collection.FOR_MINIMIZATION)


@each
def test_sizes_and_values_are_those_of_the_authors_subroutines(f):
    n, m, at_start, nearby = ARGONNE[f.number]
    assert (f.n, f.m) == (n, m)
    assert f.start.shape == (n,)
    assert f.start.dtype == torch.float64
    assert f.value(f.start).item() == pytest.approx(at_start, rel=1e-11)
    assert f.value(0.9 * f.start + 0.02).item() == pytest.approx(nearby, rel=1e-11)


@each
def test_points_come_in_any_shape(f):
    points = torch.stack([f.start, beside(f), 0.5 * f.start, f.start + 0.1]).reshape(2, 2, f.n)
    residuals, values = f.residuals(points), f.value(points)
    assert residuals.shape == (2, 2, f.m)
    assert values.shape == (2, 2)
    for i in range(2):
        for j in range(2):
            alone = f.residuals(points[i, j])
            torch.testing.assert_close(residuals[i, j], alone, rtol=1e-12, atol=1e-12)
            assert values[i, j].item() == pytest.approx(alone.square().sum().item(), rel=1e-12)
    assert f.residuals(points[:0]).shape == (0, 2, f.m)


@each
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_dtype_is_that_of_the_point(f, dtype):
    residuals = f.residuals(f.start.to(dtype))
    assert residuals.dtype == f.value(f.start.to(dtype)).dtype == dtype
    if dtype == torch.float32:
        exact = f.residuals(f.start.to(dtype).double())
        scale = exact.abs().max().item()
        torch.testing.assert_close(residuals.double(), exact, rtol=1e-5, atol=1e-5 * scale)


@each
def test_the_device_is_that_of_the_point(f):
    x = torch.zeros(3, f.n, device="meta")
    assert f.residuals(x).device == f.value(x).device == x.device


@each
def test_both_derivatives_are_those_of_differences(f):
    x = beside(f)
    scale = x.abs().clamp_min(1e-2)
    # In units of its own size each variable is near 1, the functions are divided by theirs.
    size = f.residuals(x).abs().max()

    def scaled(u):
        return f.residuals(u * scale) / size

    u = leaf(x / scale)
    assert gradcheck(scaled, u, eps=1e-6, atol=1e-5, rtol=1e-4)
    assert gradgradcheck(scaled, u, eps=1e-6, atol=1e-4, rtol=1e-4)


@each_size
def test_derivatives_are_finite_at_the_start_and_at_the_minimisers(f):
    for x in [f.start, *(point for point in f.minimizers if point is not None)]:
        assert torch.func.grad(f.value)(x).isfinite().all()
        assert torch.func.hessian(f.value)(x).isfinite().all()


@each_size
def test_published_minimisers_take_the_published_minima(f):
    assert len(f.minima) == len(f.minimizers) == len(f.units)
    for minimum, point, unit in zip(f.minima, f.minimizers, f.units, strict=True):
        if point is None:
            continue
        assert f.value(point).item() == pytest.approx(minimum, abs=unit + 1e-20, rel=1e-14)
        # In the variables that make the Hessian's diagonal 1, no step lowers f by much.
        gradient, hessian = torch.func.grad(f.value)(point), torch.func.hessian(f.value)(point)
        diagonal = hessian.diagonal().clamp_min(1e-12)
        lowered = (gradient.square() / diagonal).sum().item()
        assert lowered <= 1e-12 * (abs(minimum) + 1e-6)
        eigenvalues = torch.linalg.eigvalsh(hessian / (diagonal[:, None] * diagonal).sqrt())
        assert eigenvalues.min().item() > -1e-8


# From their starts, least squares end elsewhere than in a minimum that the paper lists.
ELSEWHERE = {26: 2.795056e-5}


@each_size
def test_published_minima_are_reached_from_the_start(f):
    value = 2 * fitted(f).cost
    if f.number in ELSEWHERE:
        assert value == pytest.approx(ELSEWHERE[f.number], rel=1e-6)
        return
    assert any(
        abs(value - minimum) <= unit + 1e-13
        for minimum, unit in zip(f.minima, f.units, strict=True)
    )


def test_the_second_minimum_of_exponentials_is_a_saddle_where_two_terms_agree():
    f = collection.biggs_exp6()

    def whole(u):
        return torch.cat([u, u[:1], u[2:3]])

    found = least_squares(
        lambda u: f.residuals(whole(torch.from_numpy(u))).numpy(),
        (1.0, 2.0, 1.0, 1.0),
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    x = whole(torch.from_numpy(found.x))
    assert f.value(x).item() == pytest.approx(f.minima[1], abs=f.units[1])
    assert torch.func.grad(f.value)(x).abs().max().item() < 1e-7
    assert torch.linalg.eigvalsh(torch.func.hessian(f.value)(x)).min().item() < -5e-3


@pytest.mark.parametrize(
    ("f", "far"),
    [
        (collection.bard(), (0.8406, -1e9, -1e9)),
        # Found by a solver: numerator and denominator of the fit grow together.
        (collection.kowalik_osborne(), None),
    ],
    ids=["Bard", "Kowalik and Osborne"],
)
def test_the_second_minimum_is_approached_far_away(f, far):
    assert f.minimizers[1] is None
    if far is None:
        found = least_squares(
            lambda x: f.residuals(torch.from_numpy(x)).numpy(),
            (1e6, -14.0, -1e7, -1e7),
            x_scale=(1e6, 1.0, 1e6, 1e6),
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
        )
        far = found.x
        assert far[1] == pytest.approx(-14.07, abs=0.02)
    value = f.value(torch.tensor(far, dtype=torch.float64)).item()
    assert value == pytest.approx(f.minima[1], abs=f.units[1])


def test_integral_and_boundary_equation_share_their_solution():
    n = 12
    boundary = collection.discrete_boundary_value(n)
    solution = torch.from_numpy(fitted(boundary).x)
    assert boundary.value(solution).item() < 1e-20
    assert collection.discrete_integral_equation(n).value(solution).item() < 1e-20
