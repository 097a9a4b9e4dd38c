"""Seconds of activations alone and inside a layer, by width, on one thread, in float32.

What is timed are torch's own kernels on a batch of 64 rows: the activation alone, and a square
layer `activation(W x + b)`, each forward and forward with backward. In every round each activation
has its turn, so that a disturbance meets all of them. A figure is a median over the rounds: of the
seconds of the processor, or of their ratio to those of ReLU in the same round.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SEEDS = (0,)
WIDTHS = [64, 128, 256, 512, 1024, 2048]
ROWS = 64
ROUNDS = 41
# A turn repeats what it times until so many seconds have passed, by a trial before the rounds.
TURN = 1e-3

KERNELS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "absolute": torch.abs,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softplus": functional.softplus,
}


def timed(run: Callable[[], Any], times: int) -> float:
    """Seconds that the processor spends on one run, averaged over a turn of several."""
    started = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - started) / times


def medians(runs: Mapping[str, Callable[[], Any]]) -> dict[str, dict[str, float]]:
    """Median seconds of each run, and median of its ratio to ReLU's in the same round."""
    turns = {name: max(1, round(TURN / timed(run, 3))) for name, run in runs.items()}
    rounds = [{name: timed(run, turns[name]) for name, run in runs.items()} for _ in range(ROUNDS)]
    return {
        name: {
            "seconds": statistics.median(each[name] for each in rounds),
            "ratios": statistics.median(each[name] / each["relu"] for each in rounds),
        }
        for name in runs
    }


def forward(function: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], Any]:
    """Make a run of the values alone, with nothing kept for a backward pass."""

    def run() -> None:
        with torch.no_grad():
            function(x)

    return run


def both_ways(function: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], Any]:
    """Make a run forward and backward, from gradients of ones to `x` and all parameters."""
    ones = torch.ones_like(x)
    return lambda: function(x).backward(ones)


def at_width(width: int, generator: torch.Generator) -> dict[str, Any]:
    """Seconds of all activations at one width, alone and inside a square layer."""
    x = torch.randn(ROWS, width, generator=generator, requires_grad=True)
    layer = nn.utils.skip_init(nn.Linear, width, width)
    nn.init.normal_(layer.weight, std=width**-0.5, generator=generator)
    nn.init.zeros_(layer.bias)
    inside = {name: (lambda v, kernel=kernel: kernel(layer(v))) for name, kernel in KERNELS.items()}
    inside["no activation"] = layer
    ways = {"forward": forward, "forward and backward": both_ways}
    return {
        place: {
            way: medians({name: make(function, x) for name, function in functions.items()})
            for way, make in ways.items()
        }
        for place, functions in (("alone", KERNELS), ("inside a layer", inside))
    }


def measure() -> dict[str, Any]:
    """Seconds and ratios by place, way, activation and width."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        generator = torch.Generator().manual_seed(SEEDS[0])
        widths = [at_width(width, generator) for width in WIDTHS]
    finally:
        torch.set_num_threads(threads)
    results: dict[str, Any] = {"rows": ROWS, "rounds": ROUNDS, "threads": 1, "widths": WIDTHS}
    for place, ways in widths[0].items():
        results[place] = {
            way: {
                name: {
                    figure: [float(f"{one[place][way][name][figure]:.4g}") for one in widths]
                    for figure in ("ratios", "seconds")
                }
                for name in names
            }
            for way, names in ways.items()
        }
    return results
