import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.problems import LeastSquares
from course_lib.training import fit, minimize


@pytest.fixture(scope="module")
def problem():
    return LeastSquares(300, 12, condition=40.0, seed=3)


def test_value_and_gradient_are_those_of_autograd(problem):
    w = torch.linspace(-1, 1, 12, dtype=torch.float64, requires_grad=True)
    value = problem.value(w)
    assert value.item() == pytest.approx(F.mse_loss(problem.X @ w, problem.y).item())
    (expected,) = torch.autograd.grad(value, w)
    torch.testing.assert_close(problem.gradient(w.detach()), expected)
    rows = torch.tensor([5, 17, 5])
    batch = F.mse_loss(problem.X[rows] @ w, problem.y[rows])
    torch.testing.assert_close(problem.gradient(w.detach(), rows), torch.autograd.grad(batch, w)[0])


def test_the_minimiser_is_numpys(problem):
    expected, residual, *_ = np.linalg.lstsq(problem.X.numpy(), problem.y.numpy(), rcond=None)
    np.testing.assert_allclose(problem.w_star, expected, atol=1e-10)
    assert problem.minimum == pytest.approx(residual[0] / 300)


def test_the_spectrum_is_the_one_asked_for(problem):
    eigenvalues = torch.linalg.eigvalsh(2 * problem.X.T @ problem.X / 300)
    assert problem.condition == pytest.approx(40.0)
    assert pytest.approx(eigenvalues[0].item()) == problem.mu
    assert pytest.approx(eigenvalues[-1].item()) == problem.L
    steps = eigenvalues.log().diff()
    torch.testing.assert_close(steps, steps.mean().expand(11))
    assert eigenvalues.mean().item() == pytest.approx(2.0)
    A = problem.X.T @ problem.X / 300
    assert (A - A.diag().diag()).abs().max() > 0.1  # rotated


def test_a_gaussian_matrix_has_the_condition_that_theory_says():
    problem = LeastSquares(4000, 200)
    ratio = (200 / 4000) ** 0.5
    assert problem.condition == pytest.approx(((1 + ratio) / (1 - ratio)) ** 2, rel=0.1)


def test_gap_is_the_relative_excess(problem):
    W = torch.randn(5, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    start = problem.value(torch.zeros(12, dtype=torch.float64)) - problem.minimum
    expected = problem.value(W) - problem.minimum
    torch.testing.assert_close(problem.gap(W, relative=False), expected)
    torch.testing.assert_close(problem.gap(W), expected / start)
    assert problem.gap(W).shape == (5,)
    tiny = problem.gap(problem.w_star + 1e-12)
    assert 0 < tiny < 1e-22  # below what a difference of values could show


def test_population_excess_is_the_risk_on_fresh_data():
    problem = LeastSquares(100, 5, noise=0.5)
    w = problem.w_star
    X = torch.randn(400_000, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    excess = (X @ (w - problem.w_true)).square().mean()
    assert problem.population_excess(w).item() == pytest.approx(excess.item(), rel=0.02)


def test_population_excess_with_a_condition_averages_to_noise_times_n_over_m():
    problems = [LeastSquares(100, 5, condition=10.0, noise=2.0, seed=s) for s in range(200)]
    mean = np.mean([p.population_excess(p.w_star).item() for p in problems])
    assert mean == pytest.approx(4.0 * 5 / 100, rel=0.15)


def test_without_noise_the_truth_is_the_minimiser():
    problem = LeastSquares(50, 5, noise=0.0)
    torch.testing.assert_close(problem.w_star, problem.w_true)
    assert problem.minimum < 1e-25


def test_it_does_not_depend_on_torchs_default_device():
    with torch.device("meta"):
        made = LeastSquares(20, 3, condition=4.0)
    assert torch.equal(made.X, LeastSquares(20, 3, condition=4.0).X)


def test_it_is_a_function_of_its_seed():
    a, b, c = (LeastSquares(30, 3, condition=5.0, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(a.X, b.X)
    assert torch.equal(a.y, b.y)
    assert not torch.isclose(a.X, c.X).any()
    single = LeastSquares(30, 3, condition=5.0, seed=1, dtype=torch.float32)
    assert single.X.dtype == single.w_star.dtype == torch.float32
    torch.testing.assert_close(single.X.double(), a.X)


def test_gradient_descent_by_both_loops_and_by_hand_agree(problem):
    t = 2 / (problem.L + problem.mu)
    w, zero = torch.zeros(12, dtype=torch.float64), torch.zeros(12, dtype=torch.float64)
    for _ in range(30):
        w = w - t * problem.gradient(w)

    def method(params):
        return torch.optim.SGD(params, lr=t)

    torch.testing.assert_close(minimize(problem.value, zero, method, steps=30).x[-1], w)
    model = nn.Linear(12, 1, bias=False).double()
    nn.init.zeros_(model.weight)
    fit(model, problem, F.mse_loss, method, steps=30)
    torch.testing.assert_close(model.weight[0].detach(), w)
    assert problem.gap(model.weight).shape == (1,)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"n": 0}, ValueError, "n must be an integer of at least 1, got 0"),
        ({"m": 4}, ValueError, "m must be an integer of at least 5, got 4"),
        ({"m": 9.0}, TypeError, "m must be"),
        ({"seed": -1}, ValueError, "seed"),
        ({"condition": 0.5}, ValueError, "condition must be .*got 0.5"),
        ({"condition": float("nan")}, ValueError, "condition"),
        ({"n": 1, "condition": 2.0}, ValueError, "condition must be 1 or None for n=1"),
        ({"noise": -1.0}, ValueError, "noise must be .*got -1.0"),
        ({"dtype": torch.int64}, ValueError, "dtype"),
        ({"dtype": torch.float16}, ValueError, "dtype must be .*got torch.float16"),
        ({"dtype": "float32"}, TypeError, "dtype must be .*got 'float32'"),
        ({"condition": "9"}, TypeError, "condition must be .*got '9'"),
        ({"condition": True}, TypeError, "condition must be .*got True"),
        ({"condition": 1e16}, ValueError, "condition must be .*got 1e"),
        ({"condition": 1e10, "dtype": torch.float32}, ValueError, "condition must be .*float32"),
        ({"noise": "1"}, TypeError, "noise must be .*got '1'"),
        ({"noise": None}, TypeError, "noise must be .*got None"),
    ],
)
def test_wrong_arguments_are_named(change, kind, message):
    with pytest.raises(kind, match=message):
        LeastSquares(**{"m": 10, "n": 5, **change})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_largest_condition_allowed_is_the_one_made(dtype):
    largest = 1 / torch.finfo(dtype).eps
    made = LeastSquares(200, 10, condition=largest / 10, dtype=dtype)
    assert made.condition == pytest.approx(largest / 10, rel=0.5)
    assert 0 < made.mu < made.L


def test_a_gradient_is_of_one_vector_and_some_rows(problem):
    for shape in [(12, 1), (1, 12), (3, 12), (11,), ()]:
        with pytest.raises(ValueError, match=r"w must have shape \(12,\), got"):
            problem.gradient(torch.zeros(shape, dtype=torch.float64))
    for indices in [slice(0, 0), torch.tensor([], dtype=torch.int64), 3]:
        with pytest.raises(ValueError, match="indices must choose rows"):
            problem.gradient(problem.w_star, indices)


def test_a_vector_of_another_length_is_refused(problem):
    for ask in (problem.value, problem.gap, problem.population_excess):
        with pytest.raises(ValueError, match=r"w must have shape \(…, 12\), got \(11,\)"):
            ask(torch.zeros(11, dtype=torch.float64))
