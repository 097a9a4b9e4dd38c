"""What is Nesterov's own; what it shares with all methods is in the conformance suite."""

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import HeavyBall, Nesterov, nesterov_beta
from tests.methods.parameters import leaf, parameters, run
from tests.methods.test_momentum import steps_of


@given(
    lrs=st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7),
    betas=st.lists(st.floats(0.0, 0.99), min_size=7, max_size=7),
)
def test_it_is_the_slides_formula_with_coefficients_that_change(lrs, betas):
    """x_{k+1} = x_k + b_k (x_k - x_{k-1}) - a_k g(x_k + b_k (x_k - x_{k-1}))."""
    p = leaf(5, dtype=torch.float64)
    nesterov = Nesterov([p])
    x = [p.detach().clone()] * 2  # the step before the first is zero
    for k in range(6):
        nesterov.param_groups[0].update(lr=lrs[k], beta=betas[k + 1])
        p.grad = torch.cos(p.detach())
        nesterov.step()
        y = x[-1] + betas[k] * (x[-1] - x[-2])
        x.append(y - lrs[k] * torch.cos(y))
        with nesterov.iterates():
            torch.testing.assert_close(p.detach(), x[-1], rtol=1e-12, atol=1e-12)
        ahead = x[-1] + betas[k + 1] * (x[-1] - x[-2])
        torch.testing.assert_close(p.detach(), ahead, rtol=1e-12, atol=1e-12)


@given(lr=st.floats(1e-3, 0.5), beta=st.floats(0.01, 0.999), seed=st.integers(0, 2**31))
def test_its_extrapolated_points_are_torchs_while_lr_is_constant_and_its_iterates_are_not(
    lr, beta, seed
):
    p, q = leaf(7, seed=seed, dtype=torch.float64), leaf(7, seed=seed, dtype=torch.float64)
    nesterov = Nesterov([p], lr=lr, beta=beta)
    sgd = torch.optim.SGD([q], lr=lr, momentum=beta, nesterov=True)
    ours = steps_of(nesterov, p, torch.cos, 200)
    theirs = steps_of(sgd, q, torch.cos, 200)
    for y, theirs_y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(y, theirs_y, rtol=1e-10, atol=1e-10)
    again = leaf(7, seed=seed, dtype=torch.float64)
    one_step = Nesterov([again], lr=lr, beta=beta)
    steps_of(one_step, again, torch.cos, 1)
    with one_step.iterates():
        assert (again - theirs[1]).abs().max() > 1e-6


def test_when_lr_changes_torch_rescales_its_memory_and_takes_another_path():
    p, q = leaf(4, dtype=torch.float64), leaf(4, dtype=torch.float64)

    def change(optimizer):
        return lambda k: optimizer.param_groups[0].update(lr=0.1 if k < 10 else 0.01)

    nesterov = Nesterov([p], beta=0.9)
    sgd = torch.optim.SGD([q], momentum=0.9, nesterov=True)
    ours = steps_of(nesterov, p, torch.cos, 20, before_step=change(nesterov))
    theirs = steps_of(sgd, q, torch.cos, 20, before_step=change(sgd))
    torch.testing.assert_close(ours[10], theirs[10], rtol=1e-12, atol=1e-12)
    assert (ours[11] - theirs[11]).norm() > 0.1 * (ours[11] - ours[10]).norm()


def test_without_momentum_it_is_gradient_descent():
    p, q = leaf(9, dtype=torch.float64), leaf(9, dtype=torch.float64)
    ours = steps_of(Nesterov([p], lr=0.2, beta=0.0), p, torch.tanh, 30)
    theirs = steps_of(torch.optim.SGD([q], lr=0.2), q, torch.tanh, 30)
    for x, y in zip(ours, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-14, atol=1e-15)


def test_on_a_constant_slope_its_iterates_are_the_heavy_balls():
    """Looking ahead tells nothing where the gradient is the same everywhere."""
    p, q = leaf(3, dtype=torch.float64), leaf(3, dtype=torch.float64)
    nesterov, ball = Nesterov([p], lr=0.1, beta=0.8), HeavyBall([q], lr=0.1, beta=0.8)
    for _ in range(20):
        for optimizer, x in ((nesterov, p), (ball, q)):
            x.grad = torch.ones_like(x)
            optimizer.step()
        with nesterov.iterates():
            torch.testing.assert_close(p.detach(), q.detach(), rtol=1e-12, atol=1e-12)


def test_on_a_convex_function_the_value_falls_like_one_over_k_squared():
    """The bound 2 ||x_0 - x*||^2 / (alpha (k + 1)^2), which gradient descent violates here."""
    h = torch.logspace(-6, 0, 50, dtype=torch.float64)
    start = torch.ones(50, dtype=torch.float64)
    p, q = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    nesterov, descent = Nesterov([p], lr=1.0), torch.optim.SGD([q], lr=1.0)

    def value(x):
        return float((h * x.detach() ** 2).sum() / 2)

    violated = 0
    for k in range(1, 2001):
        nesterov.param_groups[0]["beta"] = nesterov_beta(k)
        p.grad, q.grad = h * p.detach(), h * q.detach()
        nesterov.step()
        descent.step()
        bound = 2 * 50 / (k + 1) ** 2
        with nesterov.iterates():
            assert value(p) <= bound
        violated += value(q) > bound
    assert violated > 1000


def test_a_block_of_iterates_gives_the_parameters_back_with_the_same_bits():
    params = parameters(torch.float32)
    nesterov = Nesterov(params, lr=0.1, beta=0.9)
    run(nesterov, params, range(4))
    twins = copy.deepcopy(params)

    def write_and_fail():
        assert not all(torch.equal(p, q) for p, q in zip(params, twins, strict=True))
        params[0].data.zero_()
        raise KeyError

    with pytest.raises(KeyError), nesterov.iterates(), nesterov.iterates():
        write_and_fail()
    for p, q in zip(params, twins, strict=True):
        assert torch.equal(p, q)
    run(nesterov, params, range(4, 6))


def test_before_the_first_step_the_iterates_are_the_parameters():
    p = leaf(3)
    before = p.detach().clone()
    with Nesterov([p]).iterates():
        assert torch.equal(p, before)


def test_stepping_inside_a_block_of_iterates_is_refused():
    p = leaf(3)
    nesterov = Nesterov([p])
    nesterov.step()
    with pytest.raises(RuntimeError, match=r"cannot step inside iterates\(\)"), nesterov.iterates():
        nesterov.step()
    nesterov.step()


def test_inside_a_block_of_iterates_nothing_is_saved_that_would_go_on_from_x():
    p = leaf(3)
    nesterov = Nesterov([p])
    nesterov.step()
    for save in (Nesterov.state_dict, copy.deepcopy, pickle.dumps):
        with pytest.raises(RuntimeError, match=r"inside iterates\(\)"), nesterov.iterates():
            save(nesterov)
        save(nesterov)


@pytest.mark.parametrize("value", [-0.1, 1.0, math.nan])
def test_a_momentum_outside_its_range_is_refused(value):
    with pytest.raises(ValueError, match=rf"beta must be a number in \[0, 1\), got {value}"):
        Nesterov([leaf(2)], beta=value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
def test_the_form_for_lists_is_the_rule(dtype):
    ys = [leaf(n, seed=n, dtype=dtype).detach() for n in (1, 5, 1000)]
    gs, vs = ([torch.randn_like(y) for y in ys] for _ in range(2))
    expected = [(y.clone(), v.clone()) for y, v in zip(ys, vs, strict=True)]
    Nesterov.update_list(ys, gs, vs, alpha=0.1, beta=0.9)
    eps = torch.finfo(dtype).eps
    for y, g, v, (z, u) in zip(ys, gs, vs, expected, strict=True):
        Nesterov.update(z, g, u, alpha=0.1, beta=0.9)
        torch.testing.assert_close(y, z, rtol=4 * eps, atol=4 * eps)
        torch.testing.assert_close(v, u, rtol=4 * eps, atol=4 * eps)
