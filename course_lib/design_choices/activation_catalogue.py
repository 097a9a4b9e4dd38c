"""All activations under one roof: each with its function, derivative, module and formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.design_choices import activation_modules as modules
from course_lib.design_choices import activations as ours
from course_lib.design_choices import modern_activations as modern

__all__ = ["ACTIVATIONS", "Activation"]


@dataclass(frozen=True)
class Activation:
    """An activation and all that belongs to it.

    Attributes:
        name: as in prose, such as ``"leaky ReLU"``.
        function: from a tensor to a tensor of the same shape.
        derivative: the function's derivative in closed form, of the same kind.
        module: makes the module, without arguments; for ``mlp(sizes, activation.module)``.
        formula: the function of x in LaTeX.
        in_lecture: whether it is the lecture's and computed here; otherwise it is torch's.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    module: Callable[[], nn.Module]
    formula: str
    in_lecture: bool


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "sign": Activation(
            "sign",
            ours.sign,
            ours.sign_derivative,
            modules.Sign,
            r"\operatorname{sign}(x)",
            in_lecture=True,
        ),
        "sigmoid": Activation(
            "sigmoid",
            ours.sigmoid,
            ours.sigmoid_derivative,
            modules.Sigmoid,
            r"\frac{1}{1+e^{-x}}",
            in_lecture=True,
        ),
        "tanh": Activation(
            "tanh",
            ours.tanh,
            ours.tanh_derivative,
            modules.Tanh,
            r"\frac{e^x-e^{-x}}{e^x+e^{-x}}",
            in_lecture=True,
        ),
        "relu": Activation(
            "ReLU",
            ours.relu,
            ours.relu_derivative,
            modules.ReLU,
            r"\max(0,x)",
            in_lecture=True,
        ),
        "leaky_relu": Activation(
            "leaky ReLU",
            ours.leaky_relu,
            ours.leaky_relu_derivative,
            modules.LeakyReLU,
            r"\max(\alpha x,x),\ \alpha=0.01",
            in_lecture=True,
        ),
        "absolute": Activation(
            "absolute value",
            ours.absolute,
            ours.absolute_derivative,
            modules.Absolute,
            "|x|",
            in_lecture=True,
        ),
        "elu": Activation(
            "ELU",
            F.elu,
            modern.elu_derivative,
            nn.ELU,
            r"\max(0,x)+e^{\min(x,0)}-1",
            in_lecture=False,
        ),
        "gelu": Activation(
            "GELU",
            F.gelu,
            modern.gelu_derivative,
            nn.GELU,
            r"x\,\Phi(x)",
            in_lecture=False,
        ),
        "silu": Activation(
            "SiLU",
            F.silu,
            modern.silu_derivative,
            nn.SiLU,
            r"x\,\sigma(x)",
            in_lecture=False,
        ),
        "softplus": Activation(
            "softplus",
            F.softplus,
            modern.softplus_derivative,
            nn.Softplus,
            r"\ln(1+e^x)",
            in_lecture=False,
        ),
    }
)
"""What the course knows of, by key; a mapping that cannot be changed."""
