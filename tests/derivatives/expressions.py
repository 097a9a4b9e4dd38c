"""Random computations, for tests of the modes of automatic differentiation against torch."""

import torch
from hypothesis import strategies as st

from course_lib.derivatives.traced import Traced

SHAPES = [(), (3,), (2, 1), (2, 3), (1, 3)]
UNARY = {
    "sin": lambda a: a.sin(),
    "cos": lambda a: a.cos(),
    "tanh": lambda a: a.tanh(),
    "sigmoid": lambda a: a.sigmoid(),
    "exp": lambda a: (-a.abs()).exp(),
    "log": lambda a: (a * a + 0.5).log(),
    "sqrt": lambda a: (a * a + 0.25).sqrt(),
    "relu": lambda a: a.relu(),
    "abs": lambda a: a.abs(),
    "square": lambda a: a**2,
    "power": lambda a: (a * a + 1) ** -1.5,
    "neg": lambda a: -a,
    "affine": lambda a: 2 - 3 * a,
    "inverse": lambda a: 1 / (1 + a * a),
    "sum": lambda a: a.sum(),
    "sum of rows": lambda a: a.sum(dim=-1, keepdim=True) if a.ndim else a,
    "mean": lambda a: a.mean(),
    "first": lambda a: a[0] if a.ndim else a,
    "repeated": lambda a: a[torch.tensor([0, 0])] if a.ndim else a,
    "reversed": lambda a: a.reshape(-1)[torch.arange(a.shape.numel() - 1, -1, -1)],
    "transpose": lambda a: a.mT.sum(dim=0) if a.ndim == 2 else a,
    "outer": lambda a: a.reshape(-1, 1) @ a.reshape(1, -1) if a.shape.numel() < 10 else a,
    "inner": lambda a: a.reshape(-1) @ a.reshape(-1),
    "positive half": lambda a: a.where(a > 0, 0.5 * a),
}
BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / (b * b + 1),
    "where": lambda a, b: choose(a.sum() > b.sum(), a, b),
}


def choose(condition, a, b):
    """``torch.where``; a tensor's own method does not know traced values, so they are asked."""
    return b.where(~condition, a) if isinstance(b, Traced) else a.where(condition, b)


def fits(a, b):
    try:
        torch.broadcast_shapes(a, b)
    except RuntimeError:
        return False
    return True


@st.composite
def programs(draw, most=12):
    """Steps, each an operation and the earlier values that it takes; and the inputs' shapes."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    steps, known = [], list(shapes)
    probe = [torch.zeros(shape) for shape in shapes]
    for _ in range(draw(st.integers(1, most))):
        i = draw(st.integers(0, len(known) - 1))
        partners = [j for j, shape in enumerate(known) if fits(shape, known[i])]
        if draw(st.booleans()):
            name, places = (
                draw(st.sampled_from(sorted(BINARY))),
                (i, draw(st.sampled_from(partners))),
            )
        else:
            name, places = draw(st.sampled_from(sorted(UNARY))), (i,)
        steps.append((name, places))
        probe.append({**UNARY, **BINARY}[name](*(probe[j] for j in places)))
        known.append(tuple(probe[-1].shape))
    return shapes, steps


def run(steps, inputs):
    """Carry out a program; its output is the mean of all its values, so that each counts."""
    values = list(inputs)
    for name, places in steps:
        values.append({**UNARY, **BINARY}[name](*(values[j] for j in places)))
    total = values[-1].sum()
    for value in values[:-1]:
        total = total + value.mean()
    return total


def points(shapes, seed, dtype=torch.float64):
    """Random inputs."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype) for s in shapes]
