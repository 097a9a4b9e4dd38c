"""The methods as ``keras.optimizers`` (Keras 3) has them."""

from __future__ import annotations

import math
from typing import Any

from course_lib.methods.adagrad import Adagrad
from course_lib.methods.adam import Adam
from course_lib.methods.adamax import Adamax
from course_lib.methods.conventions.entry import Convention, Equivalent
from course_lib.methods.lion import Lion
from course_lib.methods.momentum import HeavyBall
from course_lib.methods.nesterov import Nesterov
from course_lib.methods.rmsprop import RMSprop
from course_lib.methods.sgd import SGD

__all__ = ["KERAS"]

CONSTANT_RATE = "the learning rate does not change"


def _without_decay(method: str, weight_decay: float | None) -> None:
    if weight_decay:
        raise ValueError(
            f"weight_decay of Keras's {method} must be None here, got {weight_decay!r}: it is "
            f"decoupled, which {method} of the course has not; multiply the weights by "
            "1 - learning_rate * weight_decay before each step"
        )


def _sgd(
    learning_rate: float, momentum: float, nesterov: bool, weight_decay: float | None
) -> Equivalent:
    _without_decay("SGD", weight_decay)
    if not momentum:
        return Equivalent(SGD, {"lr": learning_rate})
    method = Nesterov if nesterov else HeavyBall
    return Equivalent(method, {"lr": learning_rate, "beta": momentum})


def _adagrad(
    learning_rate: float,
    initial_accumulator_value: float,
    epsilon: float,
    weight_decay: float | None,
) -> Equivalent:
    _without_decay("Adagrad", weight_decay)
    options = {
        "lr": learning_rate,
        "initial_accumulator_value": initial_accumulator_value,
        "eps": epsilon,
        "eps_inside": True,
    }
    return Equivalent(Adagrad, options)


def _rmsprop(
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
    centered: bool,
    weight_decay: float | None,
) -> Equivalent:
    _without_decay("RMSprop", weight_decay)
    options = {
        "lr": learning_rate,
        "alpha": rho,
        "momentum": momentum,
        "eps": epsilon,
        "centered": centered,
        "eps_inside": True,
    }
    return Equivalent(RMSprop, options, CONSTANT_RATE if momentum else "")


def _adam(
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    amsgrad: bool,
    weight_decay: float | None,
) -> Equivalent:
    options: dict[str, Any] = {
        "lr": learning_rate,
        "betas": (beta_1, beta_2),
        "eps": epsilon / math.sqrt(1 - beta_2),
        "amsgrad": amsgrad,
    }
    if weight_decay:
        options |= {"weight_decay": weight_decay, "decoupled_weight_decay": True}

    def at_step(k: int) -> dict[str, Any]:
        return {"eps": epsilon / math.sqrt(1 - beta_2**k)}

    return Equivalent(Adam, options, at_step=at_step)


def _adamax(
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float | None,
) -> Equivalent:
    _without_decay("Adamax", weight_decay)
    options = {"lr": learning_rate, "betas": (beta_1, beta_2), "eps": epsilon}
    return Equivalent(Adamax, options, "gradients are much larger than epsilon" * (epsilon > 0))


def _lion(
    learning_rate: float, beta_1: float, beta_2: float, weight_decay: float | None
) -> Equivalent:
    options = {"lr": learning_rate, "betas": (beta_1, beta_2), "weight_decay": weight_decay or 0.0}
    return Equivalent(Lion, options)


_ADAM = {
    "learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False,
}  # fmt: skip
_ADAM_STEP = (
    r"x_{k+1} = (1 - t_k\lambda) x_k - t_k \frac{\sqrt{1 - \beta_2^k}}{1 - \beta_1^k}"
    r"\, m_k / (\sqrt{s_k} + \varepsilon)"
)

KERAS = (
    Convention(
        "Keras",
        "SGD",
        {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False, "weight_decay": None},
        r"x_{k+1} = x_k + v_k, \; v_k = \mu v_{k-1} - t_k g_k",
        _sgd,
        "The velocity remembers steps, as the lecture's heavy ball: no rescaling by a new rate.",
    ),
    Convention(
        "Keras",
        "Adagrad",
        {
            "learning_rate": 1e-3, "initial_accumulator_value": 0.1, "epsilon": 1e-7,
            "weight_decay": None,
        },
        r"x_{k+1} = x_k - t_k\, g_k / \sqrt{s_k + \varepsilon}, \; s_0 = 0.1",
        _adagrad,
        "The sum starts at 0.1, and epsilon stands inside the root.",
    ),
    Convention(
        "Keras",
        "RMSprop",
        {
            "learning_rate": 1e-3, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7,
            "centered": False, "weight_decay": None,
        },
        r"x_{k+1} = x_k - t_k\, g_k / \sqrt{s_k + \varepsilon}",
        _rmsprop,
        "rho is 0.9 where torch's alpha is 0.99, and epsilon stands inside the root.",
    ),
    Convention(
        "Keras",
        "Adam",
        {**_ADAM, "weight_decay": None},
        _ADAM_STEP,
        _adam,
        "Epsilon is added before the bias is corrected, and weight decay is that of AdamW.",
    ),
    Convention(
        "Keras",
        "AdamW",
        {**_ADAM, "weight_decay": 0.004},
        _ADAM_STEP,
        _adam,
        "The default decay is 0.004, not 0.01.",
    ),
    Convention(
        "Keras",
        "Adamax",
        {
            "learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7,
            "weight_decay": None,
        },
        r"x_{k+1} = x_k - t_k\, \hat m_k / (u_k + \varepsilon), \;"
        r" u_k = \max(\beta_2 u_{k-1}, |g_k|)",
        _adamax,
        "The learning rate is half of torch's.",
    ),
    Convention(
        "Keras",
        "Lion",
        {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.99, "weight_decay": None},
        r"x_{k+1} = (1 - t_k\lambda) x_k"
        r" - t_k\, \mathrm{sign}(\beta_1 m_{k-1} + (1 - \beta_1) g_k)",
        _lion,
        "The learning rate is ten times the default of the course.",
    ),
)  # fmt: skip
