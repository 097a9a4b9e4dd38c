"""Linear least squares with a known minimiser: the lecture's example for GD against SGD."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_floating, check_integer, check_number
from course_lib.randomness import LARGEST_SEED, generator_of

__all__ = ["LeastSquares"]


class LeastSquares:
    r"""Random linear regression :math:`F(w)=\frac1m\|y-Xw\|_2^2` with :math:`y=Xw_{true}+\sigma e`.

    The mean, not the sum, so that step sizes do not scale with :math:`m`. The rows of :math:`X`
    and :math:`w_{true}`, :math:`e` are standard Gaussian. With ``condition`` :math:`\kappa` the
    rows are mapped linearly so that :math:`A=\frac1mX^\top X` has exactly the eigenvalues
    :math:`\kappa^{-i/(n-1)}` times a constant (evenly spaced in the logarithm, mean 1), in
    randomly rotated directions; so no change of scale of single coordinates undoes it. Without it
    :math:`A` is what chance gives: its condition is about
    :math:`\big(\frac{1+\sqrt{n/m}}{1-\sqrt{n/m}}\big)^2`.

    It can be passed to :func:`~course_lib.training.fit` as data: its batches are rows of
    :math:`X` and of :math:`y` with shape (B, 1), for ``nn.Linear(n, 1, bias=False)``.

    Args:
        m: rows of X, ``m >= n``.
        n: columns of X, at least 1.
        condition: condition number of :math:`A`, from 1 to :math:`1/\varepsilon` of ``dtype``,
            beyond which round-off hides the smallest eigenvalue; None for a plain Gaussian X.
        noise: standard deviation :math:`\sigma` of the noise, at least 0.
        seed: non-negative integer; X, :math:`w_{true}` and the noise are functions of it.
        dtype: ``torch.float32`` or ``torch.float64``.

    Attributes:
        X: data, shape (m, n).
        y: data, shape (m,).
        w_true: the weights that made y, shape (n,).
        w_star: minimiser of F, shape (n,).
        minimum: :math:`F(w^*)`.
        L: largest eigenvalue of the Hessian :math:`2A`.
        mu: its smallest eigenvalue.
        condition: :math:`L/\mu`.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> problem = LeastSquares(200, 10, condition=50.0)
        >>> round(problem.condition, 6), float(problem.gap(torch.zeros(10, dtype=torch.float64)))
        (50.0, 1.0)
        >>> bool(problem.gradient(problem.w_star).norm() < 1e-10)
        True

    Source: slide 20 (there the sum of squares).
    """

    def __init__(
        self,
        m: int = 10000,
        n: int = 500,
        *,
        condition: float | None = None,
        noise: float = 1.0,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        check_integer("n", n, low=1)
        check_integer("m", m, low=n)
        check_integer("seed", seed, low=0, high=LARGEST_SEED)
        if check_floating("dtype", dtype) not in (torch.float32, torch.float64):
            raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
        if condition is not None:
            _check_condition(condition, dtype)
        if condition is not None and condition > 1 and n == 1:
            raise ValueError(f"condition must be 1 or None for n=1, got {condition!r}")
        check_number("noise", noise, low=0)
        generator = generator_of("least squares", seed)
        double: dict[str, Any] = {
            "dtype": torch.float64,
            "device": "cpu",  # whatever torch's default is: the generator is there
            "generator": generator,
        }
        X, w_true = torch.randn(m, n, **double), torch.randn(n, **double)
        if condition is not None:
            X = _with_condition(X, float(condition))
        y = X @ w_true + noise * torch.randn(m, **double)

        self.m, self.n, self.noise, self._random_rows = m, n, float(noise), condition is None
        self.X, self.y, self.w_true = X.to(dtype), y.to(dtype), w_true.to(dtype)
        self.w_star = torch.linalg.lstsq(self.X, self.y[:, None]).solution[:, 0]
        self._A = self.X.T @ self.X / m
        eigenvalues = torch.linalg.eigvalsh(self._A.double())
        self.mu, self.L = 2 * eigenvalues[0].item(), 2 * eigenvalues[-1].item()
        self.condition = self.L / self.mu
        self.minimum = self.value(self.w_star).item()

    def value(self, w: Tensor) -> Tensor:
        r"""Return :math:`F(w)`; ``w`` of shape (…, n) gives shape (…)."""
        return (self.y - self._vectors(w) @ self.X.T).square().mean(-1)

    def gradient(self, w: Tensor, indices: Tensor | slice | None = None) -> Tensor:
        r"""Return :math:`\frac2{|J|}X_J^\top(X_Jw-y_J)`, shape (n,), on all rows by default."""
        if w.shape != (self.n,):
            raise ValueError(f"w must have shape ({self.n},), got {tuple(w.shape)}")
        X, y = (self.X, self.y) if indices is None else (self.X[indices], self.y[indices])
        if y.dim() != 1 or len(y) == 0:
            raise ValueError(f"indices must choose rows, at least one, got {indices!r}")
        return 2 / len(y) * (X.T @ (X @ w - y))

    def gap(self, w: Tensor, *, relative: bool = True) -> Tensor:
        r"""Return the excess :math:`F(w)-F^*`, by default relative to that of :math:`w=0`.

        Computed as :math:`(w-w^*)^\top A(w-w^*)`, so that it keeps its digits where
        :math:`F(w)-F^*` would cancel. ``w`` of shape (…, n) gives shape (…).
        """
        excess = self._square(self._vectors(w).detach() - self.w_star)
        return excess / self._square(self.w_star) if relative else excess

    def population_excess(self, w: Tensor) -> Tensor:
        r"""Return the excess risk on fresh data, :math:`(w-w_{true})^\top\Sigma(w-w_{true})`.

        :math:`\Sigma` is the covariance of a row: the identity, or :math:`A` if a condition was
        asked for. At :math:`w^*` it is about :math:`\sigma^2n/m`, the statistical error; reducing
        F far below that is worthless. ``w`` of shape (…, n) gives shape (…).

        Source: Bottou & Bousquet 2008.
        """
        distance = self._vectors(w).detach() - self.w_true
        return distance.square().sum(-1) if self._random_rows else self._square(distance)

    def __len__(self) -> int:
        """Return the number m of rows."""
        return self.m

    def batch(self, indices: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return rows of X, shape (B, n), and of y, shape (B, 1)."""
        return self.X[indices], self.y[indices, None]

    def _square(self, v: Tensor) -> Tensor:
        return ((v @ self._A) * v).sum(-1)

    def _vectors(self, w: Tensor) -> Tensor:
        if w.dim() == 0 or w.shape[-1] != self.n:
            raise ValueError(f"w must have shape (…, {self.n}), got {tuple(w.shape)}")
        return w


def _check_condition(condition: float, dtype: torch.dtype) -> None:
    largest = 1 / torch.finfo(dtype).eps
    if check_number("condition", condition, low=1) > largest:
        raise ValueError(
            f"condition must be None or a number from 1 to {largest:.1e}, the largest that {dtype} "
            f"resolves, got {condition!r}"
        )


def _with_condition(X: Tensor, condition: float) -> Tensor:
    """Map the rows of X linearly so that XᵀX/m has log-spaced eigenvalues with mean 1."""
    m, n = X.shape
    chance, Q = torch.linalg.eigh(X.T @ X / m)
    wanted = torch.logspace(0, -1, n, base=condition, dtype=X.dtype, device=X.device)
    wanted = wanted / wanted.mean()
    return X @ (Q * (wanted / chance).sqrt()) @ Q.T
