"""What is the heavy ball's own; what it shares with all methods is in the conformance suite."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods.momentum import HeavyBall
from tests.methods.parameters import leaf


def steps_of(optimizer, p, gradient, count, *, before_step=lambda k: None):
    """Return x_0, x_1, …, x_count."""
    path = [p.detach().clone()]
    for k in range(count):
        before_step(k)
        p.grad = gradient(p.detach())
        optimizer.step()
        path.append(p.detach().clone())
    return path


@given(
    lr=st.floats(1e-6, 0.5),
    beta=st.floats(0, 0.999),
    seed=st.integers(0, 2**31),
)
def test_it_takes_the_steps_of_torchs_momentum_while_lr_is_constant(lr, beta, seed):
    p, q = leaf(7, seed=seed, dtype=torch.float64), leaf(7, seed=seed, dtype=torch.float64)
    ours = steps_of(HeavyBall([p], lr=lr, beta=beta), p, torch.tanh, 50)
    theirs = steps_of(torch.optim.SGD([q], lr=lr, momentum=beta), q, torch.tanh, 50)
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


@given(
    lrs=st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6),
    betas=st.lists(st.floats(0.0, 0.99), min_size=6, max_size=6),
)
def test_it_is_the_slides_formula_with_coefficients_that_change(lrs, betas):
    p = leaf(5, dtype=torch.float64)
    ball = HeavyBall([p])

    def set_coefficients(k):
        ball.param_groups[0].update(lr=lrs[k], beta=betas[k])

    path = steps_of(ball, p, torch.cos, 6, before_step=set_coefficients)
    x = [path[0], path[0]]  # the step before the first is zero
    for alpha, beta, stepped in zip(lrs, betas, path[1:], strict=True):
        x.append(x[-1] - alpha * torch.cos(x[-1]) + beta * (x[-1] - x[-2]))
        torch.testing.assert_close(stepped, x[-1], rtol=1e-12, atol=1e-12)


def test_a_change_of_lr_rescales_torchs_memory_and_not_the_lectures():
    p, q = (torch.nn.Parameter(torch.ones(1, dtype=torch.float64)) for _ in range(2))
    ball, sgd = HeavyBall([p], lr=0.1, beta=0.5), torch.optim.SGD([q], lr=0.1, momentum=0.5)
    for k in range(2):
        for optimizer, x in ((ball, p), (sgd, q)):
            optimizer.param_groups[0]["lr"] = (0.1, 0.01)[k]
            x.grad = torch.ones_like(x)
            optimizer.step()
    # x1 = 0.9 in both; the step -0.1 is halved by the lecture, halved and divided by 10 by torch.
    assert p.item() == pytest.approx(0.9 - 0.01 - 0.05)
    assert q.item() == pytest.approx(0.9 - 0.01 - 0.005)


def test_without_momentum_it_is_gradient_descent():
    p, q = leaf(9, dtype=torch.float64), leaf(9, dtype=torch.float64)
    ours = steps_of(HeavyBall([p], lr=0.2, beta=0.0), p, torch.tanh, 30)
    theirs = steps_of(torch.optim.SGD([q], lr=0.2), q, torch.tanh, 30)
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-14, atol=1e-15)


def test_polyaks_parameters_give_polyaks_rate_on_a_quadratic():
    """Rate (sqrt(κ) - 1)/(sqrt(κ) + 1): the iterates are k times it, as the roots are double."""
    h = torch.tensor([1.0, 100.0], dtype=torch.float64)
    root = math.sqrt(100.0)
    lr, beta = 4 / (root + 1) ** 2, ((root - 1) / (root + 1)) ** 2
    p = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    path = steps_of(HeavyBall([p], lr=lr, beta=beta), p, lambda x: h * x, 150)
    errors = [x.norm().item() for x in path]
    measured = (errors[150] / 150 / (errors[100] / 100)) ** (1 / 50)
    assert measured == pytest.approx((root - 1) / (root + 1), rel=0.01)


def test_the_quadratics_parameters_cycle_on_another_convex_function():
    """Lessard, Recht and Packard's function, strongly convex with curvatures 1 and 25."""

    def gradient(x):
        return torch.where(x < 1, 25 * x, torch.where(x < 2, x + 24, 25 * x - 24))

    p = torch.nn.Parameter(torch.tensor([3.3], dtype=torch.float64))
    path = steps_of(HeavyBall([p], lr=1 / 9, beta=4 / 9), p, gradient, 300)
    last = [x.item() for x in path[-3:]]
    assert sorted(last) == pytest.approx([-1.802, 0.647, 2.116], abs=1e-3)
    assert path[-4].item() == pytest.approx(path[-1].item(), abs=1e-12)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_a_momentum_outside_its_range_is_refused(value):
    with pytest.raises(
        ValueError, match=rf"beta must be a non-negative finite number, got {value}"
    ):
        HeavyBall([leaf(2)], beta=value)
    with pytest.raises(ValueError, match="beta"):
        HeavyBall([{"params": [leaf(2)], "beta": value}])


def test_sparse_gradients_are_refused():
    p = leaf(3)
    p.grad = torch.ones(3).to_sparse()
    with pytest.raises(RuntimeError, match="HeavyBall does not take gradients of layout"):
        HeavyBall([p]).step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
def test_the_form_for_lists_is_the_rule(dtype):
    xs = [leaf(n, seed=n, dtype=dtype).detach() for n in (1, 5, 1000)]
    gs, ss = ([torch.randn_like(x) for x in xs] for _ in range(2))
    expected = [(x.clone(), s.clone()) for x, s in zip(xs, ss, strict=True)]
    HeavyBall.update_list(xs, gs, ss, alpha=0.1, beta=0.9)
    eps = torch.finfo(dtype).eps
    for x, g, s, (y, r) in zip(xs, gs, ss, expected, strict=True):
        HeavyBall.update(y, g, r, alpha=0.1, beta=0.9)
        torch.testing.assert_close(x, y, rtol=4 * eps, atol=4 * eps)
        torch.testing.assert_close(s, r, rtol=4 * eps, atol=4 * eps)
