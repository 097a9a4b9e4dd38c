"""Functions to search along, and the points to start from."""

import math

import torch

from course_lib.methods.flat import FlatParameters
from course_lib.methods.oracle import Oracle
from course_lib.methods.point import Point
from course_lib.training import FunctionClosure


def point_at(f, x, dtype=torch.float64):
    """Return the point `x` of `f`, and the closure, which counts what is asked."""
    x = torch.as_tensor(x, dtype=dtype).clone().requires_grad_()
    closure = FunctionClosure(f, x)
    oracle = Oracle(closure, FlatParameters([x]))
    return Point(oracle.start, oracle), closure


def evaluate(f, x):
    """Return value and gradient, without the code that is tested."""
    x = x.detach().clone().requires_grad_()
    value = f(x)
    (gradient,) = torch.autograd.grad(value, x)
    return value.item(), gradient


class Recorder:
    """A function that remembers where it was asked."""

    def __init__(self, f):
        self.f, self.asked = f, []

    def __call__(self, x):
        self.asked.append(x.detach().clone())
        return self.f(x)


# The test functions of Moré and Thuente, "Line search algorithms with guaranteed sufficient
# decrease", ACM Trans. Math. Softw. 20 (1994); they start at 0 and fall to the right.
def more_thuente_1(x):
    return (-x / (x * x + 2)).sum()


def more_thuente_2(x):
    return ((x + 0.004) ** 5 - 2 * (x + 0.004) ** 4).sum()


def more_thuente_3(x, b=0.01, periods=39):
    wiggle = torch.sin(periods * math.pi / 2 * x) * 2 * (1 - b) / (periods * math.pi)
    bottom = (x - 1) ** 2 / (2 * b) + b / 2
    smooth = torch.where(x <= 1 - b, 1 - x, torch.where(x >= 1 + b, x - 1, bottom))
    return (smooth + wiggle).sum()


def _yanai(b1, b2):
    def root(b):
        return math.sqrt(1 + b * b) - b

    def f(x):
        left = root(b1) * torch.sqrt((1 - x) ** 2 + b2**2)
        return (left + root(b2) * torch.sqrt(x**2 + b1**2)).sum()

    return f


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def logistic(x):
    return torch.nn.functional.softplus(-3 * x).sum() + 0.05 * (x * x).sum()


def quartic(x):
    return (x**4 - 3 * x**3 + x).sum() + (x * x).sum() ** 2


def wells(x):
    return (x**6).sum() + torch.cos(3 * x).sum()


def exponential(x):
    return torch.exp(x).sum() - x.sum()


def barrier(x):
    """Not a number from 1 on."""
    return (-torch.log(1 - x) - 3 * x).sum()


FROM_ZERO = {
    "more-thuente-1": more_thuente_1,
    "more-thuente-2": more_thuente_2,
    "more-thuente-3": more_thuente_3,
    "more-thuente-4": _yanai(0.001, 0.001),
    "more-thuente-5": _yanai(0.01, 0.001),
    "more-thuente-6": _yanai(0.001, 0.01),
}
FROM_ANYWHERE = {
    "rosenbrock": rosenbrock,
    "logistic": logistic,
    "quartic": quartic,
    "wells": wells,
    "exponential": exponential,
}


def problem(name, seed):
    """Return function, start and descent direction; for one name and seed always the same."""
    if name in FROM_ZERO:
        zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
        return FROM_ZERO[name], zero, one
    f = barrier if name == "barrier" else FROM_ANYWHERE[name]
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2 + seed % 5, generator=generator, dtype=torch.float64)
    x = -x.abs() if name == "barrier" else x
    _, g = evaluate(f, x)
    shares = 0.1 + 0.9 * torch.rand(len(x), generator=generator, dtype=torch.float64)
    return f, x, -shares * g
