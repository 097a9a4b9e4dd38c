"""Quadratic models with a chosen spectrum, and a slow, plain solution of their trust regions."""

import numpy as np
import torch
from hypothesis import strategies as st

SPECTRA = {
    "positive": lambda u: 10 ** (4 * u - 2),
    "indefinite": lambda u: 2 * u - 1,
    "negative": lambda u: -(10 ** (4 * u - 2)),
    "singular": lambda u: np.where(u < 0.5, 0.0, u),
    "multiple": lambda u: np.where(u < 0.6, -1.0, 2.0),
    "zero": lambda u: 0 * u,
}

log_radius = st.floats(-8, 8)
model_kinds = st.sampled_from(list(SPECTRA))
seeds = st.integers(0, 2**31)
sizes = st.integers(1, 9)


def model(kind, n, seed, *, hard=False, log_size=0.0):
    """A gradient and a Hessian; `hard`: no part of the gradient along the lowest eigenvectors."""
    rng = np.random.default_rng(seed)
    eigenvalues = np.sort(SPECTRA[kind](rng.random(n)))
    c = rng.standard_normal(n) * 10.0**log_size
    if hard:
        c[eigenvalues == eigenvalues[0]] = 0.0
        Q = np.eye(n)[rng.permutation(n)]  # with a dense basis rounding would leave a small part
    else:
        Q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    H = (Q * eigenvalues) @ Q.T
    return torch.tensor(Q @ c), torch.tensor((H + H.T) / 2)


def value(p, g, H):
    return float(g @ p + 0.5 * p @ (H @ p))


def reference_value(g, H, radius):
    """The lowest value of the model in the ball: bisection for the multiplier, then one more term.

    If every admissible multiplier gives too short a step, the rest of the length goes along an
    eigenvector of the lowest eigenvalue.
    """
    eigenvalues, Q = np.linalg.eigh(H.numpy().astype(np.float64))
    # More digits than float64, since the multiplier may be close to the lowest eigenvalue.
    eigenvalues, c = eigenvalues.astype(np.longdouble), (Q.T @ g.numpy()).astype(np.longdouble)
    lowest = eigenvalues[0]

    def step(multiplier):
        d = eigenvalues + multiplier
        with np.errstate(over="ignore"):
            return np.divide(-c, d, out=np.zeros_like(c), where=(d > 0) & (c != 0))

    low, high = max(np.longdouble(0), -lowest), max(0.0, -lowest) + _norm(c) / radius + 1e-300
    least = np.nextafter(low, np.longdouble(np.inf)) if lowest <= 0 else low
    if _norm(step(least)) <= radius:
        y = step(low)
        if lowest < 0:
            y[0] += np.sqrt(max(radius**2 - y @ y, 0.0))
    else:
        for _ in range(300):
            middle = (low + high) / 2
            low, high = (middle, high) if _norm(step(middle)) > radius else (low, middle)
        y = step(high)
    return float(c @ y + 0.5 * y @ (eigenvalues * y))


def _norm(y):
    return np.sqrt((y * y).sum())
