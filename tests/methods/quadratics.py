"""Random quadratics with a known minimum, and other functions to minimise."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import strategies as st


@dataclass(frozen=True)
class Quadratic:
    """x'Ax/2 - b'x."""

    A: torch.Tensor
    b: torch.Tensor

    def __call__(self, x):
        return x @ self.A @ x / 2 - self.b @ x

    @property
    def n(self):
        return len(self.b)

    @property
    def minimizer(self):
        return torch.linalg.solve(self.A, self.b)

    @property
    def start(self):
        return torch.zeros_like(self.b)

    def gap(self, x):
        """The value above the minimum, without the digits that a difference of values loses."""
        e = x - self.minimizer
        return float(e @ self.A @ e) / 2


def matrix_of(eigenvalues, seed):
    """A random symmetric matrix with these eigenvalues."""
    generator = torch.Generator().manual_seed(seed)
    n = len(eigenvalues)
    normal = torch.randn(n, n, generator=generator, dtype=torch.float64)
    Q = torch.linalg.qr(normal).Q
    A = Q @ torch.diag(torch.as_tensor(eigenvalues, dtype=torch.float64)) @ Q.T
    return (A + A.T) / 2


def quadratic(eigenvalues, seed=0):
    generator = torch.Generator().manual_seed(seed + 1)
    b = torch.randn(len(eigenvalues), generator=generator, dtype=torch.float64)
    return Quadratic(matrix_of(eigenvalues, seed), b)


different_eigenvalues = st.lists(st.integers(1, 40), min_size=2, max_size=5, unique=True)


@st.composite
def quadratics(draw, max_n=10, max_condition=1e6):
    """Positive definite ones, with eigenvalues spread over [scale, scale * condition]."""
    n = draw(st.integers(1, max_n))
    condition = 10 ** draw(st.floats(0, torch.tensor(max_condition).log10().item()))
    scale = 10 ** draw(st.floats(-3, 3))
    inner = draw(st.lists(st.floats(0, 1), min_size=n, max_size=n))
    spread = torch.tensor([0.0, 1.0, *inner][:n], dtype=torch.float64)
    return quadratic(scale * condition**spread, draw(st.integers(0, 10**6)))


@st.composite
def separated_quadratics(draw, max_n=10, max_condition=1e3):
    """Positive definite ones, with eigenvalues in a geometric row, each moved by a quarter gap."""
    n = draw(st.integers(1, max_n))
    condition = 10 ** draw(st.floats(0.5, torch.tensor(max_condition).log10().item()))
    moves = draw(st.lists(st.floats(-0.25, 0.25), min_size=n, max_size=n))
    places = torch.arange(n) + torch.tensor(moves, dtype=torch.float64)
    scale = 10 ** draw(st.floats(-3, 3))
    return quadratic(scale * condition ** (places / n), draw(st.integers(0, 10**6)))


def rosenbrock(x):
    return (100 * (x[1::2] - x[::2] ** 2) ** 2 + (1 - x[::2]) ** 2).sum()


def rosenbrock_start(n):
    return torch.tensor([-1.2, 1.0], dtype=torch.float64).repeat(n // 2)


def wood(x):
    a, b, c, d = x
    return (
        100 * (a**2 - b) ** 2 + (a - 1) ** 2 + (c - 1) ** 2 + 90 * (c**2 - d) ** 2
        + 10.1 * ((b - 1) ** 2 + (d - 1) ** 2) + 19.8 * (b - 1) * (d - 1)
    )  # fmt: skip


def powell_singular(x):
    a, b, c, d = x
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


def logistic(x):
    """Mean logistic loss of a linear classifier with weights x, a little regularised."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(40, len(x), generator=generator, dtype=torch.float64).to(x.dtype)
    labels = torch.sign(inputs @ torch.ones_like(x) + 0.3)
    return torch.nn.functional.softplus(-labels * (inputs @ x)).mean() + 0.01 * (x @ x)


def value_and_gradient(f):
    """The function that scipy's methods take with ``jac=True``."""

    def answer(x):
        x = torch.tensor(x, requires_grad=True)
        value = f(x)
        return value.item(), torch.autograd.grad(value, x)[0].numpy()

    return answer


BOWL = quadratic(torch.logspace(0, 2, 8))
FUNCTIONS = {
    "Rosenbrock": (rosenbrock, rosenbrock_start(2)),
    "extended Rosenbrock": (rosenbrock, rosenbrock_start(10)),
    "Wood": (wood, torch.tensor([-3.0, -1, -3, -1], dtype=torch.float64)),
    "Powell": (powell_singular, torch.tensor([3.0, -1, 0, 1], dtype=torch.float64)),
    "logistic": (logistic, torch.zeros(6, dtype=torch.float64)),
    "quadratic": (BOWL, BOWL.start),
}
each_function = pytest.mark.parametrize("function", FUNCTIONS)
