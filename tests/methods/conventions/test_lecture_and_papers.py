"""The formulas of the lecture and of the papers, written out, take the steps that are claimed."""

import numpy as np
import pytest

from tests.methods.conventions.runs import assert_same_steps, gradients, start, steps_of_course


def adam_moments(gs, beta_1, beta_2):
    m, s = np.zeros(gs.shape[1]), np.zeros(gs.shape[1])
    for k, g in enumerate(gs, 1):
        m, s = beta_1 * m + (1 - beta_1) * g, beta_2 * s + (1 - beta_2) * g**2
        yield k, m, s


def lecture_heavy_ball(gs, alpha, beta):
    before = x = start()
    for g in gs:
        before, x = x, x - alpha * g + beta * (x - before)
        yield x


def lecture_nesterov(gs, alpha, beta):
    """The gradient is asked at y; here it is given, so the stored point is what moves."""
    before = x = start()
    for g in gs:
        y = x + beta * (x - before)
        before, x = x, y - alpha * g
        yield x


def lecture_adagrad(gs, t, epsilon):
    x = start()
    for k, g in enumerate(gs, 1):
        x = x - t * g / (np.sqrt((gs[:k] ** 2).sum(axis=0)) + epsilon)
        yield x


def lecture_rmsprop(gs, t, beta, epsilon):
    x = start()
    for k, g in enumerate(gs, 1):
        weights = (1 - beta) * beta ** np.arange(k - 1, -1, -1.0)
        x = x - t * g / (np.sqrt(weights @ gs[:k] ** 2) + epsilon)
        yield x


def lecture_adam(gs, t, beta_1, beta_2, epsilon):
    x = start()
    for _, m, s in adam_moments(gs, beta_1, beta_2):
        x = x - t * m / (np.sqrt(s) + epsilon)
        yield x


def paper_adam(gs, alpha, beta_1, beta_2, epsilon):
    x = start()
    for k, m, s in adam_moments(gs, beta_1, beta_2):
        x = x - alpha * m / (1 - beta_1**k) / (np.sqrt(s / (1 - beta_2**k)) + epsilon)
        yield x


def paper_adamw(gs, alpha, beta_1, beta_2, epsilon, lambda_, eta):
    x = start()
    for k, m, s in adam_moments(gs, beta_1, beta_2):
        m, s = m / (1 - beta_1**k), s / (1 - beta_2**k)
        x = x - eta * (alpha * m / (np.sqrt(s) + epsilon) + lambda_ * x)
        yield x


def paper_adamax(gs, alpha, beta_1, beta_2):
    x, u = start(), 0.0
    for (k, m, _), g in zip(adam_moments(gs, beta_1, 0.0), gs, strict=True):
        u = np.maximum(beta_2 * u, np.abs(g))
        x = x - alpha / (1 - beta_1**k) * m / u
        yield x


def paper_adagrad(gs, eta, delta):
    x, G = start(), np.zeros((gs.shape[1],) * 2)
    for g in gs:
        G = G + np.diag(g**2)
        x = x - eta * np.linalg.solve(delta * np.eye(len(g)) + np.sqrt(G), g)
        yield x


def paper_lion(gs, eta, beta_1, beta_2, lambda_):
    x, m = start(), 0.0
    for g in gs:
        x = x - eta * (np.sign(beta_1 * m + (1 - beta_1) * g) + lambda_ * x)
        m = beta_2 * m + (1 - beta_2) * g
        yield x


BETAS = {"beta_1": 0.8, "beta_2": 0.95}
ROWS = [
    ("lecture", "heavy ball", lecture_heavy_ball, {"alpha": 0.1, "beta": 0.9}),
    ("lecture", "Adagrad", lecture_adagrad, {"t": 0.1, "epsilon": 1e-3}),
    ("lecture", "RMSprop", lecture_rmsprop, {"t": 0.1, "beta": 0.9, "epsilon": 1e-3}),
    ("lecture", "Adam", lecture_adam, {"t": 0.1, **BETAS, "epsilon": 1e-4}),
    ("paper", "Adagrad", paper_adagrad, {"eta": 0.1, "delta": 1e-3}),
    ("paper", "Adam", paper_adam, {"alpha": 0.1, **BETAS, "epsilon": 1e-4}),
    (
        "paper",
        "AdamW",
        paper_adamw,
        {"alpha": 0.1, **BETAS, "epsilon": 1e-4, "lambda_": 1e-3, "eta": 0.5},
    ),
    ("paper", "Adamax", paper_adamax, {"alpha": 0.1, **BETAS}),
    ("paper", "Lion", paper_lion, {"eta": 0.1, **BETAS, "lambda_": 0.01}),
]


@pytest.mark.parametrize(
    ("source", "method", "formula", "options"),
    ROWS,
    ids=[f"{source}-{method}" for source, method, *_ in ROWS],
)
def test_the_formula_takes_the_same_steps(source, method, formula, options):
    gs = gradients()
    by_hand = np.array(list(formula(gs, **options)))
    assert_same_steps(by_hand, steps_of_course(source, method, gs, **options))


def test_nesterov_of_the_lecture_stores_the_point_where_the_next_gradient_is_taken():
    """These gradients depend on no point, so that x_k can be had from the formula alone."""
    gs = gradients()
    x = np.array(list(lecture_nesterov(gs, alpha=0.1, beta=0.9)))
    y = x + 0.9 * np.diff(x, axis=0, prepend=start()[None])
    assert_same_steps(y, steps_of_course("lecture", "Nesterov", gs, alpha=0.1, beta=0.9))
