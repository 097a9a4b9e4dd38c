"""Count the arithmetic of a computation, whoever computes: a cost that no machine changes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._decomp import get_decompositions
from torch.utils._python_dispatch import TorchDispatchMode

from course_lib.arguments import check_callable

__all__ = ["OperationCount", "count_operations"]

# Exponentials, logarithms and the like; a power too, if its exponent is no whole number.
_TRANSCENDENTAL = {
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "erf", "erfc",
    "erfinv", "exp", "exp2", "expm1", "lgamma", "log", "log10", "log1p", "log2", "logaddexp",
    "logaddexp2", "sin", "sinh", "tan", "tanh",
}  # fmt: skip
# These too are one operation for each entry of the result.
_ELEMENTWISE = _TRANSCENDENTAL | {
    "abs", "add", "bitwise_and", "bitwise_not", "bitwise_or", "ceil", "clamp", "clamp_max",
    "clamp_min", "copysign", "div", "eq", "floor", "fmod", "ge", "gt", "isfinite", "isinf",
    "isnan", "isneginf", "isposinf", "le", "logical_and", "logical_not", "logical_or", "lt",
    "masked_fill", "maximum", "minimum", "mul", "ne", "neg", "pow", "reciprocal", "relu",
    "remainder", "round", "rsqrt", "rsub", "sgn", "sign", "signbit", "sqrt", "square", "sub",
    "threshold_backward", "trunc", "where",
}  # fmt: skip
# Two operations for each entry of the result if a multiple is added: x.add(y, alpha=0.1).
_SCALED = {"add", "rsub", "sub"}
# Two operations for each entry of the result.
_TWO = {"addcdiv", "addcmul"}
# Done by torch in one go; counted as torch's own definition of them by simpler operations.
_COMPOSED = get_decompositions(
    [
        getattr(torch.ops.aten, name)
        for name in (
            "celu", "elu", "elu_backward", "gelu", "gelu_backward", "hardsigmoid", "hardswish",
            "hardtanh", "leaky_relu", "leaky_relu_backward", "log_sigmoid_forward", "mish",
            "relu6", "sigmoid", "sigmoid_backward", "silu", "silu_backward", "softplus",
            "softplus_backward", "softshrink", "tanh_backward",
        )
    ]
)  # fmt: skip
# One operation for each entry of the argument.
_REDUCTIONS = {
    "all", "amax", "amin", "any", "argmax", "argmin", "cumsum", "max", "mean", "min", "prod", "sum",
}  # fmt: skip
# Numbers a, b for an n×n matrix and r right-hand sides: a·n³ + b·n²·r operations, leading terms in
# Golub and Van Loan, Matrix Computations, 4th ed. (2013), sections 3.1, 3.2, 4.1, 4.2 and 8.3.
_LINEAR_ALGEBRA = {
    "_linalg_eigh": (9, 0), "_linalg_solve_ex": (2 / 3, 2), "cholesky_solve": (0, 2),
    "linalg_cholesky_ex": (1 / 3, 0), "linalg_inv_ex": (2, 0), "linalg_ldl_factor_ex": (1 / 3, 0),
    "linalg_ldl_solve": (0, 2), "linalg_lu_factor_ex": (2 / 3, 0), "linalg_lu_solve": (0, 2),
    "linalg_solve_triangular": (0, 1),
}  # fmt: skip
# Entries are moved, made or read, not computed.
_FREE = {
    "_linalg_check_errors", "_local_scalar_dense", "_record_function_enter_new",
    "_record_function_exit", "_reshape_alias", "_to_copy", "_unsafe_view", "alias", "arange",
    "as_strided", "cat", "clone", "conj_physical", "copy", "detach", "diag_embed", "empty",
    "empty_like", "empty_strided", "equal", "expand", "eye", "fill", "flip", "full", "full_like",
    "gather", "index", "index_select", "is_same_size", "lift_fresh", "lift_fresh_copy", "linspace",
    "logspace", "masked_select", "new_empty", "new_empty_strided", "new_full", "new_ones",
    "new_tensor", "new_zeros", "ones", "ones_like", "permute", "rand", "rand_like", "randint",
    "randn", "randn_like", "randperm", "repeat", "roll", "scalar_tensor", "scatter", "select",
    "select_backward", "select_scatter", "set", "slice", "slice_backward", "slice_scatter", "split",
    "split_with_sizes", "squeeze", "stack", "t", "to", "transpose", "tril", "triu", "unbind",
    "unsqueeze", "view", "zero", "zeros", "zeros_like",
}  # fmt: skip


class OperationCount(TorchDispatchMode):
    r"""Count additions, multiplications and other elementary operations of real tensors.

    Inside the block torch reports every operation that it carries out, from whichever layer of
    code, its own automatic differentiation included. An elementwise operation counts one for each
    entry of its result, whether ``+`` or ``tanh``, and two if it adds a multiple, as
    ``x.add(y, alpha=0.1)`` does; a sum one for each entry of its argument; a product of matrices
    :math:`(a\times b)(b\times c)` counts :math:`2abc`. Solving :math:`n` equations counts
    :math:`\frac23n^3 + 2n^2`, by Cholesky's factors :math:`\frac13n^3 + 2n^2`; the eigenvalues and
    eigenvectors of a symmetric matrix :math:`9n^3`: the leading terms of the usual algorithms.
    Moving and making entries is free. What torch computes in one go and defines by simpler
    operations, such as ``gelu``, is taken apart. What is not known is refused, so that nothing goes
    uncounted.

    Attributes:
        total: operations so far.
        transcendental: those of them that are exponentials, logarithms and the like.
        by_name: the operations of each kind.

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
        self.transcendental = 0

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
        if func in _COMPOSED:
            with self:
                return _COMPOSED[func](*args, **(kwargs or {}))
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name.startswith("_foreach_") and name.endswith("_"):
            # In such a block torch forgets to note that the tensors have changed.
            torch.autograd.graph.increment_version(args[0])
        name = name.rstrip("_").removeprefix("_foreach_")
        operations = 0 if func.is_view else _operations(name, args, result)
        if name in _SCALED and (kwargs or {}).get("alpha", 1) != 1:
            operations *= 2  # the multiple is computed, too
        if operations:
            self.by_name[name] += operations
            broken_power = name == "pow" and not isinstance(args[1], int)
            self.transcendental += operations * (name in _TRANSCENDENTAL or broken_power)
        return result


def count_operations(f: Callable[..., Any], *arguments: Any) -> int:
    """Return the number of operations of ``f(*arguments)``; see :class:`OperationCount`.

    Raises:
        TypeError: ``f`` cannot be called.

    Example:
        >>> import torch
        >>> count_operations(torch.dot, torch.ones(100), torch.ones(100))
        200
    """
    check_callable("f", f, "a function of the arguments")
    with OperationCount() as count:
        f(*arguments)
    return count.total


def _operations(name: str, args: tuple[Any, ...], result: Any) -> int:
    """How many operations one call is."""
    if name in _FREE:
        return 0
    if isinstance(args[0], list):  # of tensors, from an operation on each
        return sum(_operations(name, (x, *args[1:]), x) for x in args[0])
    first = result[0] if isinstance(result, tuple | list) else result
    if any(isinstance(value, Tensor) and value.is_complex() for value in (*args, first)):
        raise NotImplementedError(f"operations must be real to be counted, got complex {name}")
    if name in _ELEMENTWISE:
        return first.numel()
    if name in _TWO:
        return 2 * first.numel()
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
    if name in ("linalg_vector_norm", "norm"):  # squares, or other powers, and their sum
        return 2 * args[0].numel()
    if name in _LINEAR_ALGEBRA:
        per_cube, per_square = _LINEAR_ALGEBRA[name]
        matrix = args[1] if name == "cholesky_solve" else args[0]
        n = matrix.shape[-1]
        return round(per_cube * n * matrix.numel() + per_square * n * first.numel())
    raise NotImplementedError(f"operations must be known to be counted, got {name}")
