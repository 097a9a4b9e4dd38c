"""Measurements that each have a process of their own."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import torch

from tests.benchmarks.pairs import PAIRS
from tests.benchmarks.timing import Ratio, measure


def measure_alone(pair, load: str, rounds: int, threads: int) -> Ratio:
    """Measure a pair of `PAIRS` on one load, in a process that has freed no memory before."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measure, PAIRS.index(pair), load, rounds, threads).result()


def _measure(index: int, load: str, rounds: int, threads: int) -> Ratio:
    """The pair is told by its place: functions without a name cannot be sent to a process."""
    torch.set_num_threads(threads)
    return measure(PAIRS[index], load, rounds)
