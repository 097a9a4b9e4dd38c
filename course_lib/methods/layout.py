"""Which parameters of a group are worked on in place, and which are gathered into buckets."""

import operator
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_lib.methods.buckets import Bucket


class Wave(NamedTuple):
    """Parameters of which no two overlap, by their places in their group.

    Attributes:
        large: Those worked on in place.
        buckets: The others, and the bucket that gathers them.
    """

    large: list[int]
    buckets: list[tuple[list[int], Bucket]]

    def without(self, some: set[int]) -> "Wave":
        """Return what is left of the wave without these places."""
        buckets = [(indices, bucket) for indices, bucket in self.buckets if not some & {*indices}]
        return Wave([i for i in self.large if i not in some], buckets)


class Layout:
    """The parameters of a group, sorted for running a rule on vectors.

    Large contiguous tensors are worked on in place. Small ones go into buckets, one for each dtype
    and device. Parameters that overlap in memory go into different waves, one after the other,
    since copying back two of them would lose the step of the first.

    Attributes:
        params: The parameters.
        large: Places in ``params`` of what is worked on in place.
        gathered: Number of parameters in buckets on devices of a type named in `small`.
        waves: What can be worked on at once.

    Args:
        params: Parameters, in the order of their group.
        small: Tensors of fewer elements are small, by type of device.
        small_elsewhere: The same for all other devices.
    """

    def __init__(
        self, params: Sequence[Tensor], small: Mapping[str, int], small_elsewhere: int
    ) -> None:
        """Sort `params`; nothing is copied yet."""
        self.params = list(params)
        self._traits = _traits(params)
        self.large: list[int] = []
        sorted_: defaultdict[int, tuple[list[int], defaultdict[Any, list[int]]]]
        sorted_ = defaultdict(lambda: ([], defaultdict(list)))
        for i, (p, rank) in enumerate(zip(params, _ranks(params), strict=True)):
            large, gathered = sorted_[rank]
            limit = small.get(p.device.type, small_elsewhere)
            if p.numel() >= limit and p.is_contiguous() and not (p.is_conj() or p.is_neg()):
                self.large.append(i)
                large.append(i)
            else:
                gathered[p.dtype, p.device].append(i)
        self.gathered = sum(p.device.type in small for p in params) - len(self.large)
        self.waves = [
            Wave(large, [(some, Bucket([params[i] for i in some])) for some in gathered.values()])
            for _, (large, gathered) in sorted(sorted_.items(), key=operator.itemgetter(0))
        ]

    def release(self, state: Mapping[Tensor, dict[str, Any]]) -> None:
        """Give the states that still are parts of a bucket memory of their own.

        A part keeps the memory of its whole bucket. Call it when the layout has been replaced: most
        states are parts of other buckets by then.
        """
        for wave in self.waves:
            for _, bucket in wave.buckets:
                bucket.release([state.get(p, {}) for p in bucket.params])

    def fits(self, params: Sequence[Tensor]) -> bool:
        """Return whether these parameters, as they are now, are those that were sorted."""
        return (
            len(params) == len(self.params)
            and all(map(operator.is_, params, self.params))
            and self._traits is not None
            and _traits(params) == self._traits
        )


def _ranks(params: Sequence[Tensor]) -> list[int]:
    """Return a rank for each parameter, higher than that of all before it that it overlaps."""
    ranks = [0] * len(params)
    spans = [_span(p) for p in params]
    for members in _clusters(spans):
        for n, i in enumerate(members):
            _, start, end = spans[i]
            under = [ranks[j] for j in members[:n] if start < spans[j][2] and spans[j][1] < end]
            ranks[i] = 1 + max(under, default=-1)
    return ranks


def _clusters(spans: Sequence[tuple[Any, int, int]]) -> list[list[int]]:
    """Return the places of spans that hang together by overlaps, those of each set in order."""
    clusters: list[list[int]] = []
    reached: tuple[Any, int] | None = None
    for i in sorted(range(len(spans)), key=lambda i: (repr(spans[i][0]), *spans[i][1:])):
        memory, start, end = spans[i]
        if start == end:
            continue
        if reached and memory == reached[0] and start < reached[1]:
            clusters[-1].append(i)
            reached = memory, max(end, reached[1])
        else:
            clusters.append([i])
            reached = memory, end
    return [sorted(cluster) for cluster in clusters if len(cluster) > 1]


def _span(p: Tensor) -> tuple[Any, int, int]:
    """Return the memory a tensor lies in, its first byte there, and the one after its last.

    Addresses tell, since two storages may share memory. Tensors that have none, such as fake ones,
    are told by their storage.
    """
    if not p.numel():
        return None, 0, 0
    if type(p) in (Tensor, torch.nn.Parameter) and p.device.type != "meta":
        memory, start = p.device, p.data_ptr()
    else:
        memory = p.untyped_storage()._cdata
        start = int(p.storage_offset()) * p.element_size()
    last = sum((n - 1) * step for n, step in zip(p.shape, p.stride(), strict=True))
    return memory, start, start + (last + 1) * p.element_size()


def _traits(params: Sequence[Tensor]) -> tuple[list[Any], ...] | None:
    """Return what a layout depends on; None where it is not told at a glance.

    That is so for complex tensors, which may be conjugate views, and for subclasses, such as fake
    tensors, which have no place in memory. Places on different devices differ.
    """
    if not {type(p) for p in params} <= {Tensor, torch.nn.Parameter}:
        return None
    dtypes = [p.dtype for p in params]
    if any(dtype.is_complex for dtype in set(dtypes)):
        return None
    return (
        dtypes,
        [p.data_ptr() for p in params],
        [p.shape for p in params],
        [p.is_contiguous() for p in params],
    )
