"""Print the time of a step against torch's default: ``python -m tests.benchmarks [--check]``.

Each pair of optimizers runs alternately on the same parameters and non-zero gradients; the ratio is
the median over pairs of rounds. Each ratio is measured in a process of its own: how the allocator
serves temporaries depends on what the process has freed before, so that one load would change the
next one's ratio. Where it maps the temporaries of torch's default afresh at each step, page faults
are most of torch's time. So all is measured with the C library's allocator as it is, then with one
that maps every large temporary afresh, then with one that keeps what was freed. ``--alone`` shows
what the operations take of torch's step if all else were free, run on each tensor as a whole. A
method comes below that only by gathering small tensors and by cutting large ones into chunks.
"""

import argparse
import os
import subprocess
import sys

import torch

from tests.benchmarks.pairs import PAIRS
from tests.benchmarks.processes import measure_alone
from tests.benchmarks.timing import LOADS

SETTING = "COURSE_LIB_BENCHMARK_ALLOCATOR"
"""Names the allocator's setting that a process was started with."""

SETTINGS = {
    "afresh": {"MALLOC_MMAP_THRESHOLD_": str(2**17)},
    "kept": {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)},
}
"""Variables of the GNU C library, by what it then does with large temporaries."""


def table(pairs, rounds: int, threads: int, kept: bool) -> list[str]:
    """Print one line for each pair, and return what misses its bound."""
    missed = []
    print(f"{'':26}" + "".join(f"{name:>26}" for name in LOADS))
    for pair in pairs:
        cells = []
        bounds = pair.kept if kept and pair.kept else pair.bounds
        for name, bound in zip(LOADS, bounds, strict=True):
            low, ratio, faults = measure_alone(pair, name, rounds, threads)
            allowed = f" (at most {bound})" if bound else ""
            cells.append(f"{ratio:.2f}{allowed}{faults:6.0f}")
            if bound and low > bound:
                missed.append(f"{pair.name}, {name}: {ratio:.2f} is more than {bound}")
        print(f"{pair.name:26}" + "".join(f"{cell:>26}" for cell in cells), flush=True)
    return missed


def main() -> int:
    """Run the table here, and with each setting of the allocator."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a bound is missed")
    parser.add_argument("--rounds", type=int, default=41, help="pairs of rounds, at least 2")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch, at least 1")
    parser.add_argument("--compile", action="store_true", help="also compiled rules against fused")
    parser.add_argument("--alone", action="store_true", help="also our operations and no more")
    parser.add_argument("--only", default="", help="pairs whose names contain this")
    arguments = parser.parse_args()
    pairs = [pair for pair in PAIRS if not pair.option or getattr(arguments, pair.option)]
    named = [pair for pair in pairs if arguments.only in pair.name]
    if arguments.rounds < 2:
        parser.error(f"--rounds must be at least 2, got {arguments.rounds}")
    if arguments.threads < 1:
        parser.error(f"--threads must be at least 1, got {arguments.threads}")
    if not named:
        names = ", ".join(pair.name for pair in pairs)
        parser.error(f"--only must be a part of one of: {names}; got {arguments.only!r}")
    setting = os.environ.get(SETTING)
    if setting:
        print(f"\nLarge temporaries {setting}: {SETTINGS[setting]}")
    else:
        print(
            f"Time of a step / time of torch's step, median of {arguments.rounds} pairs of rounds, "
            f"torch {torch.__version__}, {arguments.threads} thread(s).\n"
            "A bound is missed if three quarters of the pairs are above it. Last in a column: page "
            "faults in a step of torch's."
        )
    missed = table(named, arguments.rounds, arguments.threads, setting == "kept")
    for line in missed:
        print("missed:", line)
    code = int(bool(missed) and arguments.check)
    for name, variables in ({} if setting else SETTINGS).items():
        command = [sys.executable, "-m", "tests.benchmarks", *sys.argv[1:]]
        environment = {**os.environ, **variables, SETTING: name}
        code = subprocess.run(command, env=environment, check=False).returncode or code
    return code


if __name__ == "__main__":
    sys.exit(main())
