"""Parameters of all kinds and gradients for them, for the shared suite."""

import pytest
import torch

from tests.methods.catalogue import CASES, PLAIN

CHUNK = 2**12

each = pytest.mark.parametrize("case", CASES, ids=str)
plain = pytest.mark.parametrize("case", PLAIN, ids=str)


def parameters_of(case, dtype=torch.float64, seed=0):
    """The same as :func:`parameters`, in shapes that the method takes."""
    return [case.shaped(p.detach()).requires_grad_() for p in parameters(dtype, seed)]


def parameters(dtype=torch.float64, seed=0):
    """Small, large, empty, scalar, transposed and strided tensors, and a view of an outer one."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    leaves = [
        draw(7),
        draw(2 * CHUNK + 13),
        draw(),
        draw(5, 0),
        draw(4, 6).t(),
        draw(60, 50).t(),
        draw(40, 20)[::2, 1::3],
        draw(60, 100),
        draw(50)[10:30],
        draw(3, 5, 2),
    ]
    return [leaf.requires_grad_() for leaf in leaves]


def set_gradients(params, k, *, all_present=False):
    """The same gradients for the same k; some parameters get none at some steps."""
    generator = torch.Generator().manual_seed(1000 + k)
    for i, p in enumerate(params):
        g = torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p.dtype)
        present = all_present or (i + k) % 4 or i == 1
        p.grad = g.to(p.device) if present else None


def run(optimizer, params, steps, **options):
    for k in steps:
        set_gradients(params, k, **options)
        optimizer.step()


def assert_same_bits(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def two_groups(params, **second):
    return [{"params": params[::2]}, {"params": params[1::2], **second}]


def leaf(*shape, seed=0, dtype=torch.float32):
    """One parameter with a gradient."""
    generator = torch.Generator().manual_seed(seed)
    p = torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
    p.grad = torch.randn(shape, generator=generator, dtype=dtype)
    return p
