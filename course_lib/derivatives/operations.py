"""Count the arithmetic of a computation, whoever computes: a cost that no machine changes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["OperationCount", "count_operations"]

# One operation for each entry of the result.
_ELEMENTWISE = {
    "abs", "add", "addcmul", "bitwise_and", "bitwise_not", "bitwise_or", "ceil", "clamp",
    "clamp_max", "clamp_min", "cos", "div", "eq", "exp", "expm1", "floor", "ge", "gt",
    "isfinite", "le", "log", "log1p", "logical_and", "logical_not", "logical_or", "lt",
    "maximum", "minimum", "mul", "ne", "neg", "pow", "reciprocal", "relu", "rsqrt", "rsub",
    "sgn", "sigmoid", "sign", "sin", "softplus", "sqrt", "square", "sub", "tanh",
    "threshold_backward", "where",
}  # fmt: skip
# Several operations for each entry of the result.
_FUSED = {
    "tanh_backward": 3, "sigmoid_backward": 3, "addcdiv": 2, "softplus_backward": 3,
}  # fmt: skip
# One operation for each entry of the argument.
_REDUCTIONS = {"all", "amax", "amin", "any", "argmax", "max", "mean", "min", "prod", "sum"}
# Entries are moved, made or read, not computed.
_FREE = {
    "_local_scalar_dense", "_reshape_alias", "_to_copy", "_unsafe_view", "alias", "arange",
    "as_strided", "cat", "clone", "copy", "detach", "empty", "empty_like", "empty_strided",
    "equal", "expand", "fill", "full", "full_like", "gather", "index", "index_select",
    "is_same_size", "lift_fresh", "lift_fresh_copy", "new_empty", "new_empty_strided",
    "new_full", "new_ones", "new_zeros", "ones", "ones_like", "permute", "repeat",
    "scalar_tensor", "select", "select_backward", "set", "slice", "slice_backward", "split",
    "split_with_sizes", "squeeze", "stack", "t", "transpose", "unbind", "unsqueeze", "view",
    "zero", "zeros", "zeros_like",
}  # fmt: skip


class OperationCount(TorchDispatchMode):
    r"""Count additions, multiplications and other elementary operations of real tensors.

    Inside the block torch reports every operation that it carries out, from whichever layer of
    code, its own automatic differentiation included. An elementwise operation counts one for each
    entry of its result, whether ``+`` or ``tanh``; a sum one for each entry of its argument; a
    product of matrices :math:`(a\times b)(b\times c)` counts :math:`2abc`. Moving
    and making entries is free. What is not known is refused, so that nothing goes uncounted.

    Attributes:
        total: operations so far.
        by_name: the same for each kind of operation.

    Raises:
        NotImplementedError: an operation is not known, or computes with complex numbers.

    Example:
        >>> import torch
        >>> x = torch.ones(10)
        >>> with OperationCount() as count:
        ...     _ = (x * x).sum().sqrt()
        >>> count.total, dict(count.by_name)
        (21, {'mul': 10, 'sum': 10, 'sqrt': 1})
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_name: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Operations so far."""
        return sum(self.by_name.values())

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.rstrip("_")
        if operations := _operations(name, args, result):
            self.by_name[name] += operations
        return result


def count_operations(f: Callable[..., Any], *arguments: Any) -> int:
    """Return the number of operations of ``f(*arguments)``; see :class:`OperationCount`.

    Example:
        >>> import torch
        >>> count_operations(torch.dot, torch.ones(100), torch.ones(100))
        200
    """
    with OperationCount() as count:
        f(*arguments)
    return count.total


def _operations(name: str, args: tuple[Any, ...], result: Any) -> int:
    """How many operations one call is."""
    if name in _FREE:
        return 0
    first = result[0] if isinstance(result, tuple | list) else result
    if any(isinstance(value, Tensor) and value.is_complex() for value in (*args, first)):
        raise NotImplementedError(f"operations must be real to be counted, got complex {name}")
    if name in _ELEMENTWISE:
        return first.numel()
    if name in _FUSED:
        return _FUSED[name] * first.numel()
    if name in _REDUCTIONS:
        return args[0].numel()
    if name in ("mm", "bmm"):
        return 2 * first.numel() * args[0].shape[-1]
    if name in ("mv", "dot"):
        return 2 * args[0].numel()
    if name in ("addmm", "baddbmm", "addmv"):
        return first.numel() * (2 * args[1].shape[-1] + 1)
    if name in ("index_add", "index_put"):
        return math.prod(args[3 if name == "index_add" else 2].shape)
    raise NotImplementedError(f"operations must be known to be counted, got {name}")
