"""All activations in the same nets on Fashion-MNIST: one budget, the learning rate tuned for each.

There are three nets: two hidden layers and eight, both with torch's default start, and eight with a
start fitted to the data (`fit_start`). The rate is chosen by the training loss at the end, averaged
over tuning seeds; what is reported comes from other seeds. A seed fixes the net's start and the
order of the batches, so that all activations get the same ones. The mean image is taken off.

Nets that differ in rate or seed are stacked and trained side by side, which gives what training one
after the other with `fit` gives (`check_against_fit`), in less time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from course_lib.design_choices import ACTIVATIONS
from course_lib.methods import SGD
from course_lib.problems import fashion_mnist, mlp
from course_lib.training import ShuffledBatches, fit, mean_loss

SEEDS = (0, 1, 2, 3, 4)
TUNING_SEEDS = (100, 101)
LEARNING_RATES = [2.0**k for k in range(-7, 4)]
WIDTH, EPOCHS, BATCH_SIZE = 64, 5, 50
# Hidden layers, and whether the start is fitted to the data.
NETS = {"2 layers": (2, False), "8 layers": (8, False), "8 layers, fitted": (8, True)}
# Guessing every class alike costs ln 10. A net within two per cent of it has learned nothing.
LEARNED = 0.98 * math.log(10)

Data = tuple[Tensor, Tensor]


def centred_images() -> tuple[Data, Data]:
    """Training and new images without the mean of the training images, and their labels."""
    (x, y), (new_x, new_y) = fashion_mnist("train"), fashion_mnist("test")
    return (x - x.mean(dim=0), y), (new_x - x.mean(dim=0), new_y)


@torch.no_grad()
def fit_start(net: nn.Sequential, x: Tensor) -> None:
    """Shift and scale each layer so that its sums over the images have mean 0 and variance 1."""
    for module in net:
        if isinstance(module, nn.Linear):
            sums = x @ module.weight.T
            scale = sums.var(dim=0).mean().sqrt()
            module.weight /= scale
            module.bias.copy_(-sums.mean(dim=0) / scale)
        x = module(x)


def start(name: str, net: str, seed: int, data: Data) -> nn.Sequential:
    """The net before training."""
    layers, fitted = NETS[net]
    made = mlp([784, *[WIDTH] * layers, 10], ACTIVATIONS[name].module, seed=seed)
    if fitted:
        fit_start(made, data[0])
    return made


def train(
    nets: Sequence[nn.Sequential], rates: Sequence[float], seeds: Sequence[int], data: Data
) -> Any:
    """Train each net with its rate and its batches; yield all parameters after each epoch."""
    x, y = data
    parameters = {key: value.detach() for key, value in stack_module_state(nets)[0].items()}
    steps = {key: torch.tensor(rates).view(-1, *[1] * (value.dim() - 1)) for key, value in
             parameters.items()}  # fmt: skip

    def loss(one: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(functional_call(nets[0], one, (images,)), labels)

    gradients = vmap(grad(loss))
    shuffled = [ShuffledBatches(len(x), BATCH_SIZE, seed=seed) for seed in seeds]
    for _ in range(EPOCHS):
        for indices in zip(*shuffled, strict=True):
            batch = torch.stack(indices)
            for key, gradient in gradients(parameters, x[batch], y[batch]).items():
                parameters[key] -= steps[key] * gradient
        yield parameters


def outputs(net: nn.Sequential, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
    """Outputs of all stacked nets on the same images."""
    return vmap(lambda one: functional_call(net, one, (x,)))(parameters)


def losses(net: nn.Sequential, parameters: dict[str, Tensor], data: Data) -> list[float]:
    """Mean loss of each of the stacked nets; infinite where it overflowed."""
    values = [cross_entropy(o, data[1]).item() for o in outputs(net, parameters, data[0])]
    return [value if math.isfinite(value) else math.inf for value in values]


def accuracies(net: nn.Sequential, parameters: dict[str, Tensor], data: Data) -> list[float]:
    """Accuracy of each of the stacked nets."""
    right = outputs(net, parameters, data[0]).argmax(dim=2) == data[1]
    return right.double().mean(dim=1).tolist()


def check_against_fit(data: Data) -> None:
    """Raise if stacked nets and `fit` come to different losses on the same start and batches."""
    rates, seeds = [0.05, 0.1], [7, 8]
    nets = [start("tanh", "2 layers", seed, data) for seed in seeds]
    *_, parameters = train(nets, rates, seeds, data)
    stacked = losses(nets[0], parameters, data)
    for net, rate, seed, value in zip(nets, rates, seeds, stacked, strict=True):
        options = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "seed": seed}
        fit(net, data, cross_entropy, lambda p, lr=rate: SGD(p, lr=lr), **options)
        alone = mean_loss(data, cross_entropy)(net)
        if not math.isclose(alone, value, rel_tol=1e-3):
            raise AssertionError(f"fit comes to a loss of {alone}, the stacked net to {value}")


def tuned(name: str, net: str, data: Data) -> dict[str, Any]:
    """Mean final training loss for each rate, and the best rate: not an end of the list."""
    pairs = [(rate, seed) for rate in LEARNING_RATES for seed in TUNING_SEEDS]
    rates, seeds = zip(*pairs, strict=True)
    nets = [start(name, net, seed, data) for seed in seeds]
    *_, parameters = train(nets, rates, seeds, data)
    means = torch.tensor(losses(nets[0], parameters, data)).view(-1, len(TUNING_SEEDS)).mean(dim=1)
    best = int(means.argmin())
    learned = bool(means[best] < LEARNED)
    if learned and best in (0, len(LEARNING_RATES) - 1):
        raise AssertionError(f"{name}, {net}: the best rate is an end of the list, widen it")
    return {
        "best_lr": LEARNING_RATES[best],
        "learned": learned,
        "tuning_losses": [rounded(v) if math.isfinite(v) else None for v in means.tolist()],
    }


def reported(name: str, net: str, lr: float, data: Data, new: Data) -> dict[str, Any]:
    """Training loss and accuracy on new images after each epoch, for each of the other seeds."""
    nets = [start(name, net, seed, data) for seed in SEEDS]
    by_epoch = [
        (losses(nets[0], parameters, data), accuracies(nets[0], parameters, new))
        for parameters in train(nets, [lr] * len(SEEDS), SEEDS, data)
    ]
    loss_curves, accuracy_curves = (
        zip(*column, strict=True) for column in zip(*by_epoch, strict=True)
    )
    return {
        "losses": [[rounded(v) if math.isfinite(v) else None for v in c] for c in loss_curves],
        "accuracies": [[rounded(v) for v in curve] for curve in accuracy_curves],
    }


def rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


def measure() -> dict[str, Any]:
    """Tune and report all activations in all nets, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        data, new = centred_images()
        check_against_fit(data)
        results: dict[str, Any] = {
            "batch_size": BATCH_SIZE,
            "epochs": EPOCHS,
            "learned_below": LEARNED,
            "learning_rates": LEARNING_RATES,
            "tuning_seeds": list(TUNING_SEEDS),
            "width": WIDTH,
        }
        for net in NETS:
            results[net] = {}
            for name in ACTIVATIONS:
                tuning = tuned(name, net, data)
                ends = reported(name, net, tuning["best_lr"], data, new)
                results[net][name] = tuning | ends
        return results
    finally:
        torch.set_num_threads(threads)
