"""The trust-region method: down from anywhere, past saddles, and what it tells where it cannot."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize as scipys_minimize
from torch import nn

from course_lib.methods import NoStepError, TrustRegion
from course_lib.training import fit, minimize

SOLVERS = ["exact", "dogleg", "Steihaug-CG"]
each_solver = pytest.mark.parametrize("solver", SOLVERS)


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def beale(x):
    y = torch.stack([x[1], x[1] ** 2, x[1] ** 3])
    return ((torch.tensor([1.5, 2.25, 2.625], dtype=x.dtype) - x[0] * (1 - y)) ** 2).sum()


def powell_singular(x):
    return (
        (x[0] + 10 * x[1]) ** 2
        + 5 * (x[2] - x[3]) ** 2
        + (x[1] - 2 * x[2]) ** 4
        + 10 * (x[0] - x[3]) ** 4
    )


def saddle(x):
    """x² - y², bounded below by y⁴ / 4: minimisers (0, ±√2), lowest value -1."""
    return x[0] ** 2 - x[1] ** 2 + x[1] ** 4 / 4


def monkey_saddle(x):
    """x³ - 3 x y² has a Hessian of zeros at 0; the quartic bounds it below."""
    return x[0] ** 3 - 3 * x[0] * x[1] ** 2 + (x[0] ** 2 + x[1] ** 2) ** 2 / 4


def run(f, start, solver="exact", *, steps=100, stop=None, **options):
    start = torch.tensor(start, dtype=torch.float64)
    return minimize(
        f, start, lambda p: TrustRegion(p, solver=solver, **options), steps=steps, stop=stop
    )


def small_gradient(path):
    return "small gradient" if path.gradient_norms[-1] < 1e-8 else None


def never_rises(values):
    return all(
        after <= before + 1e-14 * max(abs(before), abs(after))
        for before, after in itertools.pairwise(values)
    )


@each_solver
@pytest.mark.parametrize(
    ("f", "start", "lowest", "tolerance"),
    [
        (rosenbrock, [-1.2, 1.0], 0.0, 1e-16),
        (beale, [1.0, 1.0], 0.0, 1e-16),
        (powell_singular, [3.0, -1.0, 0.0, 1.0], 0.0, 1e-9),
        (saddle, [1.0, 1e-6], -1.0, 1e-12),
        (monkey_saddle, [0.1, 0.2], -27 / 4, 1e-9),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_it_goes_down_to_a_minimum(f, start, lowest, tolerance, solver):
    path = run(f, start, solver, stop=small_gradient)
    assert never_rises(path.values)
    assert path.values[-1] == pytest.approx(lowest, abs=tolerance)
    assert path.reason == "small gradient"


@each_solver
def test_at_a_saddle_only_the_exact_solver_goes_on(solver):
    path = run(saddle, [0.0, 0.0], solver, stop=lambda path: None)
    if solver == "exact":
        assert path.values[-1] == pytest.approx(-1.0)
    else:
        assert len(path) == 0
        assert path.reason == "the gradient is zero: the parameters are at a critical point"


def test_from_the_axis_that_leads_into_the_saddle_only_the_exact_solver_escapes():
    """On y = 0 the gradient has no part along y, so neither have Krylov spaces nor dogleg paths."""
    ends = {solver: run(saddle, [1.0, 0.0], solver, steps=50).x[-1] for solver in SOLVERS}
    assert abs(ends["exact"][1].item()) == pytest.approx(math.sqrt(2))
    for solver in ("dogleg", "Steihaug-CG"):
        torch.testing.assert_close(ends[solver], torch.zeros(2, dtype=torch.float64))


@each_solver
def test_it_needs_hardly_more_evaluations_than_scipy(solver):
    method = {"exact": "trust-exact", "dogleg": "dogleg", "Steihaug-CG": "trust-ncg"}[solver]

    def value(x):
        return float(rosenbrock(torch.tensor(x)))

    def gradient(x):
        x = torch.tensor(x, requires_grad=True)
        return torch.autograd.grad(rosenbrock(x), x)[0].numpy()

    def hessian(x):
        return torch.autograd.functional.hessian(rosenbrock, torch.tensor(x)).numpy()

    theirs = scipys_minimize(
        value, [-1.2, 1.0], jac=gradient, hess=hessian, method=method, options={"gtol": 1e-8}
    )
    ours = run(rosenbrock, [-1.2, 1.0], solver, stop=small_gradient)
    assert ours.touched["value"] <= 1.2 * theirs.nfev
    assert ours.touched["gradient"] <= 1.2 * theirs.njev


@each_solver
def test_it_converges_faster_than_linearly_near_a_minimiser(solver):
    path = run(beale, [2.8, 0.4], solver, stop=small_gradient)
    errors = (path.x - torch.tensor([3.0, 0.5], dtype=torch.float64)).norm(dim=1)
    ratios = [b / a for a, b in itertools.pairwise(errors.tolist()) if b > 1e-12]
    assert ratios[-1] < 0.05
    assert ratios[-1] < ratios[0]


@settings(max_examples=30)
@given(st.sampled_from(SOLVERS), st.floats(-8, 8), st.floats(-3, 3), st.floats(-3, 3))
def test_from_anywhere_with_any_first_radius_the_value_never_rises(solver, log_radius, x, y):
    path = run(rosenbrock, [x, y], solver, radius=10.0**log_radius, steps=15)
    assert never_rises(path.values)


@each_solver
@pytest.mark.parametrize("beyond", [math.nan, math.inf, -math.inf])
def test_a_trial_without_a_value_only_shrinks_the_radius(solver, beyond):
    """F(x) = x - log x where x > 0, and no number elsewhere."""

    def f(x):
        inside = x - torch.log(x.clamp(min=1e-300))
        return torch.where(x > 0, inside, torch.full_like(x, beyond)).sum()

    path = run(f, [5.0], solver, radius=100.0, stop=small_gradient)
    assert path.x[-1].item() == pytest.approx(1.0)
    assert bool((path.x > 0).all())


@each_solver
def test_a_hessian_that_is_not_finite_is_told_and_nothing_moves(solver):
    def f(x):  # value 0 and gradient 1 at 0, but the second derivative of x^1.5 is infinite there
        return (x.abs() ** 1.5 + x).sum()

    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    method = TrustRegion([x], solver=solver)

    def closure():
        method.zero_grad()
        loss = f(x)
        loss.backward()
        return loss

    method.step(closure)
    assert "Hessian" in method.reason
    assert "not finite" in method.reason
    assert x.item() == 0.0


@each_solver
def test_at_a_kink_it_says_that_nothing_lowers_the_function(solver):
    path = run(lambda x: torch.maximum(-x, 2 * x).sum(), [0.0], solver)  # autograd tells slope 1/2
    assert path.reason == "no step that changes the parameters lowers the function"
    assert path.x[-1].item() == 0.0


@each_solver
def test_it_trains_a_small_net_on_the_full_batch(solver):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(60, 4, generator=generator, dtype=torch.float64)
    y = torch.sin(x[:, :1]) * x[:, 1:2]
    torch.manual_seed(1)
    layers = nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 10), nn.Tanh(), nn.Linear(10, 1)
    model = nn.Sequential(*layers).double()
    assert sum(p.numel() for p in model.parameters()) > 200
    history = fit(
        model, (x, y), nn.functional.mse_loss, lambda p: TrustRegion(p, solver=solver), epochs=12
    )
    assert never_rises(history.losses)
    affine = torch.cat([x, torch.ones(60, 1, dtype=torch.float64)], dim=1)
    residual = affine @ torch.linalg.lstsq(affine, y).solution - y
    assert nn.functional.mse_loss(model(x), y) < 0.8 * (residual**2).mean()


def test_the_radius_is_remembered_and_bounded():
    x = torch.tensor([100.0], dtype=torch.float64, requires_grad=True)
    method = TrustRegion([x], radius=1.0, max_radius=4.0)

    def closure():
        method.zero_grad()
        loss = (x**2).sum()
        loss.backward()
        return loss

    lengths = []
    for _ in range(5):
        before = x.item()
        method.step(closure)
        lengths.append(before - x.item())
    assert lengths == pytest.approx([1, 2, 4, 4, 4])
    method.param_groups[0]["max_radius"] = 0.5
    before = x.item()
    method.step(closure)
    assert before - x.item() == pytest.approx(0.5)


def test_a_model_that_breaks_its_promise_shrinks_the_radius_to_a_quarter():
    """F(x) = -x + 100 x⁴ from 0: the model is -x, the trials are 1, 1/4 and 1/16."""
    path = run(lambda x: (-x + 100 * x**4).sum(), [0.0], steps=1)
    assert path.x[-1].item() == pytest.approx(1 / 16)
    assert path.touched["value"] == 3


def test_too_many_variables_for_a_matrix_are_refused_and_products_suffice():
    x = torch.ones(50, dtype=torch.float64, requires_grad=True)

    def f(x):
        return (x**2).sum()

    for solver in ("exact", "dogleg"):
        with pytest.raises(ValueError, match=r"max_size must be at least .* 50, .* got 49"):
            minimize(f, x, lambda p, s=solver: TrustRegion(p, solver=s, max_size=49), steps=1)
    path = minimize(
        f, x, lambda p: TrustRegion(p, solver="Steihaug-CG", max_size=49, radius=10), steps=1
    )
    assert path.values[-1] == pytest.approx(0.0, abs=1e-25)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"solver": "2d"}, ValueError, r"solver must be one of \['dogleg', .*\], got '2d'"),
        ({"radius": 0.0}, ValueError, "radius must be a number above 0, got 0"),
        ({"radius": math.inf}, ValueError, "radius must be a finite number above 0, got inf"),
        ({"radius": math.nan}, ValueError, "radius must be a number above 0, got nan"),
        ({"radius": "1"}, TypeError, "radius must be a number above 0, got '1'"),
        ({"radius": True}, TypeError, "radius must be a number above 0, got True"),
        ({"max_radius": -1.0}, ValueError, "max_radius must be a number above 0, got -1"),
        ({"max_size": 0}, ValueError, "max_size must be an integer of at least 1, got 0"),
    ],
)
def test_wrong_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        TrustRegion([torch.ones(2, requires_grad=True)], **options)


def test_no_step_error_is_what_a_caller_of_advance_sees():
    method = TrustRegion([torch.ones(1, requires_grad=True)])
    point = _Flat()
    with pytest.raises(NoStepError, match="critical point"):
        method.advance(point, {}, {"radius": 1.0, "max_radius": math.inf})


class _Flat:
    """A point of a constant function."""

    size, value = 1, 0.0
    x = gradient = torch.zeros(1)

    def hessian(self):
        return torch.zeros(1, 1)


@each_solver
def test_where_values_are_rounded_off_the_gradients_lead_on_to_the_minimiser(solver):
    """Beside 10⁸, a fall of 10⁻⁹ is lost: values alone would leave x some 10⁻⁴ away."""
    path = run(lambda x: 1e8 + beale(x), [2.8, 0.4], solver, stop=small_gradient)
    torch.testing.assert_close(
        path.x[-1], torch.tensor([3.0, 0.5], dtype=torch.float64), rtol=1e-7, atol=0
    )
    assert path.reason == "small gradient"
