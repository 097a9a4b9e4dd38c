"""Lanczos: an orthonormal basis in which a large symmetric matrix is seen as a small one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.arguments import check_callable, check_floating_tensor, check_integer

__all__ = ["KrylovSubspace", "lanczos"]


@dataclass(frozen=True, eq=False)
class KrylovSubspace:
    r"""What :func:`lanczos` found.

    Attributes:
        V: orthonormal columns, shape (n, k).
        H: the matrix as seen in the subspace, :math:`\hat H = V^\top HV`, shape (k, k), symmetric.
    """

    V: Tensor
    H: Tensor


def lanczos(
    product: Callable[[Tensor], Tensor], start: Tensor, size: int, *, extra: Tensor | None = None
) -> KrylovSubspace:
    r"""Return an orthonormal basis of :math:`\operatorname{span}(b, Hb, H^2b, \dots)`.

    Each new column is the product of :math:`H` with the last one, made orthogonal to all columns
    before it and scaled to length one. (In exact arithmetic only the last two matter. With rounding
    the others come back, so that all are taken out, twice.) The eigenvalues of :math:`\hat H`
    approach those of :math:`H`, the largest and the smallest first: the strongest curvatures of
    either sign.

    Args:
        product: :math:`v \mapsto Hv`, on tensors like `start`; :math:`H` symmetric.
        start: :math:`b`, a vector of shape (n,), float32 or float64, that is not zero.
        size: largest number of columns from products, at least 1. There are fewer if the span
            contains no further direction; then it is invariant under :math:`H`.
        extra: a vector that the subspace shall contain as well, like `start`; one more column.

    Returns:
        The basis and the matrix in it, after one product for each column.

    Raises:
        TypeError, ValueError: an argument is not as described, or a product is of another shape.

    Example: three of four eigenvalues have a part in the start.

        >>> H = torch.diag(torch.tensor([4.0, 2.0, -1.0, 7.0]))
        >>> found = lanczos(lambda v: H @ v, torch.tensor([1.0, 1.0, 1.0, 0.0]), size=4)
        >>> found.V.shape, torch.linalg.eigvalsh(found.H).round(decimals=3)
        (torch.Size([4, 3]), tensor([-1.,  2.,  4.]))

    Source: Lanczos, *An iteration method for the solution of the eigenvalue problem of linear
    differential and integral operators*, J. Res. Nat. Bur. Standards 45 (1950).
    """
    check_callable("product", product, "a function of a tensor")
    check_floating_tensor("start", start)
    if start.dim() != 1 or start.numel() == 0 or start.element_size() < 4:
        raise ValueError(
            "start must be a float32 or float64 vector of shape (n,), n at least 1, got shape "
            f"{tuple(start.shape)} and dtype {start.dtype}"
        )
    check_integer("size", size, low=1)
    if extra is not None and not isinstance(extra, Tensor):
        raise TypeError(f"extra must be a tensor or None, got {extra!r}")
    if extra is not None and (extra.shape != start.shape or extra.dtype != start.dtype):
        raise ValueError(
            f"extra must have shape {tuple(start.shape)} and dtype {start.dtype}, got "
            f"{tuple(extra.shape)} and {extra.dtype}"
        )
    if not bool(start.any()):
        raise ValueError("start must not be zero")
    v: Tensor | None = start / _length(start)
    V = start.new_empty(len(start), 0)
    rows: list[Tensor] = []  # of the lower half of V'HV
    while v is not None:
        V = torch.cat([V, v.unsqueeze(1)], dim=1)
        w = _checked(product(v), start)
        rows.append(V.T @ w)
        v = _new_direction(V, w) if len(rows) < size else None
    v = None if extra is None else _new_direction(V, extra)
    if v is not None:
        V = torch.cat([V, v.unsqueeze(1)], dim=1)
        rows.append(V.T @ _checked(product(v), start))
    half = torch.stack([torch.nn.functional.pad(row, (0, len(rows) - len(row))) for row in rows])
    return KrylovSubspace(V, half + half.tril(-1).T)


def _new_direction(V: Tensor, w: Tensor) -> Tensor | None:
    """Return the part of w that is orthogonal to V's span, of length one; None if there is none."""
    length = _length(w)
    if V.shape[0] == V.shape[1] or not float(length) > 0:
        return None
    new = w / length
    for _ in range(2):  # rounding leaves something behind the first time
        new = new - V @ (V.T @ new)
    rest = _length(new)
    return new / rest if float(rest) > len(w) * torch.finfo(w.dtype).eps else None


def _length(v: Tensor) -> Tensor:
    """Return the length of v, however small: the squares alone may underflow."""
    largest = v.abs().max()
    scaled = torch.linalg.vector_norm(v / torch.where(largest > 0, largest, 1.0))
    return largest * scaled


def _checked(w: Tensor, like: Tensor) -> Tensor:
    if not isinstance(w, Tensor) or w.shape != like.shape or w.dtype != like.dtype:
        got = f"{tuple(w.shape)} and {w.dtype}" if isinstance(w, Tensor) else repr(w)
        raise ValueError(
            f"product must return tensors of shape {tuple(like.shape)} and dtype {like.dtype}, "
            f"got {got}"
        )
    return w
