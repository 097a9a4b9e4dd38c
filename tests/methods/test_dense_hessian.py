"""The Hessian as a matrix, and positive definite matrices near it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import NoStepError, Point
from course_lib.methods.dense_hessian import dense_hessian, positive_definite, solvable
from course_lib.methods.flat import FlatParameters
from course_lib.methods.oracle import Oracle
from course_lib.training import FunctionClosure

both = pytest.mark.parametrize("modification", ["eigenvalues", "Cholesky"])


def symmetric(n, seed, log_size):
    generator = torch.Generator().manual_seed(seed)
    A = torch.randn(n, n, generator=generator, dtype=torch.float64)
    return 10.0**log_size * (A + A.T)


def point_of(f, x):
    x = x.clone().requires_grad_()
    flat = FlatParameters([x])
    return Point(flat.read(), Oracle(FunctionClosure(f, x), flat))


@both
@given(n=st.integers(1, 8), seed=st.integers(0, 2**31), log_size=st.floats(-12, 12))
def test_what_is_definite_stays_as_it_is(modification, n, seed, log_size):
    A = symmetric(n, seed, log_size)
    H = A @ A + 1e-6 * float(torch.linalg.matrix_norm(A)) ** 2 * torch.eye(n, dtype=A.dtype)
    L = positive_definite(H, modification)
    torch.testing.assert_close(L @ L.T, H)


@given(n=st.integers(1, 8), seed=st.integers(0, 2**31), log_size=st.floats(-12, 12))
def test_eigenvalues_lose_their_signs_and_keep_their_vectors(n, seed, log_size):
    H = symmetric(n, seed, log_size)
    L = positive_definite(H, "eigenvalues")
    eigenvalues, Q = torch.linalg.eigh(H)
    scale = float(eigenvalues.abs().max())
    expected = (Q * eigenvalues.abs()) @ Q.T
    torch.testing.assert_close(L @ L.T, expected, rtol=1e-7, atol=3e-8 * scale)
    assert torch.equal(L, L.tril())


@given(n=st.integers(1, 8), seed=st.integers(0, 2**31), log_size=st.floats(-12, 12))
def test_cholesky_adds_a_multiple_of_the_identity_not_much_larger_than_needed(n, seed, log_size):
    H = symmetric(n, seed, log_size)
    lowest = float(torch.linalg.eigvalsh(H)[0])
    scale = float(torch.linalg.matrix_norm(H))
    L = positive_definite(H, "Cholesky")
    added = L @ L.T - H
    tau = float(added.diagonal().mean())
    torch.testing.assert_close(
        added, tau * torch.eye(n, dtype=H.dtype), rtol=1e-9, atol=1e-9 * scale
    )
    if lowest > 0:
        assert abs(tau) <= 1e-12 * scale
    else:
        assert (
            -lowest - 1e-12 * scale <= tau <= max(2 * -lowest, 1e-3 * scale - lowest) * (1 + 1e-9)
        )


@both
def test_a_matrix_of_zeros_becomes_one_that_can_be_solved_with(modification):
    L = positive_definite(torch.zeros(3, 3), modification)
    assert float(L.diagonal().abs().min()) > 0


def test_curvature_below_the_floor_counts_as_the_floor():
    H = torch.diag(torch.tensor([1.0, -1e-14], dtype=torch.float64))
    L = positive_definite(H, "eigenvalues")
    floor = torch.finfo(torch.float64).eps ** 0.5
    torch.testing.assert_close(
        (L @ L.T).diagonal(), torch.tensor([1.0, floor], dtype=torch.float64)
    )


def test_it_is_the_hessian_of_autograd_and_symmetric():
    def f(x):
        return (x.prod() + (x**4).sum()).exp()

    x = torch.tensor([0.3, -0.5, 0.2], dtype=torch.float64)
    H = dense_hessian(point_of(f, x))
    torch.testing.assert_close(H, torch.autograd.functional.hessian(f, x))
    assert torch.equal(H, H.T)


def test_more_variables_than_allowed_are_refused_before_anything_is_computed():
    asked = []

    def f(x):
        asked.append(1)
        return (x**2).sum()

    point = point_of(f, torch.ones(3))
    with pytest.raises(ValueError, match=r"max_size must be at least .* 3, .* got 2; TrustRegion"):
        dense_hessian(point, max_size=2)
    assert not asked
    assert dense_hessian(point, max_size=3).shape == (3, 3)


def test_a_hessian_that_is_not_finite_is_told():
    point = point_of(lambda x: (x.abs() ** 1.5).sum(), torch.zeros(2))
    with pytest.raises(NoStepError, match="the Hessian at the present parameters is not finite"):
        dense_hessian(point)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_matrices_are_factored_in_at_least_single_precision(dtype, expected):
    assert solvable(torch.ones(2, dtype=dtype)).dtype == expected
    x = torch.ones(2, dtype=dtype)
    assert dense_hessian(point_of(lambda x: (x**2).sum(), x)).dtype == expected
