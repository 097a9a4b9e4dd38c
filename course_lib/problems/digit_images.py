"""Handwritten digits, 8 × 8 pixels, as scikit-learn ships them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_lib.arguments import check_floating
from course_lib.problems.idx import verify

__all__ = ["digits"]

_SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


def digits(split: str = "train", *, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    r"""Return images and labels of the 1797 handwritten digits of scikit-learn.

    Of each class every fifth image, in the order of the file, is for testing.

    Args:
        split: ``"train"`` or ``"test"``.
        dtype: floating-point type of the images.

    Returns:
        Images, shape (m, 64), values in [0, 1] (grey level / 16), rows of 8 × 8 pixels; labels,
        shape (m,), int64, from 0 to 9.

    Raises:
        TypeError, ValueError: ``split`` is neither, or ``dtype`` is not floating.
        DamagedDataError: scikit-learn's data are not those expected.

    Example:
        >>> [len(digits(split)[1]) for split in ("train", "test")]
        [1442, 355]

    Source: Alpaydin & Kaynak 1998, UCI repository (the test part of the original), by way of
    ``sklearn.datasets.load_digits``.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    check_floating("dtype", dtype)
    from sklearn.datasets import load_digits  # takes a second to import

    bunch = load_digits()
    images, labels = bunch.data.astype(np.uint8), bunch.target.astype(np.int64)
    content = images.tobytes() + labels.astype(np.uint8).tobytes()
    verify(content, _SHA256, "sklearn.datasets.load_digits()", "install scikit-learn again")
    tested = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        tested[np.flatnonzero(labels == label)[4::5]] = True
    chosen = tested if split == "test" else ~tested
    return torch.from_numpy(images[chosen]).to(dtype) / 16, torch.from_numpy(labels[chosen])
