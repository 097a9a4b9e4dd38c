"""Loss curves of real runs, labelled by how they were made, for `diagnose`.

Small nets learn digits or Fashion-MNIST (pixels averaged 2 x 2) by SGD, SGD with momentum, or Adam.
For each task a grid of 38 learning rates, two to an octave, is run on the tuning seeds. The
best has the lowest training loss at the end. The excess of another is what it ends above the best,
as a share of what the best gains from the start. What a task takes is the number of steps after
which the best has made 95 % of its gain. Then curves are made on other seeds, by these recipes:

- very high: the smallest rate above the best whose excess is above 0.9, and on every other seed
  four times that; called diverged where a loss overflows.
- high: the rate above the best whose excess is nearest to 0.35, if it is from 0.15 to 0.7.
- good: the best rate, constant; on every other seed a staircase, a tenth for the last 40 %.
- low: the rate below the best whose excess is nearest to 0.4 (on every other seed 0.8), if it is
  from 0.15 to 0.95.
- flattened early: from the best rate down by exp(-k / tau), tau 15 % of what the task takes.
- stopped too early: the best rate, 30 % (on every other seed 15 %) of what the task takes.
- overfitting: the best rate, 100 samples only, and the loss on others, if on the tuning seeds that
  ends more than 5 % above its least.

The label is the recipe: no curve is looked at to decide it. The tasks in JUDGING share no net and
no seed with those in DEVELOPMENT, on which the rules of `diagnose` were found. The last eight of
DEVELOPMENT were once for judging: 175 of their 200 curves were named rightly, then the rules were
mended and JUDGING was drawn afresh. All runs of a task are made at once, as a stack of nets.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, cross_entropy

from course_lib.methods import SGD, Adam
from course_lib.methods.sgd import SGDWithMomentum
from course_lib.problems import digits, fashion_mnist
from course_lib.randomness import generator_of

SEEDS = (0, 1, 2, 3)
TUNING_SEEDS = (100, 101)
STEPS = 2000
FEW = 100
POINTS = 100
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


class Task(NamedTuple):
    """Data, hidden widths, activation, method and batch size."""

    data: str
    hidden: tuple[int, ...]
    activation: str
    method: str
    batch: int

    @property
    def name(self) -> str:
        """Say what it is."""
        net = "-".join(map(str, self.hidden)) + f" {self.activation}" if self.hidden else "linear"
        return f"{self.data}, {net}, {self.method}, batches of {self.batch}"


DEVELOPMENT = (
    Task("digits", (32,), "relu", "SGD", 32),
    Task("digits", (), "relu", "Adam", 16),
    Task("fashion", (32,), "tanh", "momentum", 32),
    Task("fashion", (32, 32), "relu", "Adam", 32),
    Task("fashion", (48,), "relu", "SGD", 32),
    Task("fashion", (), "relu", "SGD", 16),
    Task("fashion", (24, 24), "tanh", "momentum", 16),
    Task("fashion", (32,), "sigmoid", "Adam", 32),
    Task("digits", (48, 24), "relu", "momentum", 32),
    Task("digits", (24,), "tanh", "Adam", 16),
    Task("digits", (48, 48, 48), "relu", "SGD", 16),
    Task("digits", (), "relu", "momentum", 16),
)
JUDGING = (
    Task("fashion", (20,), "relu", "Adam", 16),
    Task("fashion", (40, 20), "tanh", "SGD", 32),
    Task("fashion", (24, 24, 24), "relu", "Adam", 32),
    Task("fashion", (), "relu", "Adam", 32),
    Task("fashion", (32,), "sigmoid", "momentum", 32),
    Task("digits", (64,), "tanh", "SGD", 32),
    Task("digits", (16,), "relu", "Adam", 32),
    Task("digits", (32, 32), "tanh", "SGD", 16),
    Task("digits", (64, 32), "relu", "Adam", 16),
    Task("digits", (24,), "relu", "momentum", 16),
)


class Run(NamedTuple):
    """How a curve is made: its label, seed, learning rate, schedule, length and samples."""

    label: str
    seed: int
    rate: float
    schedule: str = "constant"
    tau: float = 1.0
    steps: int = STEPS
    few: bool = False

    def at(self, k: int) -> float:
        """Learning rate in step k."""
        if self.schedule == "staircase":
            return self.rate / (10 if k > 0.6 * self.steps else 1)
        return self.rate * (math.exp(-k / self.tau) if self.schedule == "exponential" else 1)


def load(name: str, split: str) -> tuple[Tensor, Tensor]:
    """Images of a split, Fashion-MNIST with pixels averaged, and labels."""
    if name == "digits":
        return digits(split)
    x, y = fashion_mnist(split)
    return avg_pool2d(x.view(-1, 28, 28), 2).flatten(1), y


def start(task: Task, inputs: int, runs: list[Run]) -> list[Tensor]:
    """Weights and biases of a stack of nets, each from its seed, as torch starts them."""
    sizes, stacks = (inputs, *task.hidden, 10), []
    generators = [generator_of(f"start of {task.name}", run.seed) for run in runs]
    for d, width in pairwise(sizes):
        for shape in ((d, width), (1, width)):
            draws = [torch.rand(shape, generator=g) * 2 - 1 for g in generators]
            stacks.append((torch.stack(draws) / math.sqrt(d)).requires_grad_())
    return stacks


def losses_of(task: Task, stacks: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
    """Mean loss of each net of a stack; x has shape (runs, samples, inputs)."""
    for layer in range(0, len(stacks), 2):
        x = torch.baddbmm(stacks[layer + 1], x, stacks[layer])
        if layer + 2 < len(stacks):
            x = ACTIVATIONS[task.activation](x)
    return cross_entropy(x.transpose(1, 2), y, reduction="none").mean(dim=1)


def move(task: Task, k: int, rates: Tensor, p: Tensor, state: dict[str, Tensor]) -> None:
    """Make the method's step for a stack, each net with its own learning rate."""
    x, g = p.data, p.grad
    if task.method == "SGD":
        SGD.update(x, g, t=rates)
    elif task.method == "momentum":
        b = state.setdefault("b", torch.zeros_like(x))
        SGDWithMomentum.update(x, g, b, t=rates, mu=0.9, tau=0.0, nesterov=False, first=k == 1)
    else:
        m, s = (state.setdefault(name, torch.zeros_like(x)) for name in "ms")
        letters = {"b1": 0.9, "b2": 0.999, "c1": 1 - 0.9**k, "c2": 1 - 0.999**k}
        Adam.update(x, g, m, s, t=rates, eps=1e-8, inside=False, decay=1.0, **letters)


def train(task: Task, runs: list[Run], steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Batch losses by run and step; losses on other samples, and the steps they were taken at."""
    x, y = load(task.data, "train")
    x_new, y_new = (part[:300] for part in load(task.data, "test"))
    x_new, y_new = x_new.expand(len(runs), -1, -1), y_new.expand(len(runs), -1)
    stacks = start(task, x.shape[1], runs)
    states: list[dict[str, Tensor]] = [{} for _ in stacks]
    generators = [generator_of(f"batches of {task.name}", run.seed) for run in runs]
    pools = [torch.randperm(len(x), generator=g) for g in generators]
    pools = [p[:FEW] if run.few else p for p, run in zip(pools, runs, strict=True)]
    losses, validation, looks = [], [], []
    draws: list[Tensor] = []
    for k in range(1, steps + 1):
        if not draws:
            sizes = (50, task.batch)
            draws = list(
                torch.stack(
                    [
                        pool[torch.randint(len(pool), sizes, generator=g)]
                        for pool, g in zip(pools, generators, strict=True)
                    ],
                    dim=1,
                )
            )
        J = draws.pop()
        each = losses_of(task, stacks, x[J], y[J])
        losses.append(each.detach().clone())
        grads = torch.autograd.grad(each.sum(), stacks)
        rates = torch.tensor([run.at(k) for run in runs])[:, None, None]
        for p, g, state in zip(stacks, grads, states, strict=True):
            p.grad = g
            move(task, k, rates, p, state)
        if k % 50 == 0 or k in (5, 10, 15, 20, 30, 40):
            with torch.no_grad():
                validation.append(losses_of(task, stacks, x_new, y_new))
            looks.append(k)
    return torch.stack(losses, 1).numpy(), torch.stack(validation, 1).numpy(), np.array(looks)


def tune(task: Task) -> dict[str, Any]:
    """Excess of all rates of the grid, the best rate, and what the task takes."""
    lowest = {"SGD": -10, "momentum": -14, "Adam": -18}[task.method]
    rates = [2.0 ** (lowest + j / 2) for j in range(38)]
    runs = [Run("tuning", seed, rate) for rate in rates for seed in TUNING_SEEDS]
    losses, _, _ = train(task, runs, STEPS)
    losses = losses.reshape(len(rates), len(TUNING_SEEDS), STEPS).mean(axis=1)
    ends = np.nan_to_num(losses[:, -200:].mean(axis=1), nan=np.inf)
    best = int(ends.argmin())
    begin = float(losses[best, 0])
    gain = np.cumsum(np.insert(losses[best], 0, 0.0))
    smooth = (gain[40:] - gain[:-40]) / 40
    takes = 40 + int(np.argmax(smooth <= begin - 0.95 * (begin - ends[best])))
    excess = (ends - ends[best]) / (begin - ends[best])
    few = [Run("tuning", seed, rates[best], few=True) for seed in TUNING_SEEDS]
    new = train(task, few, STEPS)[1].mean(axis=0)
    return {
        "rates": rates,
        "excess": excess.tolist(),
        "best": best,
        "takes": takes,
        "rise": float(new[-4:].mean() / new.min() - 1),
    }


def recipes(tuned: dict[str, Any], seeds: tuple[int, ...]) -> list[Run]:
    """The curves to make for a task."""
    rates, excess, best = tuned["rates"], np.array(tuned["excess"]), tuned["best"]
    place = np.arange(len(rates))

    def nearest(target: float, allowed: np.ndarray) -> float | None:
        there = place[allowed]
        return rates[there[np.abs(excess[there] - target).argmin()]] if len(there) else None

    bad = place[(place > best) & (excess > 0.9)]
    high = nearest(0.35, (place > best) & (excess >= 0.15) & (excess <= 0.7))
    below = (place < best) & (excess >= 0.15) & (excess <= 0.95)
    at_best, runs = rates[best], []
    for i, seed in enumerate(seeds):
        odd = i % 2 == 1
        if len(bad):
            runs.append(Run("very high", seed, rates[bad[0]] * (4 if odd else 1)))
        if high is not None:
            runs.append(Run("high", seed, high))
        runs.append(Run("good", seed, at_best, "staircase" if odd else "constant"))
        low = nearest(0.8 if odd else 0.4, below)
        if low is not None:
            runs.append(Run("low", seed, low))
        tau = 0.15 * tuned["takes"]
        runs.append(Run("flattened early", seed, at_best, "exponential", tau))
        short = max(20, round((0.15 if odd else 0.3) * tuned["takes"]))
        runs.append(Run("stopped too early", seed, at_best, steps=short))
        if tuned["rise"] > 0.05:
            runs.append(Run("overfitting", seed, at_best, few=True))
    return runs


def text(values: np.ndarray) -> str:
    """Numbers with four digits, in one line."""
    return " ".join(f"{v:.4g}" for v in values)


def bins(steps: int) -> np.ndarray:
    """Ends of at most POINTS windows: single steps first, then each a little longer."""
    return np.unique(np.geomspace(1, steps, POINTS).round().astype(int))


def curves(task: Task, seeds: tuple[int, ...]) -> dict[str, Any]:
    """Tune, make the curves, and thin them to means over windows."""
    tuned = tune(task)
    runs = recipes(tuned, seeds)
    losses, validation, looks = train(task, runs, STEPS)
    made = []
    for run, row, new in zip(runs, losses, validation, strict=True):
        ends = bins(run.steps)
        sums = np.add.reduceat(row[: run.steps].astype(np.float64), np.insert(ends[:-1], 0, 0))
        curve = {
            "label": run.label if np.isfinite(row[: run.steps]).all() else "diverged",
            "seed": run.seed,
            "multiple": run.rate / tuned["rates"][tuned["best"]],
            "schedule": run.schedule,
            "steps": text(ends),
            "losses": text(sums / np.diff(np.insert(ends, 0, 0))),
        }
        if run.schedule != "constant":
            curve["learning_rates"] = text(np.array([run.at(k) for k in ends]))
        if run.label != "good":
            kept = looks <= run.steps
            curve["validation"], curve["validation_steps"] = text(new[kept]), text(looks[kept])
        made.append(curve)
    excess = [round(e, 4) if math.isfinite(e) else None for e in tuned["excess"]]
    return {"task": task.name, "curves": made, **tuned, "excess": excess}


def measure() -> dict[str, Any]:
    """Make both sets."""
    torch.set_num_threads(1)
    return {
        "development": [curves(task, SEEDS) for task in DEVELOPMENT],
        "judging": [curves(task, tuple(s + 20 for s in SEEDS)) for task in JUDGING],
    }
