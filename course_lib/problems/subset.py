"""How the built-in subset of Fashion-MNIST was made.

``python -m course_lib.problems.subset FOLDER TARGET.npz`` makes it from the full files in FOLDER
and prints its SHA-256.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_lib.problems.fashion_images import read_full

__all__ = ["first_of_each_class", "make_subset", "write_subset"]


def first_of_each_class(labels: NDArray[np.uint8], n: int) -> NDArray[np.int64]:
    """Return the positions of the first ``n`` samples of each class, in ascending order.

    Example:
        >>> first_of_each_class(np.array([1, 0, 1, 1, 0], np.uint8), 2).tolist()
        [0, 1, 2, 4]
    """
    positions = [np.flatnonzero(labels == label)[:n] for label in np.unique(labels)]
    return np.sort(np.concatenate(positions))


def make_subset(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Take 600 training and 100 test images of each class from the full files in ``folder``."""
    arrays = {}
    for split, n in (("train", 600), ("test", 100)):
        images, labels = read_full(folder, split)
        chosen = first_of_each_class(labels, n)
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images[chosen], labels[chosen]
    return arrays


def write_subset(folder: Path, target: Path) -> str:
    """Write the subset to ``target`` and return the SHA-256 of that file."""
    arrays: dict[str, Any] = make_subset(folder)  # no name is an option of savez_compressed
    np.savez_compressed(target, **arrays)
    return hashlib.sha256(target.read_bytes()).hexdigest()


if __name__ == "__main__":
    print(write_subset(Path(sys.argv[1]), Path(sys.argv[2])))
