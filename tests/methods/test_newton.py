"""Newton's method: what the formula does, and what its modified forms do where it fails."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.methods import ArmijoBacktracking, Newton, NewtonDirection
from course_lib.training import fit, minimize

MODIFICATIONS = ["eigenvalues", "Cholesky"]
each_modification = pytest.mark.parametrize("modification", MODIFICATIONS)
all_forms = pytest.mark.parametrize("modification", [None, *MODIFICATIONS])


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def hyperbola(x):
    return torch.sqrt(1 + x * x).sum()


def saddle(x):
    return x[0] ** 2 - x[1] ** 2 + x[1] ** 4 / 4


def run(f, start, modification=None, *, steps=50, **options):
    start = torch.tensor(start, dtype=torch.float64)
    return minimize(
        f, start, lambda p: Newton(p, modification=modification, **options), steps=steps
    )


def step(method, f):
    def closure():
        method.zero_grad()
        loss = f()
        loss.backward()
        return loss

    return method.step(closure)


@all_forms
@settings(max_examples=30)
@given(n=st.integers(1, 12), seed=st.integers(0, 2**31), log_condition=st.floats(0, 8))
def test_one_step_minimises_a_quadratic_whatever_its_condition(
    modification, n, seed, log_condition
):
    """The error is that of solving Ax = b: the condition times the unit round-off."""
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    A = (Q * torch.logspace(0, log_condition, n, dtype=torch.float64)) @ Q.T
    A = (A + A.T) / 2
    goal = torch.randn(n, generator=generator, dtype=torch.float64)
    path = run(lambda x: (x - goal) @ A @ (x - goal) / 2, [0.0] * n, modification, steps=1)
    error = float((path.x[1] - goal).norm())
    assert error <= 1e-13 * 10**log_condition * n**2 * float(goal.norm())


@all_forms
def test_one_step_minimises_a_quadratic_of_parameters_of_several_shapes(modification):
    torch.manual_seed(0)
    model = nn.Linear(3, 2).double()
    x = torch.randn(20, 3, dtype=torch.float64)
    y = torch.randn(20, 2, dtype=torch.float64)
    step(Newton(model.parameters(), modification=modification), lambda: ((model(x) - y) ** 2).sum())
    design = torch.cat([x, torch.ones(20, 1, dtype=torch.float64)], dim=1)
    expected = torch.linalg.lstsq(design, y).solution
    torch.testing.assert_close(model.weight, expected[:3].T)
    torch.testing.assert_close(model.bias, expected[3])


@all_forms
def test_near_a_minimiser_the_error_is_squared(modification):
    """Of exp(u) - u, Newton's error is (e - 1 + exp(-e)), about e²/2."""
    A = torch.tensor([[1.0, 0.5], [0.0, 1.0]], dtype=torch.float64)
    path = run(lambda x: ((A @ x).exp() - A @ x).sum(), [0.5, -0.5], modification, steps=5)
    u = path.x @ A.T
    expected = u[:-1] - 1 + torch.exp(-u[:-1])
    torch.testing.assert_close(u[1:], expected, rtol=1e-6, atol=1e-14)
    assert float(u[-1].norm()) < 1e-14


@settings(max_examples=30)
@given(st.floats(0.1, 10), st.floats(-5, 5), st.integers(0, 2**31))
def test_its_steps_do_not_depend_on_the_units_of_the_variables(scale, shift, seed):
    """With x = S y, Newton's path in y is S^-1 times that in x."""
    generator = torch.Generator().manual_seed(seed)
    S = torch.randn(2, 2, generator=generator, dtype=torch.float64)
    S = S * scale + 3 * scale * torch.eye(2, dtype=torch.float64)
    if torch.linalg.cond(S) > 100:
        return
    x0 = torch.tensor([0.5 + shift / 50, 0.3], dtype=torch.float64)
    y0 = torch.linalg.solve(S, x0)
    in_x = minimize(rosenbrock, x0, Newton, steps=3)
    in_y = minimize(lambda y: rosenbrock(S @ y), y0, Newton, steps=3)
    torch.testing.assert_close(in_y.x @ S.T, in_x.x, rtol=1e-6, atol=1e-6)


def test_units_that_differ_by_many_orders_are_not_taken_for_a_singular_hessian():
    path = run(lambda x: (1e-10 * x[0] - 1) ** 2 + (1e10 * x[1] - 1) ** 2, [0.0, 0.0], steps=1)
    torch.testing.assert_close(path.x[1], torch.tensor([1e10, 1e-10], dtype=torch.float64))


def test_the_formula_diverges_on_a_convex_function_from_1_1_and_the_modified_form_does_not():
    """The step from x leads to -x³: beyond 1 the path flies away, within 1 it goes to 0."""
    path = run(hyperbola, [1.1], steps=5)
    expected = [1.1]
    for _ in range(5):
        expected.append(-(expected[-1] ** 3))
    torch.testing.assert_close(
        path.x[:, 0], torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=0
    )
    assert abs(expected[-1]) > 1e9
    assert run(hyperbola, [0.9], steps=8).x[-1].abs() < 1e-12
    for modification in MODIFICATIONS:
        assert run(hyperbola, [1.1], modification, steps=8).x[-1].abs() < 1e-8


def test_the_formula_jumps_to_a_saddle_and_the_modified_form_goes_down():
    start = [0.5, 0.1]
    path = run(saddle, start, steps=10)
    torch.testing.assert_close(path.x[-1], torch.zeros(2, dtype=torch.float64))
    assert path.values[-1] > path.values.min()
    for modification in MODIFICATIONS:
        down = run(saddle, start, modification, steps=30)
        assert down.values[-1] == pytest.approx(-1.0)
        assert all(b <= a for a, b in itertools.pairwise(down.values))


@each_modification
@settings(max_examples=30)
@given(x=st.floats(-3, 3), y=st.floats(-3, 3))
def test_the_modified_form_goes_down_from_anywhere(modification, x, y):
    path = run(rosenbrock, [x, y], modification, steps=8)
    assert all(b <= a + 1e-14 * abs(a) for a, b in itertools.pairwise(path.values))


@each_modification
def test_the_modified_form_goes_down_in_a_small_net(modification):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 2, generator=generator, dtype=torch.float64)
    y = torch.sin(3 * x[:, :1])
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    history = fit(
        model,
        (x, y),
        nn.functional.mse_loss,
        lambda p: Newton(p, modification=modification),
        epochs=30,
    )
    losses = [*history.losses, nn.functional.mse_loss(model(x), y).item()]
    assert all(b <= a for a, b in itertools.pairwise(losses))
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: (x[0] + x[1]) ** 2 + x.sum(), "singular"),
        (lambda x: x[0] ** 2 + x[1], "singular: it has a row of zeros"),
        (lambda x: (x**3).sum() + x.sum(), "singular: it has a row of zeros"),
        (lambda x: (x.abs() ** 1.5).sum() + x.sum(), "not finite"),
    ],
)
def test_without_newtons_direction_nothing_moves_and_the_reason_is_told(f, reason):
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    newton = Newton([x])
    step(newton, lambda: f(x))
    assert f"Hessian {'is ' if 'singular' in reason else ''}" in newton.reason
    assert reason in newton.reason
    assert not x.any()


@pytest.mark.parametrize("seed", range(5))
def test_a_hessian_that_is_singular_but_for_rounding_counts_as_singular(seed):
    generator = torch.Generator().manual_seed(seed)
    A = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    path = run(lambda x: ((A.T @ x) ** 2).sum() + x.sum(), [1.0] * 5)
    assert path.reason == "the Hessian is singular, so Newton's direction does not exist"
    assert len(path) == 0


@each_modification
def test_a_singular_hessian_does_not_stop_the_modified_form(modification):
    path = run(lambda x: (x[0] + x[1] - 1) ** 2, [3.0, 5.0], modification, steps=10)
    assert path.values[-1] < 1e-12


def test_the_step_is_the_learning_rate_unless_the_hessian_is_modified():
    half = run(lambda x: (x**2).sum(), [4.0], steps=1, lr=0.5)
    assert half.x[-1].item() == 2.0
    x = torch.ones(1, requires_grad=True)
    assert isinstance(Newton([x], modification="Cholesky").step_size, ArmijoBacktracking)
    searched = run(hyperbola, [1.1], steps=8, step_size=ArmijoBacktracking())
    assert searched.x[-1].abs() < 1e-8


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"modification": "QR"}, ValueError, r"modification must be one of \[None, .*got 'QR'"),
        ({"max_size": 0.5}, TypeError, "max_size must be an integer of at least 1, got 0.5"),
    ],
)
def test_wrong_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        NewtonDirection(**options)


def test_too_many_variables_for_a_matrix_are_refused():
    with pytest.raises(ValueError, match="max_size must be at least the number of variables, 3"):
        run(lambda x: (x**2).sum(), [1.0] * 3, max_size=2)


def test_a_direction_too_long_for_the_dtype_is_told():
    path = run(lambda x: (1e-320 * x**2 + x).sum(), [0.0])
    assert path.reason is not None
    assert math.isfinite(path.values[-1])


@all_forms
def test_variables_that_do_not_matter_stay_and_do_not_make_the_hessian_singular(modification):
    """As those of a dead unit: the derivative and the row of the Hessian are zero."""
    path = run(
        lambda x: (x[0] - 2) ** 2 + (x[0] + x[2]) ** 2, [1.0, 5.0, 1.0], modification, steps=1
    )
    torch.testing.assert_close(path.x[1], torch.tensor([2.0, 5.0, -2.0], dtype=torch.float64))
    assert path.x[1][1].item() == 5.0
