"""A small net, a regression for it, and a method, for the tests of the loop."""

import torch
from torch import nn


def regression(m=20, n=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(m, n, generator=generator, dtype=dtype)
    return x, x @ torch.arange(1.0, n + 1, dtype=dtype)[:, None] + 0.5


def net(n=3, dtype=torch.float64):
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(n, 4), nn.Tanh(), nn.Linear(4, 1)).to(dtype)


def sgd(lr=0.05, **options):
    return lambda params: torch.optim.SGD(params, lr=lr, **options)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])
