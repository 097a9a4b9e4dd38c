"""How close trained nets of one hidden layer come to a sine, by their width.

The data are 257 exact samples of sin(x) on [-π, π], all of them used in every step. Each method
may compute the same number of gradients. For gradient descent and Adam the learning rate falls
linearly to zero; its start is chosen for each width, by the largest error on the tuning seeds, from
grids of the same length. L-BFGS finds its own steps. Seeds fix the start of the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.methods import SGD
from course_lib.problems import interpolating_net, mlp

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101, 102)
WIDTHS = (4, 8, 16, 32, 64, 128)
GRADIENTS = 1000
LEARNING_RATES = {
    "gradient descent": (0.005, 0.015, 0.05, 0.15),
    "Adam": (0.003, 0.01, 0.03, 0.1),
}


X = torch.linspace(-math.pi, math.pi, 257, dtype=torch.float64)[:, None]
EVERYWHERE = torch.linspace(-math.pi, math.pi, 4001, dtype=torch.float64)[:, None]


class Nets(torch.nn.Module):
    """Several nets of the same width side by side; each starts as `mlp` makes it."""

    def __init__(self, width: int, seeds: tuple[int, ...]) -> None:
        super().__init__()
        nets = [mlp([1, width, 1], seed=seed, dtype=torch.float64) for seed in seeds]
        stacked = [torch.stack(p) for p in zip(*(net.parameters() for net in nets), strict=True)]
        inner, bias, outer, shift = stacked
        self.inner, self.bias = torch.nn.Parameter(inner.mT), torch.nn.Parameter(bias[:, None])
        self.outer, self.shift = torch.nn.Parameter(outer.mT), torch.nn.Parameter(shift[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Take shape (m, 1) to (nets, m, 1)."""
        return torch.relu(x * self.inner + self.bias) @ self.outer + self.shift


def errors(nets: Nets) -> list[float]:
    """The largest error of each net on [-π, π]; infinite if it has diverged."""
    with torch.no_grad():
        largest = (nets(EVERYWHERE) - EVERYWHERE.sin()).abs().amax(dim=(1, 2))
    return [value if math.isfinite(value) else math.inf for value in largest.tolist()]


def losses(nets: Nets) -> Tensor:
    """The mean squared error of each net."""
    return (nets(X) - X.sin()).square().mean(dim=(1, 2))


def descend(width: int, seeds: tuple[int, ...], method: Callable[..., Any], lr: float) -> Nets:
    """Nets trained by a first-order method. The nets share no weight, so none feels another."""
    nets = Nets(width, seeds)
    optimizer = method(nets.parameters(), lr=lr)
    for k in range(GRADIENTS):
        optimizer.param_groups[0]["lr"] = lr * (1 - k / GRADIENTS)
        optimizer.zero_grad()
        losses(nets).sum().backward()
        optimizer.step()
    return nets


def quasi_newton(width: int, seed: int) -> Nets:
    """One net trained by L-BFGS."""
    nets = Nets(width, (seed,))
    optimizer = torch.optim.LBFGS(
        nets.parameters(),
        max_iter=GRADIENTS,
        max_eval=GRADIENTS,
        history_size=50,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-12,
        tolerance_change=1e-15,
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = losses(nets).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return nets


def rounded(value: float) -> float | None:
    """Four significant digits; None for a net that has diverged."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def measure() -> dict[str, Any]:
    """The largest errors of constructed and of trained nets, for each width."""
    methods = {"gradient descent": SGD, "Adam": torch.optim.Adam}
    constructed = []
    trained: dict[str, Any] = {name: [] for name in (*methods, "L-BFGS")}
    chosen: dict[str, Any] = {name: [] for name in methods}
    for width in WIDTHS:
        net = interpolating_net(torch.sin, -math.pi, math.pi, width)
        with torch.no_grad():
            constructed.append((net(EVERYWHERE) - EVERYWHERE.sin()).abs().max().item())
        for name, method in methods.items():
            tried = {
                lr: max(errors(descend(width, TUNING_SEEDS, method, lr)))
                for lr in LEARNING_RATES[name]
            }
            lr = min(tried, key=lambda rate: tried[rate])
            chosen[name].append(lr)
            trained[name].append(errors(descend(width, SEEDS, method, lr)))
        trained["L-BFGS"].append([errors(quasi_newton(width, seed))[0] for seed in SEEDS])
    return {
        "widths": list(WIDTHS),
        "gradients": GRADIENTS,
        "learning_rates": {name: list(rates) for name, rates in LEARNING_RATES.items()},
        "tuning_seeds": list(TUNING_SEEDS),
        "chosen": chosen,
        "constructed": [rounded(value) for value in constructed],
        "trained": {
            name: [[rounded(value) for value in row] for row in rows]
            for name, rows in trained.items()
        },
    }
