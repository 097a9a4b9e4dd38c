"""Saddle-free Newton: away from saddles, Newton in bowls; and its Krylov form."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.derivatives import critical_point
from course_lib.methods import Newton, SaddleFreeNewton
from course_lib.problems import beale, bounded_saddle, long_valley, monkey_saddle, rosenbrock
from course_lib.training import FunctionClosure, fit, minimize
from tests.methods.quadratics import Quadratic, matrix_of, quadratics

DOUBLE = torch.float64
both_forms = pytest.mark.parametrize("solver", ["exact", "Krylov"])


def indefinite(n, seed):
    """A quadratic with a saddle, whose curvatures have sizes from 1 to 10 and both signs."""
    generator = torch.Generator().manual_seed(seed)
    signs = torch.where(torch.arange(n) % 2 == 0, -1.0, 1.0).to(DOUBLE)
    eigenvalues = signs * torch.logspace(0, 1, n, dtype=DOUBLE)
    return Quadratic(
        matrix_of(eigenvalues, seed), torch.randn(n, generator=generator, dtype=DOUBLE)
    )


def absolute(H):
    eigenvalues, Q = torch.linalg.eigh(H)
    return Q @ torch.diag(eigenvalues.abs()) @ Q.T


def run(f, start, steps=1, **options):
    return minimize(f, start, lambda p: SaddleFreeNewton(p, **options), steps=steps)


@both_forms
@given(n=st.integers(2, 9), seed=st.integers(0, 2**31), damping=st.sampled_from([0, 0.03, 2.0]))
def test_the_step_is_the_formulas(solver, n, seed, damping):
    """With as many Lanczos vectors as variables the Krylov form is the exact one."""
    f = indefinite(n, seed)
    path = run(f, f.start, damping=damping, solver=solver, krylov_size=n, lr=0.7)
    matrix = absolute(f.A) + damping * torch.eye(n, dtype=DOUBLE)
    want = -0.7 * torch.linalg.solve(matrix, f.A @ f.start - f.b)
    torch.testing.assert_close(path.x[1] - path.x[0], want, rtol=1e-9, atol=1e-9)


@given(n=st.integers(2, 9), seed=st.integers(0, 2**31))
def test_newton_jumps_to_the_saddle_and_it_moves_away_along_negative_curvature(n, seed):
    f = indefinite(n, seed)
    x0 = f.minimizer + f.b  # beside the critical point, which is a saddle
    torch.testing.assert_close(minimize(f, x0, Newton, steps=1).x[1], f.minimizer)
    away = run(f, x0, damping=0).x - f.minimizer
    eigenvalues, Q = torch.linalg.eigh(f.A)
    before, after = (Q.T @ offset for offset in away)
    torch.testing.assert_close(after[eigenvalues < 0], 2 * before[eigenvalues < 0])
    torch.testing.assert_close(
        after[eigenvalues > 0], torch.zeros_like(after[eigenvalues > 0]), rtol=0, atol=1e-9
    )


@both_forms
@given(quadratics(max_condition=1e4))
def test_in_a_bowl_it_is_newtons_step(solver, f):
    ours = run(f, f.start, damping=0, solver=solver, krylov_size=f.n)
    newton = minimize(f, f.start, Newton, steps=1)
    torch.testing.assert_close(ours.x[1], newton.x[1], rtol=1e-7, atol=1e-9)


@given(n=st.integers(1, 9), seed=st.integers(0, 2**31))
def test_the_matrix_behind_the_step_is_symmetric_positive_and_has_the_square_of_h(n, seed):
    """Seen column by column: a start with the gradient e_i gives the i-th column of -|H|^-1."""
    f = indefinite(n, seed)
    units = torch.eye(n, dtype=DOUBLE)
    columns = []
    for unit in units:
        path = run(f, torch.linalg.solve(f.A, f.b + unit), damping=0)
        columns.append(path.x[0] - path.x[1])
    inverse = torch.stack(columns, dim=1)
    torch.testing.assert_close(inverse, inverse.T, rtol=0, atol=1e-9)
    assert bool((torch.linalg.eigvalsh(inverse) > 0).all())
    torch.testing.assert_close(inverse @ inverse @ f.A @ f.A, units, rtol=0, atol=1e-8)


@given(n=st.integers(8, 30), size=st.integers(1, 7), seed=st.integers(0, 2**31))
def test_fewer_lanczos_vectors_lead_to_the_best_damping_in_their_subspace(n, size, seed):
    f = indefinite(n, seed)
    dampings = [0.5, 1.0, 2.0]
    path = run(f, f.start, damping=dampings, solver="Krylov", krylov_size=size)
    g = f.A @ f.start - f.b
    powers = torch.stack([torch.linalg.matrix_power(f.A, j) @ g for j in range(size)], dim=1)
    V = torch.linalg.qr(powers / powers.norm(dim=0)).Q
    seen = absolute(V.T @ f.A @ V)
    ends = [
        f.start - V @ torch.linalg.solve(seen + damping * torch.eye(size, dtype=DOUBLE), V.T @ g)
        for damping in dampings
    ]
    best = min(ends, key=lambda x: f(x).item())
    torch.testing.assert_close(path.x[1], best, rtol=1e-6, atol=1e-6)
    assert path.touched["hessian"] == size
    assert path.touched["value"] <= len(dampings)


def test_the_krylov_form_asks_for_one_product_more_once_it_has_made_a_step():
    f = indefinite(20, 0)
    path = run(f, f.start, steps=3, solver="Krylov", krylov_size=4, damping=[1.0, 2.0])
    assert path.touched["hessian"] == 4 + 5 + 5


def test_with_one_lanczos_vector_and_the_last_step_a_bowl_is_solved_as_by_conjugate_gradients():
    """The best point of the plane of gradient and last step is that of linear CG."""
    f = Quadratic(
        matrix_of(torch.logspace(0, 1.5, 6, dtype=DOUBLE), 3), torch.ones(6, dtype=DOUBLE)
    )
    path = run(f, f.start, steps=6, solver="Krylov", krylov_size=1, damping=0)
    assert f.gap(path.x[5]) > 1e-8
    assert f.gap(path.x[6]) < 1e-20


@both_forms
@settings(max_examples=40)
@given(x=st.floats(-1, 1), y=st.floats(-1, 1))
@pytest.mark.parametrize(
    "surface", [rosenbrock(), beale(), long_valley(), bounded_saddle()], ids=repr
)
def test_with_several_dampings_it_goes_down_from_anywhere(solver, surface, x, y):
    path = run(surface.value, torch.tensor([x, y], dtype=DOUBLE), 8, solver=solver, krylov_size=2)
    assert all(b < a for a, b in itertools.pairwise(path.values))


@both_forms
@pytest.mark.parametrize("surface", [long_valley(), bounded_saddle(), rosenbrock()], ids=repr)
def test_it_reaches_a_minimiser_past_the_saddle(solver, surface):
    path = run(surface.value, surface.start, 40, solver=solver, krylov_size=2)
    assert critical_point(surface.value, path.x[-1]).verdict == "strict local minimum"


def test_near_the_monkey_saddle_it_leaves():
    path = run(monkey_saddle().value, torch.tensor([1e-3, 1e-4], dtype=DOUBLE), 30)
    assert path.values[-1] < -1


@both_forms
def test_at_a_saddle_exactly_hit_and_on_the_axis_that_leads_to_it_it_finds_no_way_out(solver):
    """There the gradient does not know of the escape, and the method follows the gradient only."""
    valley = long_valley()
    stuck = run(valley.value, torch.zeros(2, dtype=DOUBLE), 3, solver=solver)
    assert stuck.reason == "the gradient is zero: the parameters are at a critical point"
    on_axis = run(valley.value, torch.tensor([1.0, 0.0], dtype=DOUBLE), 20, solver=solver)
    assert on_axis.x[:, 1].abs().max() == 0
    assert on_axis.values[-1] == pytest.approx(0.25)


def test_it_does_not_depend_on_the_unit_of_the_function():
    f = beale()
    plain = run(f.value, f.start, 10)
    scaled = run(lambda x: 1e6 * f.value(x), f.start, 10)
    torch.testing.assert_close(plain.x, scaled.x, rtol=1e-6, atol=1e-6)


def test_without_damping_a_singular_hessian_is_told_and_with_damping_it_is_no_obstacle():
    def trough(x):
        return (x[0] + x[1] - 1) ** 2

    start = torch.tensor([3.0, 5.0], dtype=DOUBLE)
    assert "singular, so that a damping above 0 is needed" in run(trough, start, damping=0).reason
    assert run(trough, start, 10).values[-1] < 1e-12
    assert run(trough, start, 30, damping=0.1).values[-1] < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_a_hessian_that_is_singular_but_for_rounding_counts_as_singular(seed):
    generator = torch.Generator().manual_seed(seed)
    A = torch.randn(5, 4, generator=generator, dtype=DOUBLE)
    path = run(lambda x: ((A.T @ x) ** 2).sum() + x.sum(), torch.ones(5, dtype=DOUBLE), damping=0)
    assert "singular" in path.reason
    assert len(path) == 0


def test_where_no_damping_lowers_the_function_nothing_moves_and_the_reason_is_told():
    """As where the values that the closure tells are not those of its gradients."""
    x = torch.ones(2, dtype=DOUBLE, requires_grad=True)

    class Lifted(FunctionClosure):
        def value(self):
            return 10 + super().value()

    method = SaddleFreeNewton([x])
    method.step(Lifted(lambda x: (x * x).sum(), x))
    assert method.reason == "no damping of the grid lowers the function"
    assert torch.equal(x, torch.ones_like(x))


def test_trials_at_which_the_function_is_not_a_number_are_passed_over():
    """Newton's step from 2 leads below 0, where the logarithm does not exist."""
    path = run(lambda x: (x * x.log()).sum(), torch.tensor([2.0], dtype=DOUBLE), 20)
    assert all(b < a for a, b in itertools.pairwise(path.values))
    assert path.x[-1].item() == pytest.approx(math.exp(-1))


def test_a_hessian_that_is_not_finite_is_told():
    for solver in ("exact", "Krylov"):
        path = run(
            lambda x: (x.abs() ** 1.5).sum() + x.sum(), torch.zeros(2, dtype=DOUBLE), solver=solver
        )
        assert "Hessian" in path.reason
        assert "not finite" in path.reason


@both_forms
def test_it_trains_a_small_net_from_a_plain_loop_and_never_goes_up(solver):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 2, generator=generator, dtype=DOUBLE)
    y = torch.sin(3 * x[:, :1])
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    history = fit(
        model,
        (x, y),
        nn.functional.mse_loss,
        lambda p: SaddleFreeNewton(p, solver=solver),
        epochs=30,
    )
    losses = [*history.losses, nn.functional.mse_loss(model(x), y).item()]
    assert all(b < a for a, b in itertools.pairwise(losses))
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"damping": -1.0}, ValueError, "damping must be a non-negative finite number, got -1.0"),
        ({"damping": [0.1, math.inf]}, ValueError, "damping must be a non-negative .*got inf"),
        ({"damping": []}, ValueError, "damping must hold at least one number"),
        ({"damping": "grid"}, TypeError, "damping must be .*got 'grid'"),
        ({"solver": "Lanczos"}, ValueError, r"solver must be one of \['exact', 'Krylov'\]"),
        ({"krylov_size": 0}, ValueError, "krylov_size must be an integer of at least 1, got 0"),
        ({"max_size": 1.5}, TypeError, "max_size must be an integer .*got 1.5"),
        ({"lr": -0.1}, ValueError, "lr must be a non-negative finite number, got -0.1"),
    ],
)
def test_wrong_options_are_refused(options, kind, message):
    with pytest.raises(kind, match=message):
        SaddleFreeNewton([torch.ones(2, requires_grad=True)], **options)


def test_too_many_variables_for_a_matrix_are_refused_and_krylov_takes_them():
    f = indefinite(6, 0)
    with pytest.raises(ValueError, match="max_size must be at least the number of variables, 6"):
        run(f, f.start, max_size=5)
    assert len(run(f, f.start, max_size=5, solver="Krylov", krylov_size=2)) == 1


def test_where_all_is_flat_a_variable_without_effect_does_not_make_up_a_scale():
    start = torch.tensor([1.0, -2.0])
    for f in (lambda x: x[0] * 1.0, lambda x: x.sum() * 1.0):
        run = minimize(f, start, SaddleFreeNewton, steps=2)
        assert run.reason == "the Hessian is singular, so that a damping above 0 is needed"
        assert len(run) == 0
    run = minimize(lambda x: x[0] * 1.0, start, lambda p: SaddleFreeNewton(p, damping=2), steps=1)
    assert run.x[-1].tolist() == [0.5, -2.0]


def test_a_small_saddle_beside_a_variable_without_effect_is_no_singular_one():
    start = torch.tensor([1.0, 0.25, 3.0], dtype=torch.float64)
    run = minimize(
        lambda x: 1e-20 * x[0] * x[1], start, lambda p: SaddleFreeNewton(p, damping=0), steps=1
    )
    # |H| is 1e-20 times the identity on the first two, and g there 1e-20 (x_2, x_1).
    torch.testing.assert_close(run.x[-1], torch.tensor([0.75, -0.75, 3.0]).double())
