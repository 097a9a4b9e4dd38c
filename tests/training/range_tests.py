"""A regression, a linear model and a range test of it, for the tests of range tests."""

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.training import lr_range_test
from tests.training.small_net import sgd


def noisy(m=200, n=5, noise=0.5):
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(m, n, generator=generator, dtype=torch.float64)
    y = x @ torch.arange(1.0, n + 1, dtype=torch.float64)[:, None]
    return x, y + noise * torch.randn(m, 1, generator=generator, dtype=torch.float64)


def linear(n=5):
    model = nn.Linear(n, 1, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    return model


def run(model=None, data=None, method=None, loss=F.mse_loss, **options):
    options = {"batch_size": 20, **options}
    return lr_range_test(model or linear(), data or noisy(), loss, method or sgd(), **options)
