"""Writing inputs and targets to files, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from course_lib.training.validation import check_lengths


def write_chunks(paths: Sequence[Path], chunks: Iterable[Any], m: int) -> None:
    """Write the arrays of ``chunks`` to the two files as they come; one is in memory at a time.

    Args:
        paths: the files of inputs and of targets, written in numpy's format.
        chunks: pairs of arrays of the same length; all must agree in dtype and shape of a row.
        m: number of samples of all chunks together; the files' headers say it.

    Raises:
        TypeError, ValueError: the chunks do not agree, or do not hold ``m`` samples.
    """
    written, rows_are = 0, None
    with open(paths[0], "wb") as x_file, open(paths[1], "wb") as y_file:
        for chunk in chunks:
            for name, rows in zip(("inputs", "targets"), chunk, strict=True):
                if not isinstance(rows, np.ndarray):
                    raise TypeError(f"chunks must hold pairs of arrays, got {name} {rows!r}")
            check_lengths(*chunk)
            these = [(str(rows.dtype), rows.shape[1:]) for rows in chunk]
            if these != (rows_are := rows_are or these):
                raise ValueError(
                    "chunks must all have the dtype and row shape of the first, "
                    f"{rows_are}, got {these}"
                )
            for file, rows in zip((x_file, y_file), chunk, strict=True):
                if written == 0:
                    header = {
                        "descr": np.lib.format.dtype_to_descr(rows.dtype),
                        "fortran_order": False,
                        "shape": (m, *rows.shape[1:]),
                    }
                    np.lib.format.write_array_header_2_0(file, header)
                np.ascontiguousarray(rows).tofile(file)
            written += len(chunk[0])
    if written != m:
        raise ValueError(f"m must be the number of samples in chunks, {written}, got {m}")
