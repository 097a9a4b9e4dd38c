"""Random numbers that are a function of a seed and of what they are for."""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["LARGEST_SEED", "generator_of"]

LARGEST_SEED = 2**64 - 1


def generator_of(stream: str, *key: int) -> torch.Generator:
    """Return a CPU generator whose random numbers are a function of ``stream`` and ``key``.

    ``stream`` says what they are for, so that data, start and order of batches made from one seed
    are independent; ``key`` holds integers from 0 to 2⁶⁴ − 1. All are mixed by
    :class:`numpy.random.SeedSequence`.

    Example:
        >>> a, b = generator_of("noise", 0, 1), generator_of("noise", 0, 1)
        >>> bool(torch.rand((), generator=a) == torch.rand((), generator=b))
        True
    """
    name = stream.encode()
    # Two words for each integer and the length in front: no two keys give the same words.
    words = [word for number in key for word in (number & 0xFFFFFFFF, number >> 32)]
    mixed = np.random.SeedSequence([len(name), *name, *words, len(key)])
    return torch.Generator("cpu").manual_seed(int(mixed.generate_state(1, np.uint32)[0]))
