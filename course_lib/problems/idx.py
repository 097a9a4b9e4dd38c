"""Reading the idx format of MNIST-like data sets, with every file's checksum verified."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DamagedDataError", "read_idx", "verify"]


class DamagedDataError(ValueError):
    """A data file is not what it should be; the message says what to do."""


def verify(content: bytes, sha256: str, name: str, remedy: str) -> bytes:
    """Return ``content`` if its SHA-256 is the one expected.

    Example:
        >>> verify(b"abc", "0" * 64, "abc.bin", "fetch it")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        course_lib.problems.idx.DamagedDataError: abc.bin is damaged ...
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DamagedDataError(
            f"{name} is damaged or not the file expected ({len(content)} bytes, SHA-256 "
            f"{found[:8]}… instead of {sha256[:8]}…): {remedy}"
        )
    return content


def read_idx(folder: Path, name: str, sha256: str, remedy: str) -> NDArray[np.uint8]:
    """Read the bytes of ``name`` or ``name.gz`` in ``folder`` as an array.

    The header of an idx file is: two zero bytes, the type (8 for bytes), the number of axes, and
    the length of each as a big-endian 32-bit integer. The checksum is that of the uncompressed
    content, since ``.gz`` files of the same content differ.

    Raises:
        FileNotFoundError: there is neither; the message ends with ``remedy``.
        DamagedDataError: the file cannot be unpacked or its checksum is another.
    """
    plain, packed = folder / name, folder / f"{name}.gz"
    if plain.is_file():
        path, content = plain, plain.read_bytes()
    elif packed.is_file():
        path = packed
        try:
            content = gzip.decompress(packed.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise DamagedDataError(f"{path} cannot be unpacked ({error}): {remedy}") from error
    else:
        raise FileNotFoundError(f"neither {name}.gz nor {name} is in {folder}: {remedy}")
    verify(content, sha256, str(path), remedy)
    axes = content[3]
    shape: tuple[Any, ...] = tuple(np.frombuffer(content, ">u4", count=axes, offset=4).tolist())
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
