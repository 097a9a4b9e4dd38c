"""Two ways to write a method, run side by side on the same gradients."""

import numpy as np
import torch

from course_lib.methods.conventions import equivalent

SHAPE, STEPS = (4,), 60


def gradients(steps=STEPS, seed=0):
    """Gradients of several sizes, from 1e-6 to 1, that change their signs."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(steps, *SHAPE)) * np.array([1.0, 1e-2, 1e-4, 1e-6])


def start():
    return np.array([1.0, -2.0, 0.5, 3.0])


def steps_of(optimizer, x, gs, rates=None):
    """The iterates of an optimizer of torch's kind that is shown these gradients."""
    path = []
    for k, g in enumerate(gs):
        if rates is not None:
            for group in optimizer.param_groups:
                group["lr"] = rates[k]
        x.grad = torch.tensor(g)
        optimizer.step()
        path.append(x.detach().numpy().copy())
    return np.array(path)


def steps_of_course(source, method, gs, rates=None, **options):
    """The iterates of the method of the course that is said to be equivalent."""
    x = torch.tensor(start(), requires_grad=True)
    return steps_of(equivalent(source, method, **options).make([x]), x, gs, rates)


def assert_same_steps(one, other, rtol=1e-10):
    """Equal, compared with how far the iterates moved; each step may round its sum."""
    moved = np.abs(one - start()).max(axis=0)
    assert (moved > 1e-12).all(), "nothing moved"
    rounding = len(one) * np.finfo(float).eps * np.abs(start())
    assert (np.abs(one - other) <= rtol * moved + rounding).all()
