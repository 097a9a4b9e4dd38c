"""What a plateau schedule does when it watches the validation error, or the objective.

Two tasks on Fashion-MNIST. *Fixed*: a thousand images, which the net can fit perfectly. *Moved*:
the same images, each batch moved by up to two pixels, so that no image comes back as it was. A seed
fixes the net's start, the order of the batches and the moves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from course_lib.methods import SGD
from course_lib.methods.learning_rate import Constant, ReduceOnPlateau, Schedule
from course_lib.problems import fashion_mnist, mlp
from course_lib.randomness import generator_of
from course_lib.training import accuracy, fit, mean_loss

SEEDS = (0, 1, 2, 3, 4)
IMAGES, LR = 1000, 0.3
# Task: epochs and batch size.
TASKS = {"fixed": (40, 50), "moved": (60, 20)}
WATCHED = ("validation error", "objective", "nothing")


class MovedImages:
    """Images of which each batch is moved by up to two pixels, down and to the right."""

    def __init__(self, x: Tensor, y: Tensor, seed: int) -> None:
        self.x, self.y = x.view(-1, 28, 28), y
        self.generator = generator_of("moves", seed)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.y)

    def batch(self, indices: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Images, moved, and labels."""
        moves = torch.randint(-2, 3, (2,), generator=self.generator).tolist()
        return self.x[indices].roll(moves, dims=(1, 2)).flatten(1), self.y[indices]


def schedule(watched: str) -> Schedule:
    """The schedule of the record: divide by ten after more than four looks without progress."""
    if watched == "nothing":
        return Constant(LR)
    monitor = "validation error" if watched == "validation error" else None
    return ReduceOnPlateau(LR, factor=0.1, patience=4, monitor=monitor)


def train(task: str, watched: str, seed: int) -> dict[str, Any]:
    """Rates and errors epoch by epoch of one run."""
    x, y = fashion_mnist("train", dtype=torch.float64)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    mean = x[order[:IMAGES]].mean(dim=0)
    images, labels = x[order[:IMAGES]] - mean, y[order[:IMAGES]]
    others = (x[order[-1000:]] - mean, y[order[-1000:]])
    net, plan = mlp([784, 64, 10], seed=seed, dtype=torch.float64), schedule(watched)
    epochs, batch_size = TASKS[task]
    right = accuracy(others)
    history = fit(
        net,
        MovedImages(images, labels, seed) if task == "moved" else (images, labels),
        cross_entropy,
        lambda p: SGD(p, lr=LR),
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        schedule=plan,
        evaluate={
            "validation error": lambda net: 1 - right(net),
            "validation loss": mean_loss(others, cross_entropy),
            "rate": lambda net: plan(1),
        },
    )
    return {
        "rate": history.evaluations["rate"].tolist(),
        "objective": history.losses.reshape(epochs, -1).mean(axis=1).tolist(),
        "validation error": history.evaluations["validation error"].tolist(),
        "validation loss": history.evaluations["validation loss"].tolist(),
    }


def measure() -> dict[str, Any]:
    """All runs, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {
            "tasks": {
                task: {
                    watched: [rounded(train(task, watched, seed)) for seed in SEEDS]
                    for watched in WATCHED
                }
                for task in TASKS
            },
            "lr": LR,
        }
    finally:
        torch.set_num_threads(threads)


def rounded(run: dict[str, list[float]]) -> dict[str, list[float]]:
    """The series with four digits."""
    return {name: [float(f"{v:.4g}") for v in values] for name, values in run.items()}
