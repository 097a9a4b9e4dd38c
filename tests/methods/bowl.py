"""A smooth, strictly convex function of parameters of several shapes, for the shared suite."""

import io

import torch

SHAPES = [(3, 2), (4,), (), (2, 3)]
SIZE = sum(torch.Size(shape).numel() for shape in SHAPES)


def parameters(dtype=torch.float64, seed=0):
    """Parameters of all shapes; one of them is not contiguous."""
    generator = torch.Generator().manual_seed(seed)
    leaves = [
        torch.randn(s, generator=generator, dtype=torch.float64).to(dtype) for s in SHAPES[:-1]
    ]
    last = torch.randn(SHAPES[-1][::-1], generator=generator, dtype=torch.float64).to(dtype).t()
    return [leaf.requires_grad_() for leaf in [*leaves, last]]


def bowl(params):
    """A quadratic of condition 4 that mixes all variables, and a quartic; 0 at its minimiser."""
    reals = [torch.view_as_real(p) if p.is_complex() else p for p in params]
    x = torch.cat([p.reshape(-1) for p in reals])
    n = len(x)
    target = torch.linspace(-1, 1, n, dtype=x.dtype)
    mixing = torch.linspace(1, 2, n, dtype=x.dtype)
    r = x - target
    return 0.5 * (r * mixing) @ (r * mixing) + 0.5 * r.sum() ** 2 / n + 0.1 * (r**4).sum()


def closure_of(optimizer, params, f=bowl):
    """A closure as one writes it for torch."""

    def closure():
        optimizer.zero_grad()
        loss = f(params)
        loss.backward()
        return loss

    return closure


def run(optimizer, params, steps, f=bowl):
    """The losses before each step and after the last."""
    closure = closure_of(optimizer, params, f)
    losses = [optimizer.step(closure).item() for _ in range(steps)]
    return [*losses, f(params).item()]


def reload(method, params, case):
    """A new method of the same kind with the saved state of another."""
    file = io.BytesIO()
    torch.save(method.state_dict(), file)
    file.seek(0)
    other = case.make(params)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other
