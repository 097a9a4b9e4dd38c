"""Lanczos vectors: orthonormal, of the Krylov space, and the matrix in them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import lanczos
from tests.methods.quadratics import matrix_of

DOUBLE = torch.float64


def drawn(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, generator=generator, dtype=DOUBLE)


def counted(H):
    asked = []

    def product(v):
        asked.append(v)
        return H @ v

    return product, asked


@given(
    n=st.integers(1, 12),
    size=st.integers(1, 14),
    seed=st.integers(0, 2**31),
    log_scale=st.floats(-150, 100),
    extra=st.booleans(),
)
def test_the_basis_is_orthonormal_and_the_small_matrix_is_the_large_one_in_it(
    n, size, seed, log_scale, extra
):
    scale = 10.0**log_scale
    H = matrix_of(torch.linspace(-2, 3, n, dtype=DOUBLE) * scale, seed)
    product, asked = counted(H)
    found = lanczos(
        product, drawn(n, seed) * scale, size, extra=drawn(n, seed + 1) * scale if extra else None
    )
    k = found.V.shape[1]
    assert len(asked) == k <= min(n, size + extra)
    torch.testing.assert_close(found.V.T @ found.V, torch.eye(k, dtype=DOUBLE), rtol=0, atol=1e-13)
    torch.testing.assert_close(found.H, found.V.T @ H @ found.V, rtol=0, atol=1e-12 * scale)
    assert torch.equal(found.H, found.H.T)


def test_the_span_is_that_of_the_powers():
    H, b = matrix_of(torch.linspace(-2, 3, 9, dtype=DOUBLE), 0), drawn(9, 1)
    powers = torch.stack([torch.linalg.matrix_power(H, j) @ b for j in range(4)], dim=1)
    V = lanczos(lambda v: H @ v, b, size=4).V
    torch.testing.assert_close(V @ (V.T @ powers), powers)


def test_an_extra_vector_is_in_the_span():
    H, b, extra = matrix_of(torch.linspace(-2, 3, 9, dtype=DOUBLE), 0), drawn(9, 1), drawn(9, 2)
    V = lanczos(lambda v: H @ v, b, size=4, extra=extra).V
    assert V.shape == (9, 5)
    torch.testing.assert_close(V @ (V.T @ extra), extra)
    within = lanczos(lambda v: H @ v, b, size=4, extra=3 * b)
    assert within.V.shape == (9, 4)


def test_it_ends_early_in_an_invariant_subspace():
    H = torch.diag(torch.arange(1.0, 7.0, dtype=DOUBLE))
    b = torch.tensor([1, 0, 1, 0, 0, 1], dtype=DOUBLE)
    found = lanczos(lambda v: H @ v, b, size=6)
    torch.testing.assert_close(
        torch.linalg.eigvalsh(found.H), torch.tensor([1, 3, 6], dtype=DOUBLE)
    )


def test_a_few_vectors_find_the_extreme_curvatures_of_a_large_matrix():
    eigenvalues = torch.cat([torch.linspace(0, 1, 198, dtype=DOUBLE), torch.tensor([-4.0, 6.0])])
    H = matrix_of(eigenvalues, 0)
    seen = torch.linalg.eigvalsh(lanczos(lambda v: H @ v, drawn(200, 1), size=12).H)
    assert abs(seen[0].item() + 4) < 1e-6
    assert abs(seen[-1].item() - 6) < 1e-6


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"product": 3}, TypeError, "product must be a function"),
        ({"product": lambda v: v[:2]}, ValueError, "product must return tensors of shape"),
        ({"start": torch.zeros(3)}, ValueError, "start must not be zero"),
        ({"start": torch.ones(3, dtype=torch.float16)}, ValueError, "start must be a float32"),
        ({"start": [1.0]}, TypeError, "start must be"),
        ({"size": 0}, ValueError, "size must be an integer of at least 1, got 0"),
        ({"extra": [1.0, 0.0, 0.0]}, TypeError, "extra must be a tensor or None, got"),
        ({"extra": torch.ones(2)}, ValueError, r"extra must have shape \(3,\)"),
    ],
)
def test_wrong_arguments_are_named(change, kind, message):
    right = {"product": lambda v: v, "start": torch.ones(3), "size": 2}
    assert lanczos(**right).V.shape == (3, 1)
    with pytest.raises(kind, match=message):
        lanczos(**{**right, **change})
