"""The Hessian as a matrix: how large it may be, and a positive definite one near it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.methods.point import NoStepError, Point

__all__ = ["LARGEST_DENSE", "NewtonModel", "dense_hessian", "positive_definite", "solvable"]

LARGEST_DENSE = 5000
"""Variables up to which Hessians are formed as matrices, unless a method is told otherwise."""


def dense_hessian(point: Point, max_size: int = LARGEST_DENSE) -> Tensor:
    r"""Return :math:`\nabla^2F(x)` as a matrix of shape (n, n) in a dtype that can be solved with.

    It takes :math:`n` products and, with what is computed from it, several times :math:`n^2`
    numbers of memory; factoring it takes of the order of :math:`n^3` operations.

    Args:
        point: where.
        max_size: largest :math:`n` for which the matrix is formed. A limit, since a system may well
            promise memory that it does not have, and end the process that uses it.

    Raises:
        ValueError: there are more than `max_size` variables. Nothing has been computed then.
        NoStepError: the Hessian is not finite.

    Example:
        >>> from course_lib.methods.flat import FlatParameters
        >>> from course_lib.methods.oracle import Oracle
        >>> from course_lib.training import FunctionClosure
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> flat = FlatParameters([x])
        >>> point = Point(flat.read(), Oracle(FunctionClosure(lambda x: x[0] * x[1] ** 2, x), flat))
        >>> dense_hessian(point)
        tensor([[0., 4.],
                [4., 2.]])
    """
    n = point.size
    if n > max_size:
        size = n * n * point.x.element_size() / 2**30
        raise ValueError(
            f"max_size must be at least the number of variables, {n}, where the Hessian is formed "
            f"as a matrix ({size:.3g} GiB for each copy, and {n} products), got {max_size}; "
            "TrustRegion(solver='Steihaug-CG') and LBFGS need no matrix"
        )
    H = solvable(point.hessian())
    if not bool(torch.isfinite(H).all()):
        raise NoStepError("the Hessian at the present parameters is not finite")
    return H


class NewtonModel:
    r"""Gradient and Hessian at a point, ready to be solved with.

    Variables on which :math:`F` does not depend near the point (a derivative of zero and a row of
    zeros, as of a dead unit or of a parameter that is not used) would make the Hessian singular.
    Here they count as apart from the others and curved upwards, so no step moves them.

    Args:
        point: where.
        max_size: largest number of variables for which the Hessian is formed.

    Attributes:
        g: gradient, shape (n,).
        H: Hessian, shape (n, n), float32 or float64.
        flat: whether all second derivatives are zero.

    Raises:
        ValueError, NoStepError: as :func:`dense_hessian`.
    """

    def __init__(self, point: Point, max_size: int = LARGEST_DENSE) -> None:
        H, g = dense_hessian(point, max_size), solvable(point.gradient)
        self._idle = (g == 0) & (H == 0).all(dim=1)
        largest = H.abs().max()
        self.flat = not bool(largest > 0)
        curvature = torch.where(largest > 0, largest, 1.0)
        self.g, self.H = g, H + torch.diag(torch.where(self._idle, curvature, 0.0))
        self._dtype = point.x.dtype

    def step(self, d: Tensor) -> Tensor:
        """Return a step in the dtype of the point, zero for the variables that do not matter."""
        return torch.where(self._idle, 0.0, d).to(self._dtype)


def solvable(tensor: Tensor) -> Tensor:
    """Return a tensor in a dtype for which torch factors matrices: 16 bits become 32.

    Example:
        >>> solvable(torch.ones(2, dtype=torch.bfloat16))
        tensor([1., 1.])
    """
    return tensor.float() if tensor.element_size() < 4 else tensor


def positive_definite(H: Tensor, modification: str) -> Tensor:
    r"""Return a Cholesky factor :math:`L` of :math:`H`, or of a positive definite matrix near it.

    If :math:`H` is positive definite, :math:`LL^\top = H`. Otherwise, by `modification`:

    - ``"eigenvalues"``: with :math:`H = Q\Lambda Q^\top`, each eigenvalue :math:`\lambda_i` is
      replaced by :math:`\max(|\lambda_i|, \delta)`, :math:`\delta = \sqrt\varepsilon \max_j
      |\lambda_j|`. Directions of negative curvature keep their scale and change their sign.
    - ``"Cholesky"``: :math:`LL^\top = H + \tau I` with the first :math:`\tau` of a growing sequence
      for which the factorisation succeeds. No eigenvalues are needed.

    Args:
        H: symmetric finite matrix of shape (n, n), float32 or float64.
        modification: one of the two.

    Example:
        >>> L = positive_definite(torch.diag(torch.tensor([4.0, -9.0])), "eigenvalues")
        >>> L @ L.T
        tensor([[4., 0.],
                [0., 9.]])

    Source: Nocedal and Wright 2006, section 3.4 (algorithm 3.3 for the multiple of the identity);
    absolute eigenvalues: Greenstadt 1967.
    """
    L, failed = torch.linalg.cholesky_ex(H)
    if not bool(failed):
        return L
    if modification == "eigenvalues":
        return _with_absolute_eigenvalues(H)
    return _with_added_identity(H)


def _with_absolute_eigenvalues(H: Tensor) -> Tensor:
    eigenvalues, Q = torch.linalg.eigh(H)
    size = eigenvalues.abs()
    floor = math.sqrt(torch.finfo(H.dtype).eps) * float(size.max())
    root = Q * size.clamp(min=floor or 1.0).sqrt()  # H = 0 says nothing of scale
    # QR = root' gives R'R = root root', so R' is a Cholesky factor but for signs.
    return torch.linalg.qr(root.T).R.T


def _with_added_identity(H: Tensor) -> Tensor:
    scale = float(torch.linalg.matrix_norm(H, math.inf)) or 1.0  # H = 0 says nothing of scale
    identity = torch.eye(len(H), dtype=H.dtype, device=H.device)
    least = 1e-3 * scale
    tau = least - min(float(H.diagonal().min()), 0.0)
    # No eigenvalue is below -scale, so the last multiple is enough, rounding included.
    while tau < 2 * scale:
        L, failed = torch.linalg.cholesky_ex(H + tau * identity)
        if not bool(failed):
            return L
        tau = 2 * tau
    return torch.linalg.cholesky_ex(H + 2 * scale * identity).L
