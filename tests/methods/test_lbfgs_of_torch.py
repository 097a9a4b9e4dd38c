"""L-BFGS against torch's, step by step."""

import pytest
import torch
from torch import nn

from course_lib.methods import LBFGS, FixedStep
from course_lib.methods.step_sizes import StrongWolfe
from course_lib.training import fit
from tests.methods.quadratics import FUNCTIONS, each_function

SEARCHES = {"tenth": (None, 0.1), "whole": (None, 1.0), "strong Wolfe": ("strong_wolfe", 1.0)}
each_search = pytest.mark.parametrize("search", SEARCHES)


def ours(params, search, **options):
    line_search_fn, lr = SEARCHES[search]
    step_size = StrongWolfe() if line_search_fn else FixedStep()
    return LBFGS(params, lr=lr, step_size=step_size, least_curvature=1e-10, **options)


def theirs(params, search, *, at_once=1, **options):
    """torch's, without what would end it early; so it has 25 trials a search, as ours."""
    line_search_fn, lr = SEARCHES[search]
    return torch.optim.LBFGS(
        params, lr=lr, line_search_fn=line_search_fn, max_iter=at_once, tolerance_grad=0.0,
        max_eval=26 if at_once == 1 else 10**6, tolerance_change=0.0, **options,
    )  # fmt: skip


def closure_of(optimizer, loss_of):
    def closure():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        return loss

    return closure


def iterates(make, f, start, steps, **options):
    x = start.clone().requires_grad_()
    optimizer = make([x], **options)
    closure = closure_of(optimizer, lambda: f(x))
    points = []
    for _ in range(steps):
        optimizer.step(closure)
        points.append(x.detach().clone())
    return torch.stack(points)


def assert_near(x, y, tolerance):
    assert float((x - y).norm(dim=-1).max()) <= tolerance * float(y.norm())


@each_function
@each_search
@pytest.mark.parametrize("history_size", [3, 100])
def test_it_takes_the_steps_of_torch(function, search, history_size):
    """Over 20 steps rounding grows to some 1e-8 where the function is steep and curved."""
    f, start = FUNCTIONS[function]
    options = {"search": search, "history_size": history_size}
    x = iterates(ours, f, start, 20, **options)
    assert_near(x, iterates(theirs, f, start, 20, **options), 1e-6)
    assert_near(x[-1:], iterates(theirs, f, start, 1, at_once=20, **options), 1e-6)


@each_function
@each_search
def test_each_step_from_where_torch_is_is_that_of_torch(function, search):
    """Here rounding has no time to grow; so the agreement is close, on 40 steps."""
    f, start = FUNCTIONS[function]
    x = start.clone().requires_grad_()
    torchs = theirs([x], search, history_size=4)
    closure = closure_of(torchs, lambda: f(x))
    for _ in range(40):
        before = x.detach().clone()
        state = torchs.state[x]
        memory = {}
        if state:
            memory = {
                "x": before - state["t"] * state["d"],
                "g": state["prev_flat_grad"].clone(),
                "s": list(state["old_stps"]),
                "y": list(state["old_dirs"]),
            }
        torchs.step(closure)
        y = before.clone().requires_grad_()
        method = ours([y], search, history_size=4)
        method.step(closure_of(method, lambda y=y: 0 * f(y)))  # so that the state is there
        method.state[y]["memory"] = {"direction": memory}
        method.step(closure_of(method, lambda y=y: f(y)))
        gradient = torch.autograd.grad(f(x), x)[0]
        if float(gradient.norm()) < 1e-6:
            break  # the values have no digits left to decide a search by
        step = float((x.detach() - before).norm())
        assert float((y - x).detach().norm()) <= 1e-6 * step + 1e-12 * float(x.detach().norm())


def net():
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    generator = torch.Generator().manual_seed(6)
    x = torch.randn(30, 3, generator=generator, dtype=torch.float64)
    return model, x, torch.stack([x.prod(dim=1), x.sin().sum(dim=1)], dim=1)


@each_search
def test_a_net_is_trained_as_by_torch(search):
    model, x, y = net()
    optimizer = theirs(model.parameters(), search)
    loss = nn.MSELoss()
    closure = closure_of(optimizer, lambda: loss(model(x), y))
    losses = [optimizer.step(closure).item() for _ in range(15)]

    looped, *_ = net()
    method = ours(looped.parameters(), search)
    closure = closure_of(method, lambda: loss(looped(x), y))
    in_loop = [method.step(closure).item() for _ in range(15)]

    fitted, *_ = net()
    history = fit(fitted, (x, y), loss, lambda params: ours(params, search), epochs=15)

    assert in_loop == pytest.approx(losses, rel=1e-6)
    assert list(history.losses) == pytest.approx(losses, rel=1e-6)
    assert losses[-1] < 0.5 * losses[0]
