"""A small net on a regression, trained by a plain loop: what a framework must come to as well."""

import torch
from torch import nn

from tests.methods.catalogue import PLAIN
from tests.methods.closure_catalogue import CLOSURE_CASES

SAMPLES, BATCH, EPOCHS = 12, 6, 3
ELEMENTWISE = [case for case in PLAIN if not case.ours.__name__.startswith("Example")]
CLOSURE = CLOSURE_CASES
EACH = [*ELEMENTWISE, *CLOSURE]


def samples():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(SAMPLES, 3, generator=generator, dtype=torch.float64)
    return x, torch.tanh(x @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64))


class Net(nn.Module):
    """Two layers of weights; a method for matrices gets no biases."""

    def __init__(self, bias=True):
        super().__init__()
        torch.manual_seed(5)
        self.layers = nn.Sequential(
            nn.Linear(3, 4, bias=bias), nn.Tanh(), nn.Linear(4, 1, bias=bias)
        ).double()

    def forward(self, x):
        return self.layers(x)


def net_for(case):
    return Net(bias=not getattr(case, "matrices", False))


def batches():
    x, y = samples()
    return [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, SAMPLES, BATCH)]


def trained_plainly(case, epochs=EPOCHS):
    """The net after a loop as in torch's documentation: the method calls a closure."""
    net = net_for(case)
    method = case.make(net.parameters())
    for _ in range(epochs):
        for x, y in batches():

            def closure(x=x, y=y):
                method.zero_grad()
                loss = nn.functional.mse_loss(net(x), y)
                loss.backward()
                return loss

            method.step(closure)
    return net


def assert_same_weights(one, other):
    assert not torch.equal(next(one.parameters()), next(Net().parameters())), "nothing was trained"
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)
