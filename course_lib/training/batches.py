"""Which samples a step sees: the order of mini-batches, with and without replacement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_flag, check_integer
from course_lib.randomness import LARGEST_SEED, generator_of

__all__ = [
    "BatchesWithReplacement",
    "FullBatch",
    "ShuffledBatches",
    "draw_distinct",
]


def draw_distinct(m: int, n: int, generator: torch.Generator) -> Tensor:
    """Draw ``n`` different indices out of 0, …, m−1, every subset equally likely.

    Example:
        >>> draw_distinct(10, 10, torch.Generator().manual_seed(0)).sort().values.tolist()
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    check_integer("n", n, low=1, high=m)
    if n > m // 4:
        return torch.randperm(m, generator=generator, device="cpu")[:n]
    drawn: dict[int, None] = {}  # keeps the order of arrival; cheaper than permuting all of m
    while len(drawn) < n:
        more = torch.randint(m, (n,), generator=generator, device="cpu")
        drawn.update(dict.fromkeys(more.tolist()))
    return torch.tensor(list(drawn)[:n], device="cpu")


class _EpochBatches:
    """An epoch's indices in consecutive batches; the subclass says how the epoch is drawn."""

    def __init__(self, m: int, batch_size: int, *, seed: int = 0, drop_last: bool = False) -> None:
        self.m = check_integer("m", m, low=1)
        self.batch_size = check_integer("batch_size", batch_size, low=1, high=m)
        self.seed = check_integer("seed", seed, low=0, high=LARGEST_SEED)
        self.drop_last = check_flag("drop_last", drop_last)
        self.epoch = 0
        self.position = 0

    def _draw_epoch(self, generator: torch.Generator) -> Tensor:
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of batches in a whole epoch."""
        return self.m // self.batch_size if self.drop_last else -(-self.m // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        """Give the batches that are left of the current epoch, then advance ``epoch``."""
        order = self._draw_epoch(generator_of("order of batches", self.seed, self.epoch))
        epoch = self.epoch
        while self.epoch == epoch:
            start = self.position * self.batch_size
            # A batch that was handed out counts as seen, so the state moves on before it is.
            self.position += 1
            if self.position == len(self):
                self.epoch, self.position = epoch + 1, 0
            yield order[start : start + self.batch_size]

    def state_dict(self) -> dict[str, Any]:
        """Return what a run needs to go on with the very next batch, also in mid-epoch."""
        return {
            "kind": type(self).__name__,
            "m": self.m,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "drop_last": self.drop_last,
            "epoch": self.epoch,
            "position": self.position,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state; ``seed`` comes with it, the sizes must be the same.

        Raises:
            ValueError: the state was saved by batches of another kind or size. Nothing is changed
                then.
        """
        own = self.state_dict()
        if set(state) != set(own):
            raise ValueError(f"state must have the keys {sorted(own)}, got {sorted(state)}")
        for name in ("kind", "m", "batch_size", "drop_last"):
            if state[name] != own[name]:
                raise ValueError(
                    f"state was saved with {name}={state[name]!r}, but these batches have "
                    f"{name}={own[name]!r}: make them as they were when the state was saved"
                )
        seed = check_integer("state['seed']", state["seed"], low=0, high=LARGEST_SEED)
        epoch = check_integer("state['epoch']", state["epoch"], low=0)
        position = check_integer("state['position']", state["position"], low=0, high=len(self) - 1)
        self.seed, self.epoch, self.position = seed, epoch, position

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(m={self.m}, batch_size={self.batch_size}, seed={self.seed}, "
            f"epoch={self.epoch}, position={self.position})"
        )


class ShuffledBatches(_EpochBatches):
    r"""Shuffle, then take consecutive batches: every sample exactly once an epoch.

    A permutation of :math:`\{0,\dots,m-1\}` is drawn for each epoch and cut into
    :math:`\lceil m/B\rceil` batches. The last one is smaller if :math:`B` does not divide
    :math:`m` (with ``drop_last`` it is left out). Iterating gives the batches of one epoch as
    int64 tensors and advances ``epoch``; who breaks off goes on from there next time.

    Args:
        m: number of samples.
        batch_size: :math:`B`, from 1 to ``m``.
        seed: non-negative integer. The order of an epoch is a function of (seed, epoch) alone.
        drop_last: leave out the last batch if it is smaller.

    Raises:
        ValueError: ``m < 1``, ``batch_size`` is not in 1, …, m, or ``seed`` is negative.

    Example:
        >>> batches = ShuffledBatches(5, batch_size=2, seed=1)
        >>> epoch = [batch.tolist() for batch in batches]
        >>> [len(batch) for batch in epoch], sorted(sum(epoch, []))
        ([2, 2, 1], [0, 1, 2, 3, 4])
        >>> batches.epoch
        1

    Source: slide 19 (the slide permutes :math:`\{0,\dots,m\}`, which is one index too many).
    """

    def _draw_epoch(self, generator: torch.Generator) -> Tensor:
        return torch.randperm(self.m, generator=generator, device="cpu")


class BatchesWithReplacement(_EpochBatches):
    r"""Draw every index afresh from :math:`\{0,\dots,m-1\}`: samples recur, others are missed.

    An epoch is :math:`m` draws in :math:`\lceil m/B\rceil` batches, so that it costs as much as
    one without replacement; it misses a sample with probability
    :math:`(1-1/m)^m\approx 1/e`. A batch may hold a sample twice.

    Parameters, errors and state are those of :class:`ShuffledBatches`.

    Example:
        >>> batches = BatchesWithReplacement(1000, batch_size=10)
        >>> seen = torch.cat(list(batches))
        >>> len(seen), round(1 - len(seen.unique()) / 1000, 1)
        (1000, 0.4)

    Source: slide 19, "canonical".
    """

    def __init__(self, m: int, batch_size: int, *, seed: int = 0) -> None:
        super().__init__(m, batch_size, seed=seed)

    def _draw_epoch(self, generator: torch.Generator) -> Tensor:
        return torch.randint(self.m, (self.m,), generator=generator, device="cpu")


class FullBatch:
    """All samples in every step: an epoch is one batch, given as a slice, so nothing is copied.

    Example:
        >>> list(FullBatch(3))
        [slice(0, 3, None)]
    """

    def __init__(self, m: int) -> None:
        self.m = check_integer("m", m, low=1)

    def __len__(self) -> int:
        """Return 1, the number of batches in an epoch."""
        return 1

    def __iter__(self) -> Iterator[slice]:
        """Give the one batch of an epoch."""
        yield slice(0, self.m)
