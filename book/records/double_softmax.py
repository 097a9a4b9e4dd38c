"""A softmax too many: nets that end with softmax and are trained with a loss that has one inside.

Both ways of training get the same list of step sizes, the same starts and the same batches. A step
is chosen by the accuracy on held-out images after the last epoch, averaged over tuning seeds; what
is reported comes from other seeds: after each epoch the accuracy on new images, and the mean
log loss on the training images of the probabilities that the net's user reads off, the softmax
of the last layer. A seed fixes the net's start and the order of the batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.design_choices import cross_entropy, softmax
from course_lib.methods import SGD
from course_lib.problems import digits, fashion_mnist, mlp
from course_lib.randomness import generator_of
from course_lib.training import History, NonFiniteLossError, accuracy, fit, mean_loss

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
STEPS = [2.0**k for k in range(-5, 6)]
CLASSES, EPOCHS, BATCH_SIZE, WIDTH = 10, 10, 50, 64
# Images held out from training for the choice of the step.
DATA = {"digits": (digits, 300), "Fashion-MNIST": (fashion_mnist, 1000)}

Pair = tuple[Tensor, Tensor]


def cross_entropy_of_softmax(outputs: Tensor, labels: Tensor) -> Tensor:
    """What is computed if the net ends with softmax and its loss wants logits."""
    return cross_entropy(softmax(outputs, validate=False), labels)


LOSSES = {"softmax once": cross_entropy, "softmax twice": cross_entropy_of_softmax}


def split_images(name: str) -> tuple[Pair, Pair, Pair]:
    """Training, held-out and new images without the mean training image, with their labels."""
    load, held_out = DATA[name]
    (x, y), (new_x, new_y) = load("train"), load("test")
    order = torch.randperm(len(x), generator=generator_of("held-out images", 0))
    kept, out = order[held_out:], order[:held_out]
    center = x[kept].mean(dim=0)
    return (x[kept] - center, y[kept]), (x[out] - center, y[out]), (new_x - center, new_y)


def train(loss: str, lr: float, seed: int, data: Pair, new: Pair) -> History | None:
    """What was measured after each epoch; None if it overflowed."""
    net = mlp([data[0].shape[1], WIDTH, CLASSES], seed=seed)
    watched = {"log loss": mean_loss(data, cross_entropy), "accuracy": accuracy(new)}
    try:
        return fit(
            net, data, LOSSES[loss], lambda p: SGD(p, lr=lr), epochs=EPOCHS,
            batch_size=BATCH_SIZE, seed=seed, evaluate=watched,
        )  # fmt: skip
    except NonFiniteLossError:
        return None


def tuned_step(loss: str, data: Pair, held_out: Pair) -> tuple[float, list[float]]:
    """The step with the highest accuracy on held-out images, not an end of the list; and all."""
    means = []
    for lr in STEPS:
        runs = [train(loss, lr, seed, data, held_out) for seed in TUNING_SEEDS]
        right = [run.evaluations["accuracy"][-1] if run else 0.0 for run in runs]
        means.append(float(np.mean(right)))
    best = int(np.argmax(means))
    if best in (0, len(STEPS) - 1):
        raise AssertionError(f"{loss}: the best step is an end of the list, widen it")
    return STEPS[best], [rounded(mean) for mean in means]


def reported(loss: str, lr: float, data: Pair, new: Pair) -> dict[str, Any]:
    """What the other seeds come to with this step."""
    seen = [train(loss, lr, seed, data, new).evaluations for seed in SEEDS]
    return {
        "step": lr,
        "accuracies": [[rounded(a) for a in one["accuracy"]] for one in seen],
        "log_losses": [[rounded(a) for a in one["log loss"]] for one in seen],
    }


def measure() -> dict[str, Any]:
    """Tune both ways of training on both data sets, then report other seeds.

    Two softmaxes are reported with the step chosen for them, and with that chosen for one.
    """
    results: dict[str, Any] = {"steps": STEPS, "tuning_seeds": list(TUNING_SEEDS), "epochs": EPOCHS}
    for name in DATA:
        data, held_out, new = split_images(name)
        chosen = {loss: tuned_step(loss, data, held_out) for loss in LOSSES}
        results[name] = {
            loss: {**reported(loss, step, data, new), "tuning_accuracies": tuning}
            for loss, (step, tuning) in chosen.items()
        }
        step_of_once = chosen["softmax once"][0]
        results[name]["softmax twice, step of once"] = reported(
            "softmax twice", step_of_once, data, new
        )
    return results


def rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")
