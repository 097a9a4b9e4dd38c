"""The stochastic line search, against the paper's algorithm and what it promises."""

import contextlib
import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.methods import SGD, StochasticLineSearch
from course_lib.randomness import generator_of
from course_lib.training import (
    BatchClosure,
    NonFiniteLossError,
    ShuffledBatches,
    fit,
    minimize,
)
from tests.methods.parameters import leaf

mse = torch.nn.functional.mse_loss


def regression(m, n, noise, seed):
    """Return X and y of shapes (m, n) and (m, 1)."""
    generator = generator_of("regression", seed)
    X = torch.randn(m, n, generator=generator, dtype=torch.float64)
    w = torch.randn(n, 1, generator=generator, dtype=torch.float64)
    return X, X @ w + noise * torch.randn(m, 1, generator=generator, dtype=torch.float64)


def linear(n):
    model = torch.nn.Linear(n, 1, bias=False, dtype=torch.float64)
    torch.nn.init.zeros_(model.weight)
    return model


def papers_algorithm(X, y, batches, *, eta, c=0.1, factor=0.9, growth=2.0):
    """Weights and step sizes of algorithm 1 of Vaswani et al. 2019 with its third way to reset."""
    w, path, etas = np.zeros(X.shape[1]), [], []
    for batch in batches:
        A, b = X[batch], y[batch, 0]

        def value(w, A=A, b=b):
            return np.mean((A @ w - b) ** 2)

        g = 2 / len(b) * A.T @ (A @ w - b)
        eta = eta * growth ** (len(b) / len(X))
        while value(w - eta * g) > value(w) - c * eta * (g @ g):
            eta = eta * factor
        w = w - eta * g
        path.append(w)
        etas.append(eta)
    return np.array(path), np.array(etas)


@settings(max_examples=10)
@given(
    st.integers(0, 1000),
    st.floats(-3, 3),
    st.floats(0.02, 0.9),
    st.floats(0.3, 0.95),
    st.floats(1, 10),
    st.sampled_from([0.0, 1.0]),
)
def test_its_steps_are_those_of_the_paper(seed, exponent, c, factor, growth, noise):
    X, y = regression(60, 8, noise, seed)
    batches = [J for _ in range(2) for J in ShuffledBatches(60, 10, seed=seed)]
    lr = 10**exponent
    path, etas = papers_algorithm(
        X.numpy(), y.numpy(), [J.numpy() for J in batches],
        eta=lr, c=c, factor=factor, growth=growth,
    )  # fmt: skip
    model = linear(8)
    method = StochasticLineSearch(
        model.parameters(), lr=lr, c=c, factor=factor, growth=growth, max_trials=1000
    )
    closure = BatchClosure(model, mse, (X, y), slice(0, 0))
    for J, w, eta in zip(batches, path, etas, strict=True):
        method.step(closure.on(J))
        assert method.step_size == pytest.approx(eta, rel=1e-9)
        np.testing.assert_allclose(model.weight.detach().numpy()[0], w, rtol=1e-8, atol=1e-10)


def gap_after(method, X, y, *, epochs, seed):
    """Excess of the mean loss over its minimum, relative to that at the start."""
    model = linear(X.shape[1])
    fit(model, (X, y), mse, method, epochs=epochs, batch_size=20, seed=seed)
    w = torch.linalg.lstsq(X, y).solution
    excess = X @ (model.weight.detach().T - w)
    return (excess.square().mean() / (X @ w).square().mean()).item()


def gap_of_the_best_constant_step(X, y, *, epochs, seed):
    """Chosen in hindsight from nine."""
    gaps = []
    for j in range(1, 10):
        with contextlib.suppress(NonFiniteLossError):
            method = functools.partial(SGD, lr=10 ** (-j / 4))
            gaps.append(gap_after(method, X, y, epochs=epochs, seed=seed))
    return min(gaps)


@pytest.mark.parametrize(("lr", "scale"), [(1e-3, 1.0), (1.0, 1.0), (1e3, 1e2)])
def test_under_interpolation_it_converges_linearly_without_tuning(lr, scale):
    """In each epoch the error falls at least by four, once the step has grown to its size."""
    X, y = regression(200, 20, 0.0, 0)
    method = functools.partial(StochasticLineSearch, lr=lr, tiny_gradient=0.0)
    gap = gap_after(method, scale * X, y, epochs=20, seed=0)
    assert gap < 0.25**10


@pytest.mark.parametrize("seed", range(4))
def test_under_interpolation_it_beats_every_constant_step_where_samples_differ(seed):
    """Samples of different lengths: each batch has a longest step of its own."""
    X, y = regression(200, 40, 0.0, seed)
    generator = generator_of("lengths", seed)
    lengths = torch.exp(torch.randn(200, 1, generator=generator, dtype=torch.float64))
    lengths = lengths / lengths.square().mean().sqrt()
    X, y = X * lengths, y * lengths
    best = gap_of_the_best_constant_step(X, y, epochs=16, seed=seed)
    assert gap_after(StochasticLineSearch, X, y, epochs=16, seed=seed) < best


@pytest.mark.parametrize("seed", range(4))
def test_with_noise_it_stays_far_from_the_minimum(seed):
    """Each batch pulls to its own minimum; a short constant step averages them."""
    X, y = regression(200, 20, 1.5, seed)
    best = gap_of_the_best_constant_step(X, y, epochs=8, seed=seed)
    assert gap_after(StochasticLineSearch, X, y, epochs=8, seed=seed) > 2 * best


def plain_closure(w, method, calls=None):
    def closure():
        if calls is not None:
            calls.append(1)
        method.zero_grad()
        loss = (w * w * torch.arange(1.0, 4.0, dtype=w.dtype)).sum()
        loss.backward()
        return loss

    return closure


def test_it_works_in_a_plain_loop_and_in_minimize():
    w = leaf(3, dtype=torch.float64)
    start = w.detach().clone()
    method = StochasticLineSearch([w], batches_per_epoch=1)
    for _ in range(20):
        method.step(plain_closure(w, method))
    path = minimize(
        lambda x: (x * x * torch.arange(1.0, 4.0, dtype=x.dtype)).sum(), start,
        StochasticLineSearch, steps=20,
    )  # fmt: skip
    torch.testing.assert_close(path.x[-1], w.detach(), rtol=1e-9, atol=1e-12)
    assert path.values[-1] < 1e-6 * path.values[0]


def test_a_closure_that_does_not_tell_its_batch_needs_the_number_of_batches():
    w = leaf(3, dtype=torch.float64)
    before = w.detach().clone()
    method = StochasticLineSearch([w])
    with pytest.raises(ValueError, match=r"batches_per_epoch must be given .* got None"):
        method.step(plain_closure(w, method))
    assert torch.equal(w, before)


@pytest.mark.parametrize("told", [None, 5])
def test_in_an_epoch_without_refusals_the_step_grows_by_growth(told):
    """From so short a step every trial succeeds."""
    X, y = regression(50, 3, 0.0, 0)
    model = linear(3)
    method = StochasticLineSearch(model.parameters(), lr=1e-9, growth=3.0, batches_per_epoch=told)
    assert method.step_size is None
    for epoch in (1, 2):
        history = fit(model, (X, y), mse, method, epochs=1, batch_size=10)
        assert method.step_size == pytest.approx(3.0**epoch * 1e-9)
    assert history.samples[-1] == 100  # a gradient and one value of each sample


def test_the_step_survives_a_state_dict():
    runs = []
    for resumed in (False, True):
        w = leaf(3, dtype=torch.float64)
        method = StochasticLineSearch([w], lr=1e-3, growth=1.5, batches_per_epoch=2)
        for k in range(6):
            if resumed and k == 3:
                state = method.state_dict()
                method = StochasticLineSearch([w], lr=7.0, batches_per_epoch=2)
                method.load_state_dict(state)
            method.step(plain_closure(w, method))
        runs.append((w.detach().clone(), method.step_size, method.param_groups[0]["growth"]))
    assert torch.equal(runs[0][0], runs[1][0])
    assert runs[0][1:] == runs[1][1:]
