"""Which methods train deep nets: by activation, by depth, and by remedy for vanishing gradients.

Nets of ``WIDTH`` nodes a layer on scikit-learn's digits. Weights are Gaussian with variance c/d,
biases zero. All runs make the same number of steps on batches of the same size, but for the long
ones, which make ten times as many. Each method has a grid of ten learning rates. The rate is chosen
on the tuning seeds, by the largest training loss at the end, and reported on other seeds. A seed
fixes the start and the batches, for all methods alike. The methods "by layer" divide each layer's
step by the root mean square of its gradient, at the first batch or at every batch. Runs of one kind
stand side by side in the tensors: run r is row r, and no run feels another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from course_lib.methods import SGD, Adam
from course_lib.methods.sgd import SGDWithMomentum
from course_lib.problems import digits
from course_lib.randomness import generator_of

SEEDS = (0, 1, 2, 3, 4, 5, 6, 7)
TUNING_SEEDS = (100, 101, 102)
WIDTH, BATCH, STEPS = 32, 64, 1000
DEPTHS = {"sigmoid": (2, 4, 6, 8), "tanh": (4, 8), "ReLU": (4, 8)}  # hidden layers
LEARNING_RATES = {  # powers of ten, two a decade
    "SGD": [k / 2 for k in range(-6, 4)],
    "momentum": [k / 2 for k in range(-8, 2)],
    "Adam": [k / 2 for k in range(-9, 1)],
    "by layer, fixed": [k / 2 for k in range(-9, 1)],
    "by layer, renewed": [k / 2 for k in range(-9, 1)],
}
REMEDIED = 6  # hidden layers of the nets that get a remedy
LONG = (4, 6)  # hidden layers of the nets with long runs
LOOKS = 100  # at the loss, in the runs that are reported
REMEDIES = ("normalisation", "skips", "tanh in disguise")
GAINS = {"sigmoid": 1.0, "tanh": 1.0, "ReLU": 2.0}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "ReLU": torch.relu,
}


class Nets:
    """Nets side by side: ``weights[l]`` (runs, d_in, d_out), ``biases[l]`` (runs, 1, d_out).

    ``remedy`` is None, ``"normalisation"`` (each node's sums are standardised over the batch),
    ``"skips"`` (each inner layer adds to its input) or ``"tanh in disguise"`` (sigmoids that start
    as the tanh net of the same seed).
    """

    def __init__(
        self, depth: int, activation: str, seeds: list[int], remedy: str | None = None
    ) -> None:
        self.activation, self.remedy = ACTIVATIONS[activation], remedy
        sizes = [64] + [WIDTH] * depth + [10]
        self.weights, self.biases = [], []
        for l, (d, d_out) in enumerate(pairwise(sizes)):
            scale = math.sqrt(GAINS[activation] / d)
            W = torch.stack(
                [torch.randn(d, d_out, generator=generator_of("deep", s, l)) for s in seeds]
            )
            W, b = scale * W, torch.zeros(len(seeds), 1, d_out)
            if remedy == "tanh in disguise":
                W, b = disguised(W, first=l == 0, last=l == depth)
            self.weights.append(W.requires_grad_())
            self.biases.append(b.requires_grad_())

    @property
    def parameters(self) -> list[Tensor]:
        return [*self.weights, *self.biases]

    def __call__(self, x: Tensor) -> Tensor:
        """Take shape (runs, m, 64) or (m, 64) to logits, shape (runs, m, 10)."""
        a = x.expand(len(self.weights[0]), *x.shape[-2:])
        for l, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = torch.baddbmm(b, a, W)
            if l == len(self.weights) - 1:
                return z
            if self.remedy == "normalisation":
                z = (z - z.mean(1, keepdim=True)) / (z.var(1, keepdim=True) + 1e-5).sqrt()
            skip = a if self.remedy == "skips" and l > 0 else 0.0
            a = skip + self.activation(z)
        raise AssertionError


def disguised(V: Tensor, first: bool, last: bool) -> tuple[Tensor, Tensor]:
    """Weights and biases of a layer of sigmoids that computes what tanh with weights V computes.

    tanh(u) = 2σ(2u) - 1: a layer of sigmoids passes on (1 + tanh)/2.
    """
    from_tanh = 0 if first else V.sum(1, keepdim=True)
    W = V if first else 2 * V
    return (W, -from_tanh + 0 * V[:, :1]) if last else (2 * W, -2 * from_tanh + 0 * V[:, :1])


X, Y = digits("train")
X_TEST, Y_TEST = digits("test")
CENTRE = X.mean(0)


def losses(nets: Nets, x: Tensor, y: Tensor) -> Tensor:
    """Mean loss of each run, shape (runs,)."""
    logits = nets(x)
    runs, m, _ = logits.shape
    y = y.expand(runs, m).reshape(-1)
    return cross_entropy(logits.reshape(runs * m, 10), y, reduction="none").view(runs, m).mean(1)


def train(
    nets: Nets, method: str, rates: Tensor, seeds: list[int], steps: int
) -> dict[str, list[Any]]:
    """Train run r with learning rate r; its training loss and test accuracy at the end.

    And its curve: the training loss before each hundredth of the steps.
    """
    drawn = {s: generator_of("batches", s) for s in sorted(set(seeds))}
    rule = Rule(method, nets, rates)
    curve = []
    for k in range(1, steps + 1):
        if (k - 1) % (steps // LOOKS) == 0:
            curve.append(training_losses(nets))
        J_of = {s: torch.randint(len(Y), (BATCH,), generator=g) for s, g in drawn.items()}
        J = torch.stack([J_of[s] for s in seeds])
        gradients = torch.autograd.grad(losses(nets, X[J] - CENTRE, Y[J]).sum(), nets.parameters)
        rule.step(k, gradients)
    curve.append(training_losses(nets))
    with torch.no_grad():
        right = (nets(X_TEST - CENTRE).argmax(2) == Y_TEST).double().mean(1)
    return {"loss": curve[-1], "accuracy": right.tolist(), "curve": list(zip(*curve, strict=True))}


@torch.no_grad()
def training_losses(nets: Nets) -> list[float]:
    """Mean loss of each run over all training images; infinite where it has diverged."""
    values: list[float] = losses(nets, X - CENTRE, Y).nan_to_num(math.inf, math.inf).tolist()
    return values


class Rule:
    """The library's update rules, run on all nets at once; learning rate r is that of run r."""

    def __init__(self, method: str, nets: Nets, rates: Tensor) -> None:
        self.method, self.t = method, rates[:, None, None]
        self.layers = len(nets.weights)
        self.xs = nets.parameters
        self.states = [(torch.zeros_like(x), torch.zeros_like(x)) for x in self.xs]
        self.factors: list[Any] = [1.0] * len(self.xs)

    @torch.no_grad()
    def step(self, k: int, gradients: tuple[Tensor, ...]) -> None:
        """Make step k."""
        if self.method == "by layer, renewed" or (self.method == "by layer, fixed" and k == 1):
            sizes = [g.square().mean((1, 2), keepdim=True).sqrt() for g in gradients]
            self.factors = [1 / size.clamp_min(1e-30) for size in sizes[: self.layers]] * 2
        every = zip(self.xs, gradients, self.states, self.factors, strict=True)
        for x, g, (m, s), factor in every:
            if self.method == "Adam":
                Adam.update(
                    x, g, m, s, t=self.t, b1=0.9, b2=0.999, c1=1 - 0.9**k, c2=1 - 0.999**k,
                    eps=1e-8, inside=False, decay=0.0,
                )  # fmt: skip
            elif self.method == "momentum":
                SGDWithMomentum.update(
                    x, g, m, t=self.t, mu=0.9, tau=0.0, nesterov=False, first=k == 1
                )
            else:
                SGD.update(x, g, t=self.t * factor)


def tuned(
    depth: int, activation: str, method: str, remedy: str | None = None, steps: int = STEPS
) -> dict[str, Any]:
    """Choose the learning rate on the tuning seeds and train with it on the others."""
    grid = [10**power for power in LEARNING_RATES[method]]
    seeds = [s for _ in grid for s in TUNING_SEEDS]
    rates = torch.tensor([t for t in grid for _ in TUNING_SEEDS])
    tried = train(Nets(depth, activation, seeds, remedy), method, rates, seeds, steps)
    ends = torch.tensor(tried["loss"]).view(len(grid), -1).amax(1)
    best = int(ends.argmin())
    chosen = torch.full((len(SEEDS),), grid[best])
    nets = Nets(depth, activation, list(SEEDS), remedy)
    reported = train(nets, method, chosen, list(SEEDS), steps)
    curve = reported["curve"] if steps > STEPS else []
    return {
        "depth": depth, "activation": activation, "method": method, "remedy": remedy,
        "steps": steps, "rate": rounded(grid[best]),
        "tuning": [rounded(value) for value in ends.tolist()],
        "loss": [rounded(value) for value in reported["loss"]],
        "accuracy": [rounded(value) for value in reported["accuracy"]],
        "curve": [[rounded(value) for value in run] for run in curve],
    }  # fmt: skip


def rounded(value: float) -> float | None:
    """Four significant digits; None for a run that has diverged."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def measure() -> dict[str, Any]:
    """All runs: by depth, with remedies, and with ten times as many steps."""
    plain = ("SGD", "momentum", "Adam")
    runs = [
        tuned(depth, activation, method)
        for activation, depths in DEPTHS.items()
        for depth in depths
        for method in plain
    ]
    runs += [tuned(REMEDIED, "sigmoid", f"by layer, {when}") for when in ("fixed", "renewed")]
    runs += [
        tuned(REMEDIED, "sigmoid", method, remedy)
        for remedy in REMEDIES
        for method in ("SGD", "Adam")
    ]
    runs += [
        tuned(depth, "sigmoid", method, steps=10 * STEPS)
        for depth in LONG
        for method in ("SGD", "Adam")
    ]
    return {
        "runs": runs,
        "learning_rates": {
            name: [rounded(10**power) for power in powers]
            for name, powers in LEARNING_RATES.items()
        },
        "tuning_seeds": list(TUNING_SEEDS),
        "steps": STEPS,
        "batch_size": BATCH,
        "width": WIDTH,
        "remedied_depth": REMEDIED,
    }
