"""Alternating measurements of two optimizers on the same parameters."""

import resource
import statistics
import time
from typing import NamedTuple

import torch

LOADS = {
    "MLP of 670k": [(512, 784), (512,), (512, 512), (512,), (10, 512), (10,)],
    "200 small tensors": [shape for _ in range(50) for shape in [(32, 32), (32,), (64, 16), (64,)]],
    "one tensor of 10M": [(10_000_000,)],
}
"""Shapes of the parameters, by the name of the load."""

ROUND = 0.02
"""Seconds that a round of steps should take at least, so that the clock does not matter."""


class Ratio(NamedTuple):
    """Ratios of ours to theirs: the lower quartile and the median; page faults of their steps."""

    low: float
    median: float
    faults: float


def _parameters(shapes, generator) -> list[torch.Tensor]:
    params = [torch.randn(s, generator=generator).requires_grad_() for s in shapes]
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator)  # zeros would slow float32 roots
    return params


def _seconds(optimizer: torch.optim.Optimizer, steps: int) -> float:
    """Seconds of a step. One thread's own time leaves out what other programs take meanwhile."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    for _ in range(steps):
        optimizer.step()
    return (clock() - start) / steps


def measure(pair, load: str, rounds: int) -> Ratio:
    """Measure ours / theirs over `rounds` pairs of rounds."""
    generator = torch.Generator().manual_seed(0)
    params = _parameters(LOADS[load], generator)  # shared: where they lie in memory matters
    ours, theirs = pair.ours(params), pair.theirs(params)
    for optimizer in (ours, theirs):
        _seconds(optimizer, 3)
    steps = max(1, round(ROUND / _seconds(theirs, 3)))
    ratios = []
    before = _faults()
    _seconds(theirs, steps)
    faults = (_faults() - before) / steps
    for i in range(rounds):
        if i % 2:
            a, b = _seconds(ours, steps), _seconds(theirs, steps)
        else:
            b, a = _seconds(theirs, steps), _seconds(ours, steps)
        ratios.append(a / b)
    low, middle, _ = statistics.quantiles(ratios, n=4)
    return Ratio(low, middle, faults)


def _faults() -> int:
    """Return how often this process was given memory that it had not, or no longer."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
