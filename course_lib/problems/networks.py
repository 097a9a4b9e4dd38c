"""Small networks whose start is a function of a seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
from torch import nn

from course_lib.arguments import check_floating, check_integer
from course_lib.randomness import LARGEST_SEED, generator_of

__all__ = ["mlp"]


def mlp(
    sizes: Sequence[int],
    activation: Callable[[], nn.Module] = nn.ReLU,
    *,
    seed: int = 0,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    r"""Make a fully connected net: linear layers with an activation between them.

    Weights and biases are uniform in :math:`\pm1/\sqrt{d_{in}}`, torch's default, but drawn from
    an explicit generator: torch's global random numbers are neither used nor changed.

    Args:
        sizes: widths :math:`d_0,\dots,d_L`, at least two: inputs, hidden layers, outputs.
        activation: makes the module after each layer but the last.
        seed: non-negative integer, used if there is no ``generator``.
        generator: source of the random numbers.
        dtype: type of the parameters.

    Raises:
        TypeError, ValueError: ``sizes`` are not at least two positive integers, or ``activation``
            makes no module.

    Example:
        >>> net = mlp([2, 3, 1], nn.Tanh)
        >>> [type(module).__name__ for module in net]
        ['Linear', 'Tanh', 'Linear']
        >>> bool((net[0].weight == mlp([2, 3, 1])[0].weight).all())
        True
    """
    if not isinstance(sizes, Iterable):
        raise TypeError(f"sizes must be a sequence of at least two widths, got {sizes!r}")
    sizes = list(sizes)
    if len(sizes) < 2:
        raise ValueError(f"sizes must hold at least two widths, got {sizes}")
    for i, size in enumerate(sizes):
        check_integer(f"sizes[{i}]", size, low=1)
    check_integer("seed", seed, low=0, high=LARGEST_SEED)
    check_floating("dtype", dtype)
    if isinstance(activation, nn.Module) or not callable(activation):
        raise TypeError(
            "activation must be a function or class that makes a module, such as nn.ReLU without "
            f"(), got {activation!r}"
        )
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator or None, got {generator!r}")
    generator = generator_of("mlp", seed) if generator is None else generator
    modules: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype)
        bound = 1 / math.sqrt(fan_in)
        for parameter in (layer.weight, layer.bias):
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        between = activation()
        if not isinstance(between, nn.Module):
            raise TypeError(f"activation must make a torch.nn.Module, got {between!r}")
        modules += [layer, between.to(dtype)]
    return nn.Sequential(*modules[:-1])
