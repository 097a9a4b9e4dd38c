"""Fashion-MNIST: photographs of clothes in ten classes, 28 × 28 pixels."""

from __future__ import annotations

import io
import os
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_lib.arguments import check_flag, check_floating
from course_lib.problems.idx import read_idx, verify

__all__ = ["FASHION_CLASSES", "FULL_FILES", "fashion_mnist", "read_full"]

FASHION_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)

# SHA-256 of the uncompressed files of https://github.com/zalandoresearch/fashion-mnist
FULL_FILES = {
    "train": {
        "train-images-idx3-ubyte": (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "train-labels-idx1-ubyte": (
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
    },
    "test": {
        "t10k-images-idx3-ubyte": (
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "t10k-labels-idx1-ubyte": (
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    },
}
_SUBSET = "fashion_mnist_subset.npz"
_SUBSET_SHA256 = "b3a5ef00123a6fcb94b9de321db87656eb8fb8f8a3ae1a4a4b2175975aec0fce"


def fashion_mnist(
    split: str = "train",
    *,
    folder: str | os.PathLike[str] | None = None,
    download: bool = False,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    r"""Return images and labels of Fashion-MNIST, by default of the subset that is built in.

    The subset holds the first 600 training and the first 100 test images of each class, in their
    order in the full set. With ``folder`` the full set is read: 60 000 and 10 000 images.

    Args:
        split: ``"train"`` or ``"test"``.
        folder: where the four full files lie (``.gz`` or unpacked), directly or, as torchvision
            puts them, under ``FashionMNIST/raw``; ``~`` is the home folder.
        download: let torchvision fetch the full files into ``folder`` first; those that are there
            are kept.
        dtype: floating-point type of the images.

    Returns:
        Images, shape (m, 784), values in [0, 1] (byte / 255), rows of 28 × 28 pixels; labels,
        shape (m,), int64, from 0 to 9: see ``FASHION_CLASSES``.

    Raises:
        TypeError, ValueError: ``split`` is neither, ``dtype`` is not floating, or ``download`` is
            asked for without ``folder``.
        FileNotFoundError, DamagedDataError: a file is missing, or its SHA-256 is not that of the
            published file; the message says what to do.
        ImportError: ``download`` is asked for and torchvision is not installed.

    Example:
        >>> x, y = fashion_mnist("test")
        >>> x.shape, y.bincount().tolist()
        (torch.Size([1000, 784]), [100, 100, 100, 100, 100, 100, 100, 100, 100, 100])

    Source: Xiao, Rasul & Vollgraf 2017, https://github.com/zalandoresearch/fashion-mnist, MIT
    licence (the notice lies beside the data).
    """
    if not isinstance(split, str) or split not in FULL_FILES:
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    check_floating("dtype", dtype)
    check_flag("download", download)
    if folder is None:
        if download:
            raise ValueError("download=True needs folder, the place to put the files, got None")
        images, labels = _subset(split)
    else:
        place = Path(folder).expanduser()
        if download:
            _download(place)
        images, labels = read_full(place, split)
    x = torch.from_numpy(images.reshape(len(images), -1).copy()).to(dtype).div_(255)
    return x, torch.from_numpy(labels.astype(np.int64))


def _subset(split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    remedy = "install course_lib again"
    file = resources.files("course_lib.problems") / "data" / _SUBSET
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{_SUBSET} is missing from course_lib: {remedy}") from None
    verify(content, _SUBSET_SHA256, _SUBSET, remedy)
    with np.load(io.BytesIO(content)) as arrays:
        return arrays[f"{split}_images"], arrays[f"{split}_labels"]


def read_full(folder: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the full images, shape (m, 28, 28), and labels of a split, as bytes."""
    if not folder.is_dir():
        raise FileNotFoundError(f"folder must be a folder that exists, got {str(folder)!r}")
    raw = folder / "FashionMNIST" / "raw"
    place = raw if raw.is_dir() else folder
    remedy = (
        "put the original file there, from https://github.com/zalandoresearch/fashion-mnist or "
        "Debian's package dataset-fashion-mnist, or delete it and pass download=True"
    )
    images, labels = (
        read_idx(place, name, sha256, remedy) for name, sha256 in FULL_FILES[split].items()
    )
    return images, labels


def _download(folder: Path) -> None:
    try:
        from torchvision.datasets import FashionMNIST
    except ImportError as error:
        raise ImportError(
            "download=True needs torchvision: pip install 'course-lib[full-data]', or put the "
            "files into folder yourself and leave download out"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    FashionMNIST(str(folder), download=True)
