"""The methods as the papers write them in which they first appeared."""

from __future__ import annotations

from course_lib.methods.adagrad import Adagrad
from course_lib.methods.adam import Adam, AdamW
from course_lib.methods.adamax import Adamax
from course_lib.methods.conventions.entry import REQUIRED, Convention, Equivalent
from course_lib.methods.lion import Lion

__all__ = ["PAPERS"]


def _adagrad(eta: float, delta: float) -> Equivalent:
    return Equivalent(Adagrad, {"lr": eta, "eps": delta})


def _adam(alpha: float, beta_1: float, beta_2: float, epsilon: float) -> Equivalent:
    return Equivalent(Adam, {"lr": alpha, "betas": (beta_1, beta_2), "eps": epsilon})


def _adamw(
    alpha: float, beta_1: float, beta_2: float, epsilon: float, lambda_: float, eta: float
) -> Equivalent:
    options = {
        "lr": eta * alpha,
        "betas": (beta_1, beta_2),
        "eps": epsilon,
        "weight_decay": lambda_ / alpha,
    }
    return Equivalent(AdamW, options)


def _adamax(alpha: float, beta_1: float, beta_2: float) -> Equivalent:
    remark = "no coordinate's first gradients are zero"
    return Equivalent(Adamax, {"lr": alpha, "betas": (beta_1, beta_2), "eps": 0.0}, remark)


def _lion(eta: float, beta_1: float, beta_2: float, lambda_: float) -> Equivalent:
    return Equivalent(Lion, {"lr": eta, "betas": (beta_1, beta_2), "weight_decay": lambda_})


PAPERS = (
    Convention(
        "paper",
        "Adagrad",
        {"eta": REQUIRED, "delta": REQUIRED},
        r"x_{k+1} = x_k - \eta\, g_k / (\delta + \sqrt{s_k})",
        _adagrad,
    ),
    Convention(
        "paper",
        "Adam",
        {"alpha": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
        r"x_{k+1} = x_k - \alpha\, \hat m_k / (\sqrt{\hat s_k} + \varepsilon)",
        _adam,
        "It also gives a form in one pass, whose epsilon is added before the correction.",
    ),
    Convention(
        "paper",
        "AdamW",
        {
            "alpha": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8,
            "lambda_": REQUIRED, "eta": 1.0,
        },
        r"x_{k+1} = x_k - \eta_k\, (\alpha\, \hat m_k / (\sqrt{\hat s_k} + \varepsilon)"
        r" + \lambda x_k)",
        _adamw,
        "The decay is multiplied by the schedule, but not by the learning rate.",
    ),
    Convention(
        "paper",
        "Adamax",
        {"alpha": 2e-3, "beta_1": 0.9, "beta_2": 0.999},
        r"x_{k+1} = x_k - \alpha\, \hat m_k / u_k, \; u_k = \max(\beta_2 u_{k-1}, |g_k|)",
        _adamax,
        "There is no epsilon.",
    ),
    Convention(
        "paper",
        "Lion",
        {"eta": REQUIRED, "beta_1": 0.9, "beta_2": 0.99, "lambda_": REQUIRED},
        r"x_{k+1} = x_k"
        r" - \eta\, (\mathrm{sign}(\beta_1 m_{k-1} + (1 - \beta_1) g_k) + \lambda x_k)",
        _lion,
    ),
)  # fmt: skip
