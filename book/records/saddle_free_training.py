"""A small deep net trained by saddle-free Newton, damped Newton and SGD, from near a saddle or not.

All weights at zero is a saddle of this net. "usual" starts at the library's random weights, "small"
at a tenth of them, beside that saddle. Each of the Newton methods chooses in each step the best of
the same ten dampings; SGD is given the best of ten learning rates, chosen on tuning seeds by its
training loss at the end. Errors and losses are those of all training images; lowest eigenvalues
are those of the Hessian at the end of the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy

from course_lib.derivatives import HessianOperator
from course_lib.methods import SGD, LineSearchMethod, NoStepError, Point, SaddleFreeNewton
from course_lib.problems import digits, mlp
from course_lib.training import NonFiniteLossError, fit

SEEDS = (0, 1, 2)
TUNING_SEEDS = (100, 101)
SIZES, CLASSES, SAMPLES = [16, 8, 8, 5], 5, 300
STARTS = {"usual": 1.0, "small": 0.1}
STEPS, EPOCHS, BATCH_SIZE = 40, 300, 30
RATES = [0.02 * 2.0**j for j in range(10)]
THINNED = 5  # of SGD's losses at each rate, every fifth epoch is stored
GRID = (0.0, *(10.0**j for j in range(-6, 3)))


def damped_newton(point: Point, memory: dict[str, Any]) -> Tensor:
    """Newton's direction with the best damping of the grid: the eigenvalues keep their signs."""
    eigenvalues, Q = torch.linalg.eigh(point.hessian())
    c = Q.T @ point.gradient
    trials = [
        -Q @ (c / (eigenvalues + share * eigenvalues.abs().max()))
        for share in GRID
        if bool((eigenvalues + share * eigenvalues.abs().max()).all())
    ]
    values = [point.move(1.0, d).value for d in trials]
    lowest = min(value for value in values if math.isfinite(value))
    if not lowest < point.value:
        raise NoStepError("no damping of the grid lowers the function")
    return trials[values.index(lowest)]


damped_newton.uses_hessian = True  # type: ignore[attr-defined]

NEWTON_METHODS: dict[str, Callable[..., Any]] = {
    "saddle-free Newton": SaddleFreeNewton,
    "saddle-free, Krylov": partial(SaddleFreeNewton, solver="Krylov", krylov_size=20),
    "damped Newton": partial(LineSearchMethod, direction=damped_newton),
}


def data() -> tuple[Tensor, Tensor]:
    """Digits from 0 to 4, shrunk to 4 × 4 pixels."""
    x, y = digits("train", dtype=torch.float64)
    x, y = x[y < CLASSES][:SAMPLES], y[y < CLASSES][:SAMPLES]
    x = avg_pool2d(x.reshape(-1, 1, 8, 8), 2).flatten(1)
    return (x - x.mean(dim=0)) / x.std(), y


def net_of(seed: int, scale: float) -> nn.Sequential:
    """The net at its start."""
    net = mlp(SIZES, nn.Tanh, seed=seed, dtype=torch.float64)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(scale)
    return net


def lowest_eigenvalue(net: nn.Sequential, x: Tensor, y: Tensor) -> float:
    """The most negative curvature of the training loss."""
    params = list(net.parameters())
    gradients = torch.autograd.grad(cross_entropy(net(x), y), params, create_graph=True)
    product = HessianOperator(gradients, params)
    sizes, shapes = [p.numel() for p in params], [p.shape for p in params]
    columns = []
    for unit in torch.eye(sum(sizes), dtype=torch.float64):
        parts = [v.reshape(s) for v, s in zip(unit.split(sizes), shapes, strict=True)]
        columns.append(torch.cat([column.reshape(-1) for column in product(parts)]))
    H = torch.stack(columns)
    return float(torch.linalg.eigvalsh((H + H.T) / 2)[0])


def train(
    method: Callable[..., Any], seed: int, scale: float, epochs: int, batch_size: int
) -> dict[str, Any] | None:
    """The loss after each epoch, and what is reached; None if a run overflows."""
    x, y = data()
    net = net_of(seed, scale)
    losses = []

    def look(net: nn.Sequential) -> float:
        loss = float(cross_entropy(net(x), y))
        losses.append(rounded(loss))
        return loss

    try:
        fit(
            net, (x, y), cross_entropy, method, epochs=epochs, batch_size=batch_size, seed=seed,
            evaluate={"loss": look},
        )  # fmt: skip
    except NonFiniteLossError:
        return None
    with torch.no_grad():
        wrong = net(x).argmax(dim=1) != y
    return {
        "losses": losses,
        "error": rounded(wrong.double().mean()),
        "lowest eigenvalue": rounded(lowest_eigenvalue(net, x, y)),
    }


def measure() -> dict[str, Any]:
    """All methods from both kinds of start, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        starts = {name: compared(scale) for name, scale in STARTS.items()}
    finally:
        torch.set_num_threads(threads)
    return {
        "weights": sum(p.numel() for p in net_of(0, 1.0).parameters()),
        "samples": SAMPLES,
        "batch_size": BATCH_SIZE,
        "rates": RATES,
        "thinned": THINNED,
        "tuning_seeds": list(TUNING_SEEDS),
        "starts": starts,
    }


def compared(scale: float) -> dict[str, Any]:
    """All methods from one kind of start."""
    tuned, curves = [], []
    for rate in RATES:
        runs = [
            train(partial(SGD, lr=rate), seed, scale, EPOCHS, BATCH_SIZE) for seed in TUNING_SEEDS
        ]
        ends = [math.inf if run is None else run["losses"][-1] for run in runs]
        tuned.append(sum(ends) / len(ends))
        curves.append(None if runs[0] is None else runs[0]["losses"][::THINNED])
    best = RATES[tuned.index(min(tuned))]
    runs = {
        name: [train(method, seed, scale, STEPS, SAMPLES) for seed in SEEDS]
        for name, method in NEWTON_METHODS.items()
    }
    runs["SGD"] = [train(partial(SGD, lr=best), seed, scale, EPOCHS, BATCH_SIZE) for seed in SEEDS]
    return {
        "rate of SGD": best,
        "tuning": [rounded(end) for end in tuned],
        "SGD by rate": curves,
        "runs": runs,
    }


def rounded(value: Any) -> float | None:
    """Five digits; None if it is not finite."""
    value = float(value)
    return float(f"{value:.5g}") if math.isfinite(value) else None
