"""Single functions of the classical test set, against what follows by hand."""

import pytest
import torch
from scipy.optimize import brentq, rosen, rosen_der, rosen_hess

from course_lib.problems import classical_test_set as collection


def test_rosenbrock_is_scipys():
    f = collection.rosenbrock()
    for point in ([-1.2, 1.0], [0.3, -2.0]):
        x = torch.tensor(point, dtype=torch.float64)
        assert f.value(x).item() == pytest.approx(rosen(point))
        assert torch.func.grad(f.value)(x).tolist() == pytest.approx(list(rosen_der(point)))
        hessian = torch.func.hessian(f.value)(x)
        torch.testing.assert_close(hessian, torch.from_numpy(rosen_hess(point)))


def test_the_helical_valley_jumps_below_and_not_where_it_starts():
    f = collection.helical_valley()

    def at(x1, x2):
        return f.residuals(torch.tensor([x1, x2, 0.0], dtype=torch.float64))[0].item() / -100

    assert at(1.0, 0.0) == 0
    assert at(0.0, 1.0) == pytest.approx(0.25)
    assert at(-1.0, 1e-12) == pytest.approx(0.5)
    assert at(-1.0, -1e-12) == pytest.approx(0.5)
    assert at(-1e-12, -1.0) == pytest.approx(0.75)
    assert at(1e-12, -1.0) == pytest.approx(-0.25)


def test_gulf_has_derivatives_where_a_measurement_meets_a_variable():
    f = collection.gulf_research(100)
    best = f.minimizers[0]
    assert f.value(best).item() < 1e-25
    assert torch.func.grad(f.value)(best).abs().max().item() < 1e-12
    # There |y - x₂|^x₃ has no second derivative, but f has: its residual vanishes as well.
    jacobian = torch.func.jacfwd(f.residuals)(best)
    torch.testing.assert_close(torch.func.hessian(f.value)(best), 2 * jacobian.T @ jacobian)


def test_other_minimisers_of_the_almost_linear_function():
    n = 10
    f = collection.brown_almost_linear(n)
    root = brentq(lambda a: n * a**n - (n + 1) * a ** (n - 1) + 1, 0.9, 0.99, xtol=1e-15)
    x = torch.tensor([root] * (n - 1) + [root ** (1 - n)], dtype=torch.float64)
    assert f.value(x).item() < 1e-25


def test_valleys_of_the_three_dimensional_function_are_level():
    f = collection.box_three_dimensional()
    assert f.value(torch.tensor([[2.0, 2.0, 0.0], [7.0, 7.0, 0.0]])).tolist() == [0, 0]


def test_small_cases_follow_by_hand():
    x = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    # n = 3: h = 1/4, and x_0 = x_4 = 0.
    boundary = collection.discrete_boundary_value(3).residuals(x)
    cubes = [(0.5 + 0.25 + 1) ** 3, (1 + 0.5 + 1) ** 3, (2 + 0.75 + 1) ** 3]
    expected = [1.0 - 1 + cubes[0] / 32, 2 - 2.5 + cubes[1] / 32, 4 - 1 + cubes[2] / 32]
    assert boundary.tolist() == pytest.approx(expected)
    tridiagonal = collection.broyden_tridiagonal(3).residuals(x)
    assert tridiagonal.tolist() == pytest.approx([1 - 2 + 1, 1 - 0.5 - 4 + 1, -2 - 1 + 1])
    banded = collection.broyden_banded(3).residuals(x)
    expected = [0.5 * 3.25 + 1 - 2, 7 + 1 - 0.75 - 6, 2 * 22 + 1 - 0.75 - 2]
    assert banded.tolist() == pytest.approx(expected)
    assert collection.chebyquad(1, 2).residuals(x[1:2]).tolist() == pytest.approx([1, 4 / 3])


def test_linear_minima_are_those_of_their_normal_equations():
    for make in (
        collection.linear_full_rank,
        collection.linear_rank_1,
        collection.linear_rank_1_with_zeros,
    ):
        for n, m in ((3, 3), (4, 9), (7, 20)):
            f = make(n, m)
            zero = torch.zeros(n, dtype=torch.float64)
            design, constant = torch.func.jacfwd(f.residuals)(zero), f.residuals(zero)
            best = -torch.linalg.pinv(design) @ constant
            assert f.value(best).item() == pytest.approx(f.minima[0], rel=1e-12, abs=1e-12)
            torch.testing.assert_close(best, f.minimizers[0], rtol=1e-10, atol=1e-12)


def test_sizes_without_published_minimum_state_none():
    assert collection.watson(7).minima == ()
    assert collection.chebyquad(8, 9).minima == ()
    assert collection.chebyquad(11).minima == ()
    assert collection.jennrich_sampson(5).minima == ()
    assert collection.brown_dennis(19).minima == ()
    assert collection.biggs_exp6(7).minima == (0.0,)
    assert collection.penalty_1(5).minimizers == ()
