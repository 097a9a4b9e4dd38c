"""Data behind one interface: tensors in memory, and arrays that stay in a file."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_lib.arguments import check_integer
from course_lib.training.validation import check_lengths
from course_lib.training.writing import write_chunks

__all__ = ["Data", "MappedData", "TensorData", "as_data"]

_PIECE = 64 << 20  # bytes of a file that may be resident at a time
_HUGE_PAGE = 2 << 20


@runtime_checkable
class Data(Protocol):
    """What :func:`~course_lib.training.fit` needs of data: a length, and batches by index."""

    def __len__(self) -> int:
        """Return the number m of samples."""
        ...

    def batch(self, indices: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of the samples ``indices``, an int64 tensor or a slice."""
        ...


class TensorData:
    """Inputs and targets in memory.

    Args:
        x: inputs, a tensor or array of shape (m, …); an array shares its memory.
        y: targets, likewise; an array of integers becomes int64, as class labels must be.

    Raises:
        TypeError, ValueError: one is no tensor or array, has no samples, or their lengths differ.

    Example:
        >>> data = TensorData(torch.arange(6.0).view(3, 2), torch.tensor([0, 1, 0]))
        >>> len(data), data.batch(torch.tensor([2, 0]))[0].tolist()
        (3, [[4.0, 5.0], [0.0, 1.0]])
    """

    def __init__(self, x: Tensor | NDArray[Any], y: Tensor | NDArray[Any]) -> None:
        self.x, self.y = _tensor("x", x), _tensor("y", y)
        if isinstance(y, np.ndarray) and y.dtype.kind in "iu":
            self.y = self.y.long()
        check_lengths(self.x, self.y)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.x)

    def batch(self, indices: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of the samples ``indices``; a slice copies nothing."""
        return self.x[indices], self.y[indices]

    def target_range(self, without: int) -> tuple[float, float]:
        """Return the smallest and the largest target, those equal to ``without`` left out."""
        return _range(self.y, without)


class MappedData:
    """Inputs and targets that stay in files; a batch is read when it is asked for.

    After each batch the pages that it touched are let go, so that the resident memory of the
    process does not grow with the file (Linux; elsewhere the system decides).

    Args:
        x: inputs, the path of an ``.npy`` file, a ``numpy.memmap``, or an array or tensor in
            memory.
        y: targets, likewise.
        transform: function of a batch of inputs, e.g. ``lambda x: x.float() / 255`` for bytes.

    Raises:
        TypeError, ValueError: as for :class:`TensorData`.

    Example:
        >>> import tempfile
        >>> rows = ((np.full((2, 3), i, np.uint8), np.full(2, i)) for i in range(4))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     data = MappedData.write(folder, rows, m=8, transform=lambda x: x.float() / 4)
        ...     x, y = data.batch(torch.tensor([7, 0]))
        >>> x.tolist(), y.tolist()
        ([[0.75, 0.75, 0.75], [0.0, 0.0, 0.0]], [3, 0])
    """

    def __init__(
        self,
        x: str | os.PathLike[str] | NDArray[Any] | Tensor,
        y: str | os.PathLike[str] | NDArray[Any] | Tensor,
        *,
        transform: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self._x, self._y = _array("x", x), _array("y", y)
        check_lengths(self._x, self._y)
        self.transform = transform
        self._files = [file for a in (self._x, self._y) if (file := _mapped_file(a)) is not None]

    @classmethod
    def write(
        cls,
        folder: str | os.PathLike[str],
        chunks: Iterable[tuple[NDArray[Any], NDArray[Any]]],
        *,
        m: int,
        transform: Callable[[Tensor], Tensor] | None = None,
    ) -> MappedData:
        """Write ``chunks`` of (inputs, targets) to ``x.npy`` and ``y.npy`` and map them.

        Only one chunk is in memory at a time. The files get their names when they are complete;
        if anything fails, files of these names that were there before are as they were.

        Args:
            folder: where the two files are written; it must exist.
            chunks: pairs of arrays of the same length; all must agree in dtype and shape of a row.
            m: number of samples of all chunks together.
            transform: as for the class.

        Returns:
            The data, mapped from the files.

        Raises:
            TypeError, ValueError: the chunks do not agree, or do not hold ``m`` samples.
        """
        check_integer("m", m, low=1)
        paths = Path(folder) / "x.npy", Path(folder) / "y.npy"
        parts = [path.with_suffix(".npy.part") for path in paths]
        try:
            write_chunks(parts, chunks, m)
            for part, path in zip(parts, paths, strict=True):
                part.replace(path)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)
        return cls(*paths, transform=transform)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._x)

    @property
    def nbytes(self) -> int:
        """Bytes of inputs and targets together."""
        return self._x.nbytes + self._y.nbytes

    def batch(self, indices: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Read inputs and targets of the samples ``indices`` into memory."""
        x, y = self._read(self._x, indices), self._read(self._y, indices)
        if not (y.is_floating_point() or y.is_complex() or y.dtype == torch.bool):
            y = y.long()
        return (x if self.transform is None else self.transform(x)), y

    def target_range(self, without: int) -> tuple[float, float]:
        """Return the smallest and the largest target, those equal to ``without`` left out."""
        pieces = (slice(start, start + (1 << 20)) for start in range(0, len(self), 1 << 20))
        lows, highs = zip(*(_range(self._read(self._y, p), without) for p in pieces), strict=True)
        return min(lows), max(highs)

    def _read(self, a: NDArray[Any], indices: Tensor | slice) -> Tensor:
        # One row that is touched may map a whole huge page, so that a batch of 256 scattered rows
        # would occupy 512 MB. Therefore pages are let go piece by piece.
        row_bytes = a.nbytes // len(a)
        if isinstance(indices, slice):
            start, stop, step = indices.indices(len(a))
            rows, at_a_time = np.arange(start, stop, step), _PIECE // max(1, row_bytes * step)
        else:
            if indices.dtype != torch.int64 or indices.dim() != 1:
                raise ValueError(
                    "indices must be a slice or an int64 tensor of shape (B,), got dtype "
                    f"{indices.dtype} and shape {tuple(indices.shape)}"
                )
            rows, at_a_time = indices.cpu().numpy(), _PIECE // (_HUGE_PAGE + row_bytes)
        result = np.empty((len(rows), *a.shape[1:]), a.dtype.newbyteorder("="))
        for at in range(0, len(rows), max(1, at_a_time)):
            part = slice(at, at + max(1, at_a_time))
            result[part] = np.asarray(a)[rows[part]]
            self._let_go()
        return torch.from_numpy(result)

    def _let_go(self) -> None:
        for file in self._files:
            file.madvise(mmap.MADV_DONTNEED)


def as_data(data: Any) -> Data:
    """Return ``data`` itself if it has ``batch`` and a length, else make it from ``(x, y)``.

    Args:
        data: a pair of tensors or arrays in memory, or of memory-mapped arrays or paths of ``.npy``
            files; or an object with a length and ``batch(indices)``.

    Returns:
        The object; or :class:`MappedData` if one of the pair is mapped or a path, else
        :class:`TensorData`.

    Raises:
        TypeError, ValueError: ``data`` is neither, or the pair is not as these classes need it.

    Example:
        >>> len(as_data((torch.zeros(3, 2), torch.zeros(3, 1))))
        3
    """
    if isinstance(data, Data):
        return data
    if not isinstance(data, tuple | list) or len(data) != 2:
        what = f"{type(data).__name__} of length {len(data)}" if hasattr(data, "__len__") else data
        raise TypeError(
            "data must be a pair (x, y) of tensors or arrays, or an object with a length and "
            f"batch(indices), got {what}"
        )
    x, y = data
    mapped = any(isinstance(a, np.memmap | str | os.PathLike) for a in (x, y))
    return MappedData(x, y) if mapped else TensorData(x, y)


def _tensor(name: str, a: Any) -> Tensor:
    if isinstance(a, Tensor):
        return a.detach()
    if isinstance(a, np.ndarray):
        return torch.from_numpy(a if a.flags.writeable and _plain(a) else _native_copy(a))
    raise TypeError(f"{name} must be a tensor or an array, got {type(a).__name__}")


def _array(name: str, a: Any) -> NDArray[Any]:
    if isinstance(a, str | os.PathLike):
        return np.load(a, mmap_mode="r")
    if isinstance(a, Tensor):
        return a.detach().cpu().numpy()
    if isinstance(a, np.ndarray):
        return a
    raise TypeError(
        f"{name} must be the path of an .npy file, an array or a tensor, got {type(a).__name__}"
    )


def _range(y: Tensor, without: int) -> tuple[float, float]:
    kept = y[y != without]
    return (kept.min().item(), kept.max().item()) if len(kept) else (np.inf, -np.inf)


def _plain(a: NDArray[Any]) -> bool:
    return a.dtype.isnative and all(stride >= 0 for stride in a.strides)


def _native_copy(a: NDArray[Any]) -> NDArray[Any]:
    return np.array(a, dtype=a.dtype.newbyteorder("="))


def _mapped_file(a: NDArray[Any]) -> mmap.mmap | None:
    # In a private ("c") mapping letting pages go would throw changes away.
    if not isinstance(a, np.memmap) or a.mode == "c" or not hasattr(mmap, "MADV_DONTNEED"):
        return None
    base: Any = a
    while base is not None and not isinstance(base, mmap.mmap):
        base = base.base
    return base
