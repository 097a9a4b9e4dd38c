"""The methods as the lecture writes them (slides 25 to 30)."""

from __future__ import annotations

from course_lib.methods.adagrad import Adagrad
from course_lib.methods.adam import Adam
from course_lib.methods.conventions.entry import REQUIRED, Convention, Equivalent
from course_lib.methods.momentum import HeavyBall
from course_lib.methods.nesterov import Nesterov
from course_lib.methods.rmsprop import RMSprop

__all__ = ["LECTURE"]


def _heavy_ball(alpha: float, beta: float) -> Equivalent:
    return Equivalent(HeavyBall, {"lr": alpha, "beta": beta})


def _nesterov(alpha: float, beta: float) -> Equivalent:
    return Equivalent(Nesterov, {"lr": alpha, "beta": beta})


def _adagrad(t: float, epsilon: float) -> Equivalent:
    return Equivalent(Adagrad, {"lr": t, "eps": epsilon})


def _rmsprop(t: float, beta: float, epsilon: float) -> Equivalent:
    return Equivalent(RMSprop, {"lr": t, "alpha": beta, "eps": epsilon})


def _adam(t: float, beta_1: float, beta_2: float, epsilon: float) -> Equivalent:
    options = {"lr": t, "betas": (beta_1, beta_2), "eps": epsilon, "bias_correction": False}
    return Equivalent(Adam, options)


LECTURE = (
    Convention(
        "lecture",
        "heavy ball",
        {"alpha": REQUIRED, "beta": REQUIRED},
        r"x_{k+1} = x_k - \alpha_k g_k + \beta_k (x_k - x_{k-1})",
        _heavy_ball,
        "The momentum remembers steps, so it keeps the learning rates of the past.",
    ),
    Convention(
        "lecture",
        "Nesterov",
        {"alpha": REQUIRED, "beta": REQUIRED},
        r"x_{k+1} = y_k - \alpha_k \nabla f(y_k), \; y_k = x_k + \beta_k (x_k - x_{k-1})",
        _nesterov,
        "The gradient is taken at another point than the one that is stored.",
    ),
    Convention(
        "lecture",
        "Adagrad",
        {"t": REQUIRED, "epsilon": REQUIRED},
        r"x_{k+1} = x_k - t_k\, g_k / (\sqrt{s_k} + \varepsilon), \; s_k = \sum_{j \le k} g_j^2",
        _adagrad,
    ),
    Convention(
        "lecture",
        "RMSprop",
        {"t": REQUIRED, "beta": 0.9, "epsilon": REQUIRED},
        r"x_{k+1} = x_k - t_k\, g_k / (\sqrt{s_k} + \varepsilon), \;"
        r" s_k = \beta s_{k-1} + (1 - \beta) g_k^2",
        _rmsprop,
    ),
    Convention(
        "lecture",
        "Adam",
        {"t": REQUIRED, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
        r"x_{k+1} = x_k - t_k\, m_k / (\sqrt{s_k} + \varepsilon)",
        _adam,
        "Without bias correction the first steps are several times too long.",
    ),
)
