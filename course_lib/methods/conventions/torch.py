"""The methods as ``torch.optim`` has them: the course takes over its names and defaults."""

from __future__ import annotations

from typing import Any

from course_lib.methods.adagrad import Adagrad
from course_lib.methods.adam import Adam, AdamW
from course_lib.methods.adamax import Adamax
from course_lib.methods.base import Method
from course_lib.methods.conventions.entry import Convention, Equivalent
from course_lib.methods.rmsprop import RMSprop
from course_lib.methods.sgd import SGD

__all__ = ["TORCH"]


def _same(method: type[Method], defaults: dict[str, Any], step: str, trap: str) -> Convention:
    def translate(**options: Any) -> Equivalent:
        return Equivalent(method, options)

    return Convention("torch", method.__name__, defaults, step, translate, trap)


TORCH = (
    _same(
        SGD,
        {"lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False},
        r"x_{k+1} = x_k - t_k b_k, \; b_k = \mu b_{k-1} + (1 - \tau) g_k, \; b_1 = g_1",
        "The buffer remembers gradients: a new learning rate rescales what is remembered.",
    ),
    _same(
        Adagrad,
        {
            "lr": 0.01, "lr_decay": 0, "weight_decay": 0, "initial_accumulator_value": 0,
            "eps": 1e-10,
        },
        r"x_{k+1} = x_k - t_k\, g_k / (\sqrt{s_k} + \varepsilon)",
        "",
    ),
    _same(
        RMSprop,
        {
            "lr": 0.01, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0,
            "centered": False,
        },
        r"x_{k+1} = x_k - t_k\, g_k / (\sqrt{s_k} + \varepsilon)",
        "The share of the old mean is called alpha, and remembers ten times as long as elsewhere.",
    ),
    _same(
        Adam,
        {
            "lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False,
        },
        r"x_{k+1} = x_k - t_k\, \hat m_k / (\sqrt{\hat s_k} + \varepsilon)",
        "Weight decay goes through the gradient and is divided by the root with it.",
    ),
    _same(
        AdamW,
        {
            "lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2,
            "amsgrad": False,
        },
        r"x_{k+1} = (1 - t_k \lambda) x_k - t_k\, \hat m_k / (\sqrt{\hat s_k} + \varepsilon)",
        "The decay is multiplied by the learning rate.",
    ),
    _same(
        Adamax,
        {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0},
        r"x_{k+1} = x_k - t_k\, \hat m_k / u_k, \;"
        r" u_k = \max(\beta_2 u_{k-1}, |g_k| + \varepsilon)",
        "",
    ),
)  # fmt: skip
