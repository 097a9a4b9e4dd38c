"""Print the time of a step against torch's default: ``python -m tests.benchmarks [--check]``.

Each pair of optimizers runs alternately on the same parameters and non-zero gradients; the ratio is
the median over pairs of rounds. Each ratio is measured in a process of its own: how the allocator
serves temporaries depends on what the process has freed before, so that one load would change the
next one's ratio. The large temporaries of torch's default are mapped afresh by the allocator at
each step; so all is measured a second time with the allocator's threshold raised.
"""

import argparse
import os
import subprocess
import sys

import torch

from tests.benchmarks.pairs import PAIRS
from tests.benchmarks.processes import measure_alone
from tests.benchmarks.timing import LOADS

THRESHOLD = "MALLOC_MMAP_THRESHOLD_"
RAISED = str(2**30)


def table(pairs, rounds: int, threads: int, raised: bool) -> list[str]:
    """Print one line for each pair, and return what misses its bound."""
    missed = []
    print(f"{'':34}" + "".join(f"{name:>20}" for name in LOADS))
    for pair in pairs:
        cells = []
        bounds = pair.raised if raised and pair.raised else pair.bounds
        for name, bound in zip(LOADS, bounds, strict=True):
            low, ratio = measure_alone(pair, name, rounds, threads)
            cells.append(f"{ratio:.2f}" + (f" (at most {bound})" if bound else ""))
            if bound and low > bound:
                missed.append(f"{pair.name}, {name}: {ratio:.2f} is more than {bound}")
        print(f"{pair.name:34}" + "".join(f"{cell:>20}" for cell in cells), flush=True)
    return missed


def main() -> int:
    """Run the table here and once more with the threshold raised."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a bound is missed")
    parser.add_argument("--rounds", type=int, default=41, help="pairs of rounds for each ratio")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--compile", action="store_true", help="also compiled rules against fused")
    parser.add_argument("--only", default="", help="pairs whose names contain this")
    arguments = parser.parse_args()
    raised = os.environ.get(THRESHOLD) == RAISED
    if raised:
        print(f"\nThe same with {THRESHOLD}={RAISED}")
    else:
        print(
            f"Time of a step / time of torch's step, median of {arguments.rounds} pairs of rounds, "
            f"torch {torch.__version__}, {arguments.threads} thread(s).\n"
            "A bound is missed if three quarters of the pairs are above it."
        )
    pairs = [pair for pair in PAIRS if arguments.compile or not pair.compiled]
    pairs = [pair for pair in pairs if arguments.only in pair.name]
    missed = table(pairs, arguments.rounds, arguments.threads, raised)
    for line in missed:
        print("missed:", line)
    code = int(bool(missed) and arguments.check)
    if not raised:
        command = [sys.executable, "-m", "tests.benchmarks", *sys.argv[1:]]
        again = subprocess.run(command, env={**os.environ, THRESHOLD: RAISED}, check=False)
        code = code or again.returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
