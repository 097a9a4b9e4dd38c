"""Stochastic line search against constant steps: on least squares, and on nets.

Least squares with 1000 samples and 100 unknowns, batches of 20, 30 epochs. The rows have lengths
that scatter more or less; there is noise or none. SGD gets nine constant steps on every problem and
is judged by the best of them in hindsight, so that no choice made on other problems is to blame.
The line search runs as it comes, with c = 0.1; where there is noise it gets nine values of c, and
is judged by the best in hindsight as well.

Nets learn the handwritten digits in 15 epochs of batches of 20: a net that can fit all of them, the
same with the pixels as they are in the file (0 to 16 instead of 0 to 1), and a net too small for
labels of which a fifth are replaced by random ones. SGD gets nine learning rates, the line search
on the small net nine values of c; they are chosen on the tuning seeds, the figures are from other
seeds. A seed fixes problem or start, and the order of the batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from course_lib.methods import SGD, StochasticLineSearch
from course_lib.problems import digits, mlp
from course_lib.randomness import generator_of
from course_lib.training import (
    NonFiniteLossError,
    ShuffledBatches,
    accuracy,
    fit,
    mean_loss,
)

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
M, N, B, EPOCHS = 1000, 100, 20, 30
SETTINGS = {
    **{f"spread {s:g}, no noise": {"spread": s, "noise": 0.0} for s in (0.0, 0.5, 1.0, 1.5)},
    **{f"spread {s:g}, noise": {"spread": s, "noise": 10.0} for s in (0.0, 1.0)},
}
STEPS = [10 ** (-j / 3) for j in range(2, 11)]
DEFAULT_C = 0.1
CS = [0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97]
NET_EPOCHS = 15
LRS = [10 ** (1 - j / 2) for j in range(1, 10)]


class Regression:
    """Least squares with rows of random lengths, their logarithms scattered by `spread`."""

    def __init__(self, spread: float, noise: float, seed: int) -> None:
        generator = generator_of("rows of different lengths", seed)
        options: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
        lengths = torch.exp(spread * torch.randn(M, 1, **options))
        self.X = torch.randn(M, N, **options) * lengths / lengths.square().mean().sqrt()
        w_true = torch.randn(N, **options)
        self.y = self.X @ w_true + noise * torch.randn(M, **options)
        self.w_star = torch.linalg.lstsq(self.X, self.y[:, None]).solution[:, 0]
        self.A = self.X.T @ self.X / M

    def gradient(self, w: Tensor, J: Tensor) -> Tensor:
        """The gradient on a batch."""
        X, y = self.X[J], self.y[J]
        return 2 / len(y) * (X.T @ (X @ w - y))

    def gap(self, w: Tensor) -> float:
        """Excess over the minimum, relative to that of the start w = 0."""
        d = w.detach().reshape(-1) - self.w_star
        return ((d @ self.A @ d) / (self.w_star @ self.A @ self.w_star)).item()


def constant_step(problem: Regression, t: float, seed: int) -> list[float]:
    """Gap after each epoch of SGD, its rule without autograd; it ends where it diverges."""
    w, gaps = torch.zeros(N, dtype=torch.float64), [1.0]
    batches = ShuffledBatches(M, B, seed=seed)
    for _ in range(EPOCHS):
        for J in batches:
            SGD.update(w, problem.gradient(w, J), t=t)
        gaps.append(problem.gap(w))
        if not gaps[-1] < 1e6:
            break
    return gaps


def searched_step(problem: Regression, c: float, seed: int, epochs: int = EPOCHS) -> dict:
    """Gap after each epoch, and how many samples were looked at for each sample gradient."""
    model = torch.nn.utils.skip_init(torch.nn.Linear, N, 1, bias=False, dtype=torch.float64)
    torch.nn.init.zeros_(model.weight)
    history = fit(
        model,
        (problem.X, problem.y[:, None]),
        mse_loss,
        lambda p: StochasticLineSearch(p, lr=1.0, c=c, batches_per_epoch=M // B),
        epochs=epochs,
        batch_size=B,
        seed=seed,
        evaluate={"gap": lambda model: problem.gap(model.weight)},
    )
    return {
        "gap": list(history.evaluations["gap"]),
        "looks": history.samples[-1] / (history.epochs[-1] * M),
    }


def least_squares(setting: dict[str, float]) -> dict[str, Any]:
    """Both methods on the problems of all seeds: paths, and where every option ended."""
    told: dict[str, list] = {name: [] for name in ("constant", "searched")}
    told |= {f"{name}_path": [] for name in ("constant", "searched")} | {"looks": []}
    for seed in SEEDS:
        problem = Regression(seed=seed, **setting)
        constants = [constant_step(problem, t, seed) for t in STEPS]
        ends = [path[-1] if path[-1] < 1e6 else np.inf for path in constants]
        default = searched_step(problem, DEFAULT_C, seed)
        cs = CS if setting["noise"] else [DEFAULT_C]
        told["constant"].append([end if np.isfinite(end) else None for end in ends])
        told["constant_path"].append(constants[int(np.argmin(ends))])
        told["searched"].append([searched_step(problem, c, seed)["gap"][-1] for c in cs])
        told["searched_path"].append(default["gap"])
        told["looks"].append(default["looks"])
    return told


def net_data(name: str) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], list[int]]:
    """Training and test data, and the widths of the net."""
    (x, y), test = digits("train", dtype=torch.float64), digits("test", dtype=torch.float64)
    if name == "wide net, pixels 0 to 16":
        return (16 * x, y), (16 * test[0], test[1]), [64, 128, 10]
    if name == "small net, wrong labels":
        generator = generator_of("wrong labels", 0)
        wrong = torch.rand(len(y), generator=generator) < 0.2
        other = torch.randint(10, (len(y),), generator=generator)
        return (x, torch.where(wrong, other, y)), test, [64, 10]
    return (x, y), test, [64, 128, 10]


NETS = ("wide net", "wide net, pixels 0 to 16", "small net, wrong labels")


def train_net(name: str, method: Any, seed: int) -> dict[str, Any]:
    """Mean training loss after each epoch, infinite where it diverged; accuracy on new digits."""
    data, test, sizes = net_data(name)
    net = mlp(sizes, seed=seed, dtype=torch.float64)
    try:
        history = fit(
            net,
            data,
            cross_entropy,
            method,
            epochs=NET_EPOCHS,
            batch_size=B,
            seed=seed,
            evaluate={"loss": mean_loss(data, cross_entropy)},
        )
    except NonFiniteLossError:
        return {"loss": [np.inf]}
    return {
        "loss": list(history.evaluations["loss"]),
        "accuracy": accuracy(test)(net),
        "looks": history.samples[-1] / (history.epochs[-1] * len(data[1])),
    }


def by_sgd(lr: float) -> Any:
    """SGD with a constant learning rate."""
    return lambda params: SGD(params, lr=lr)


def by_search(c: float) -> Any:
    """Stochastic line search."""
    batches = -(-len(digits("train")[1]) // B)
    return lambda params: StochasticLineSearch(params, lr=1.0, c=c, batches_per_epoch=batches)


def compare(name: str, make: Any, options: list[float]) -> dict[str, Any]:
    """All options on all seeds; the one that is best on the tuning seeds, and its runs."""
    runs = {
        option: {seed: train_net(name, make(option), seed) for seed in (*TUNING_SEEDS, *SEEDS)}
        for option in options
    }
    best = min(
        options,
        key=lambda option: sum(np.log(runs[option][seed]["loss"][-1]) for seed in TUNING_SEEDS),
    )
    finals = [[runs[option][seed]["loss"][-1] for option in options] for seed in SEEDS]
    return {
        "best": best,
        "finals": [[loss if np.isfinite(loss) else None for loss in f] for f in finals],
        "runs": [runs[best][seed] for seed in SEEDS],
    }


def nets(name: str) -> dict[str, Any]:
    """SGD with every learning rate; the line search as it comes, or with every c."""
    told = {
        "SGD": compare(name, by_sgd, LRS),
        "search": [train_net(name, by_search(DEFAULT_C), seed) for seed in SEEDS],
    }
    if name == "small net, wrong labels":
        told["search, tuned"] = compare(name, by_search, CS)
    return told


def measure() -> dict[str, Any]:
    """Compare on least squares and on nets."""
    torch.set_num_threads(1)
    return rounded(
        {
            "steps": STEPS,
            "cs": CS,
            "lrs": LRS,
            "tuning_seeds": list(TUNING_SEEDS),
            "least_squares": {name: least_squares(s) for name, s in SETTINGS.items()},
            "nets": {name: nets(name) for name in NETS},
        }
    )


def rounded(value: Any) -> Any:
    """Numbers to six significant digits, so that the record stays small."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
