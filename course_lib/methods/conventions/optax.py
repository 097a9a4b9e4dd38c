"""The methods as ``optax`` has them: chains of transformations of the gradient."""

from __future__ import annotations

from typing import Any

from course_lib.methods.adagrad import Adagrad
from course_lib.methods.adam import Adam
from course_lib.methods.adamax import Adamax
from course_lib.methods.conventions.entry import REQUIRED, Convention, Equivalent
from course_lib.methods.conventions.keras import CONSTANT_RATE
from course_lib.methods.lion import Lion
from course_lib.methods.rmsprop import RMSprop
from course_lib.methods.sgd import SGD

__all__ = ["OPTAX"]


def _sgd(learning_rate: float, momentum: float | None, nesterov: bool) -> Equivalent:
    if not momentum:
        return Equivalent(SGD, {"lr": learning_rate})
    return Equivalent(SGD, {"lr": learning_rate, "momentum": momentum, "nesterov": nesterov})


def _adagrad(learning_rate: float, initial_accumulator_value: float, eps: float) -> Equivalent:
    options = {
        "lr": learning_rate,
        "initial_accumulator_value": initial_accumulator_value,
        "eps": eps,
        "eps_inside": True,
    }
    remark = "no coordinate's gradients are all zero" * (initial_accumulator_value == eps == 0)
    return Equivalent(Adagrad, options, remark)


def _rmsprop(
    learning_rate: float,
    decay: float,
    eps: float,
    initial_scale: float,
    eps_in_sqrt: bool,
    centered: bool,
    momentum: float | None,
    nesterov: bool,
    bias_correction: bool,
) -> Equivalent:
    if initial_scale or bias_correction or (momentum and nesterov):
        raise ValueError(
            "optax's rmsprop has a counterpart for initial_scale=0, bias_correction=False and "
            f"nesterov=False only, got {initial_scale!r}, {bias_correction!r} and {nesterov!r}"
        )
    options = {
        "lr": learning_rate,
        "alpha": decay,
        "eps": eps,
        "eps_inside": eps_in_sqrt,
        "centered": centered,
        "momentum": momentum or 0.0,
    }
    return Equivalent(RMSprop, options, CONSTANT_RATE if momentum else "")


def _adam(
    learning_rate: float,
    b1: float,
    b2: float,
    eps: float,
    eps_root: float,
    nesterov: bool,
    weight_decay: float = 0.0,
) -> Equivalent:
    if nesterov or (eps and eps_root):
        raise ValueError(
            "optax's adam has a counterpart for nesterov=False and one of eps and eps_root 0 only, "
            f"got nesterov={nesterov!r}, eps={eps!r}, eps_root={eps_root!r}"
        )
    options: dict[str, Any] = {
        "lr": learning_rate,
        "betas": (b1, b2),
        "eps": eps or eps_root,
        "eps_inside": eps_root > 0,
    }
    if weight_decay:
        options |= {"weight_decay": weight_decay, "decoupled_weight_decay": True}
    return Equivalent(Adam, options)


def _adamax(learning_rate: float, b1: float, b2: float, eps: float) -> Equivalent:
    return Equivalent(Adamax, {"lr": learning_rate, "betas": (b1, b2), "eps": eps})


def _lion(learning_rate: float, b1: float, b2: float, weight_decay: float) -> Equivalent:
    options = {"lr": learning_rate, "betas": (b1, b2), "weight_decay": weight_decay}
    return Equivalent(Lion, options)


_ADAM = {
    "learning_rate": REQUIRED, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "eps_root": 0.0,
    "nesterov": False,
}  # fmt: skip

OPTAX = (
    Convention(
        "optax",
        "sgd",
        {"learning_rate": REQUIRED, "momentum": None, "nesterov": False},
        r"x_{k+1} = x_k - t_k b_k, \; b_k = \mu b_{k-1} + g_k",
        _sgd,
        "The trace remembers gradients, as torch's buffer.",
    ),
    Convention(
        "optax",
        "adagrad",
        {"learning_rate": REQUIRED, "initial_accumulator_value": 0.1, "eps": 1e-7},
        r"x_{k+1} = x_k - t_k\, g_k / \sqrt{s_k + \varepsilon}, \; s_0 = 0.1",
        _adagrad,
        "The sum starts at 0.1, and epsilon stands inside the root.",
    ),
    Convention(
        "optax",
        "rmsprop",
        {
            "learning_rate": REQUIRED, "decay": 0.9, "eps": 1e-8, "initial_scale": 0.0,
            "eps_in_sqrt": True, "centered": False, "momentum": None, "nesterov": False,
            "bias_correction": False,
        },
        r"x_{k+1} = x_k - t_k\, g_k / \sqrt{s_k + \varepsilon}",
        _rmsprop,
        "decay is 0.9 where torch's alpha is 0.99, and epsilon stands inside the root.",
    ),
    Convention(
        "optax",
        "adam",
        _ADAM,
        r"x_{k+1} = x_k - t_k\, \hat m_k / (\sqrt{\hat s_k + \varepsilon_r} + \varepsilon)",
        _adam,
        "There are two epsilons, one inside the root (0 by default) and one outside.",
    ),
    Convention(
        "optax",
        "adamw",
        {**_ADAM, "weight_decay": 1e-4},
        r"x_{k+1} = x_k - t_k\, (\hat m_k / (\sqrt{\hat s_k + \varepsilon_r} + \varepsilon)"
        r" + \lambda x_k)",
        _adam,
        "The default decay is a hundredth of torch's.",
    ),
    Convention(
        "optax",
        "adamax",
        {"learning_rate": REQUIRED, "b1": 0.9, "b2": 0.999, "eps": 1e-8},
        r"x_{k+1} = x_k - t_k\, \hat m_k / u_k, \;"
        r" u_k = \max(\beta_2 u_{k-1}, |g_k| + \varepsilon)",
        _adamax,
    ),
    Convention(
        "optax",
        "lion",
        {"learning_rate": REQUIRED, "b1": 0.9, "b2": 0.99, "weight_decay": 1e-3},
        r"x_{k+1} = x_k - t_k\, (\mathrm{sign}(\beta_1 m_{k-1} + (1 - \beta_1) g_k) + \lambda x_k)",
        _lion,
        "It decays the weights unless told not to.",
    ),
)  # fmt: skip
