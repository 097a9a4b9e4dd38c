"""What an elementwise function costs: its operations for each entry, counted while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._decomp import get_decompositions
from torch.utils._python_dispatch import TorchDispatchMode

from course_lib.arguments import check_callable

__all__ = ["OperationCount", "count_operations"]

# fmt: off
_TRANSCENDENTAL = {
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "erf", "erfc", "erfinv",
    "exp", "exp2", "expm1", "lgamma", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2",
    "ndtri", "sin", "sinh", "tan", "tanh",
}
_FREE = {"alias", "clone", "copy", "detach", "lift_fresh", "to", "_to_copy", "view"}
_COMPOSED = (
    "celu", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu",
    "log_sigmoid_forward", "mish", "relu", "relu6", "sigmoid", "silu", "softplus", "softshrink",
)
# fmt: on


@dataclass(frozen=True)
class OperationCount:
    """How many operations a function makes for each entry of a tensor.

    Attributes:
        names: the operations in the order in which they run.
        transcendental: how many of them are exponentials, logarithms, powers that are no whole
            number, and the like.
    """

    names: tuple[str, ...]
    transcendental: int

    @property
    def total(self) -> int:
        """How many operations there are, transcendental ones among them."""
        return len(self.names)


def count_operations(function: Callable[[Tensor], Tensor]) -> OperationCount:
    """Count the operations that ``function`` makes for each entry of the tensor it gets.

    The function runs once on a small tensor while every operation of torch is watched. An
    operation that torch computes in one go but defines by simpler ones, such as
    ``torch.nn.functional.gelu``, is taken apart by torch's own definition. Copies, changes of type
    and constants are not counted. Comparisons and choices (``where``) count as much as a product.

    Args:
        function: from a float64 tensor of shape (8,) to one of the same shape.

    Raises:
        TypeError: ``function`` cannot be called.
        ValueError: it returns something else.

    Example:
        >>> count_operations(lambda x: x * torch.exp(x) + 1)
        OperationCount(names=('exp', 'mul', 'add'), transcendental=1)
        >>> count_operations(torch.nn.functional.gelu)
        OperationCount(names=('mul', 'mul', 'erf', 'add', 'mul'), transcendental=1)
    """
    check_callable("function", function, "a function of a tensor")
    x = torch.linspace(-2.0, 2.0, 8, dtype=torch.float64, device="cpu")
    watch = _Watch(x.shape)
    with watch:
        y = function(x)
    if not isinstance(y, Tensor) or y.shape != x.shape:
        got = f"shape {tuple(y.shape)}" if isinstance(y, Tensor) else repr(y)
        raise ValueError(f"function must return a tensor of shape {tuple(x.shape)}, got {got}")
    return OperationCount(tuple(watch.names), watch.transcendental)


class _Watch(TorchDispatchMode):
    """Write down the operations whose result has a given shape."""

    _composed = get_decompositions([getattr(torch.ops.aten, name) for name in _COMPOSED])

    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.shape = shape
        self.names: list[str] = []
        self.transcendental = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in self._composed:
            with self:
                return self._composed[func](*args, **kwargs)
        result = func(*args, **kwargs)
        name = func._schema.name.split("::")[-1].rstrip("_")
        if isinstance(result, Tensor) and result.shape == self.shape and name not in _FREE:
            self.names.append(name)
            whole_power = name == "pow" and isinstance(args[1], int)
            self.transcendental += name in _TRANSCENDENTAL | {"pow"} and not whole_power
        return result
