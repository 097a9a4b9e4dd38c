"""The update of BFGS's matrix, and which pairs it can learn from."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import BFGS as ScipyUpdate

from course_lib.methods import BFGSDirection
from course_lib.methods.quasi_newton import bfgs_update, has_curvature
from tests.methods.known_point import KnownPoint
from tests.methods.quadratics import different_eigenvalues, quadratic


@given(different_eigenvalues, st.integers(1, 5))
def test_the_update_is_that_of_scipy(eigenvalues, m):
    """scipy keeps the same matrix for its trust-region methods, as a class of its own."""
    problem = quadratic([float(value) for value in eigenvalues])
    generator = torch.Generator().manual_seed(m)
    theirs = ScipyUpdate(init_scale=1.0)
    theirs.initialize(problem.n, "inv_hess")
    memory, x = {}, torch.zeros(problem.n, dtype=torch.float64)
    direction = BFGSDirection(scaling=False)
    direction(KnownPoint(x, problem.A @ x - problem.b), memory)
    for _ in range(m):
        s = torch.randn(problem.n, generator=generator, dtype=torch.float64)
        theirs.update(s.numpy(), (problem.A @ s).numpy())
        x = x + s
        direction(KnownPoint(x, problem.A @ x - problem.b), memory)
    want = theirs.get_matrix()
    np.testing.assert_allclose(memory["H"].numpy(), want, rtol=0, atol=1e-7 * np.abs(want).max())


@given(st.integers(1, 6), st.integers(0, 10**6))
def test_the_update_is_the_formula_and_leaves_its_arguments(n, seed):
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(n, n, generator=generator, dtype=torch.float64)
    H = (root + root.T) / 2
    s, y = torch.randn(2, n, generator=generator, dtype=torch.float64)
    y = y + (1 + s.norm() * y.norm()) * s / (s @ s)  # so that s'y is at least 1
    before = H.clone()
    new = bfgs_update(H, s, y)
    rho, unit = 1 / (s @ y), torch.eye(n, dtype=torch.float64)
    want = (unit - rho * torch.outer(s, y)) @ H @ (unit - rho * torch.outer(y, s))
    want = want + rho * torch.outer(s, s)
    size = float(want.norm() + H.norm())
    torch.testing.assert_close(new, want, rtol=0, atol=1e-9 * size)
    assert torch.equal(new, new.T)
    assert torch.equal(H, before)


@given(st.floats(-1, 1), st.floats(1e-150, 1e150), st.floats(1e-150, 1e150))
def test_curvature_is_a_matter_of_the_angle_alone(cosine, a, b):
    if 0 < abs(cosine) < 1e-12:
        return  # rounding
    s = a * torch.tensor([1.0, 0.0], dtype=torch.float64)
    y = b * torch.tensor([cosine, (1 - cosine**2) ** 0.5], dtype=torch.float64)
    assert has_curvature(s, y) == (cosine > 0)


def test_what_is_not_finite_has_no_curvature():
    s = torch.tensor([1.0, 1.0])
    for bad in (float("nan"), float("inf")):
        assert not has_curvature(s, torch.tensor([bad, 1.0]))
