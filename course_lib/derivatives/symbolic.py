"""Analytic derivatives by a computer algebra system, compiled into functions of tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import sympy
import torch
from torch import Tensor

from course_lib.derivatives.points import check_tensor

__all__ = ["Formula"]

_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "Abs": torch.abs,
    "acos": torch.acos,
    "asin": torch.asin,
    "atan": torch.atan,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "erf": torch.erf,
    "exp": torch.exp,
    "log": torch.log,
    "sign": torch.sign,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "sqrt": torch.sqrt,
    "tan": torch.tan,
    "tanh": torch.tanh,
}


class Formula:
    r"""A scalar function given by a formula, with its gradient and its Hessian as formulas.

    The derivatives are taken once, by sympy, when first asked for. For computing, parts that occur
    several times are found and computed once (``sympy.cse``), then the rest becomes code.

    Args:
        expression: a sympy expression made of ``+ - * / **`` and :math:`\exp,\log,\sin,\cos,\tan`,
            their inverses and hyperbolic forms, :math:`\sqrt{},\tanh,\mathrm{erf},|\cdot|`.
        variables: the symbols that :math:`x_1,\dots,x_n` are, each once; all symbols of
            the expression must be among them.

    Attributes:
        expression: the formula.
        variables: its symbols.

    Raises:
        TypeError, ValueError: an argument is not as stated; a function is not known here.

    Example:
        >>> a, b = sympy.symbols("a b", real=True)
        >>> formula = Formula(a**2 * sympy.sin(b), [a, b])
        >>> formula.gradient_expressions
        [2*a*sin(b), a**2*cos(b)]
        >>> formula.gradient(torch.tensor([3.0, 0.0]))
        tensor([0., 9.])

    Source: slide 4; Griewank and Walther 2008 on why formulas of derivatives swell.
    """

    def __init__(self, expression: sympy.Expr, variables: Sequence[sympy.Symbol]) -> None:
        if not isinstance(expression, sympy.Expr):
            raise TypeError(f"expression must be a sympy expression, got {expression!r}")
        self.variables = _check_variables(variables)
        if strange := sorted(map(str, expression.free_symbols - set(self.variables))):
            raise ValueError(
                f"variables must include every symbol of expression, got none for {strange}"
            )
        self.expression = expression
        self._compiled: dict[str, Callable[..., list[Any]]] = {}
        self._derived: dict[str, list[sympy.Expr]] = {"value": [expression]}

    @property
    def gradient_expressions(self) -> list[sympy.Expr]:
        """The n first derivatives."""
        return self._expressions("gradient")

    @property
    def hessian_expressions(self) -> list[list[sympy.Expr]]:
        """The n × n second derivatives."""
        n, flat = len(self.variables), self._expressions("hessian")
        return [flat[i * n : (i + 1) * n] for i in range(n)]

    def value(self, x: Tensor) -> Tensor:
        """Return the value; ``x`` of shape (…, n) gives shape (…)."""
        return self._evaluate("value", x)[..., 0]

    def gradient(self, x: Tensor) -> Tensor:
        """Return the gradient; ``x`` of shape (…, n) gives shape (…, n)."""
        return self._evaluate("gradient", x)

    def hessian(self, x: Tensor) -> Tensor:
        """Return the Hessian; ``x`` of shape (…, n) gives shape (…, n, n)."""
        return self._evaluate("hessian", x).unflatten(-1, 2 * (len(self.variables),))

    def operations(self, what: str = "value", *, shared: bool = True) -> int:
        """Count the operations of a formula.

        Args:
            what: "value", "gradient" or "hessian".
            shared: count a part that occurs several times once; otherwise as often as it stands.
        """
        if not isinstance(shared, bool):
            raise TypeError(f"shared must be True or False, got {shared!r}")
        expressions = self._expressions(what)
        if not shared:
            return int(sum(sympy.count_ops(e) for e in expressions))
        parts, rest = sympy.cse(expressions)
        return int(sum(sympy.count_ops(e) for e in [*(part for _, part in parts), *rest]))

    def _expressions(self, what: str) -> list[sympy.Expr]:
        if what not in ("value", "gradient", "hessian"):
            raise ValueError(f"what must be value, gradient or hessian, got {what!r}")
        if what not in self._derived:
            before = "value" if what == "gradient" else "gradient"
            self._derived[what] = [
                sympy.diff(e, v) for e in self._expressions(before) for v in self.variables
            ]
        return self._derived[what]

    def _evaluate(self, what: str, x: Tensor) -> Tensor:
        """Compute the formulas, stacked in a new last dimension."""
        n = len(self.variables)
        if check_tensor("x", x).ndim == 0 or x.shape[-1] != n:
            raise ValueError(f"x must have shape (…, {n}), got {tuple(x.shape)}")
        if what not in self._compiled:
            self._compiled[what] = _compile(self.variables, self._expressions(what))
        values = self._compiled[what](*x.unbind(-1))
        if any(
            isinstance(v, complex) or (isinstance(v, Tensor) and v.is_complex()) for v in values
        ):
            raise ValueError(f"expression must have real values, got a complex {what}")
        # A derivative that does not depend on x comes out as a plain number.
        return torch.stack([torch.zeros_like(x[..., 0]) + value for value in values], dim=-1)


def _check_variables(variables: Any) -> tuple[sympy.Symbol, ...]:
    if isinstance(variables, str | sympy.Symbol) or not isinstance(variables, Sequence):
        raise TypeError(f"variables must be a list of sympy symbols, got {variables!r}")
    for variable in variables:
        if not isinstance(variable, sympy.Symbol):
            raise TypeError(f"variables must be sympy symbols, got {variable!r}")
    if not variables or len(set(variables)) != len(variables):
        raise ValueError(f"variables must be different symbols, at least one, got {variables!r}")
    return tuple(variables)


def _compile(
    variables: Sequence[sympy.Symbol], expressions: list[sympy.Expr]
) -> Callable[..., list[Any]]:
    """Make a Python function of the expressions, common parts first."""
    for expression in expressions:
        for part in sympy.preorder_traversal(expression):
            if not _is_known(part):
                raise ValueError(
                    f"expression must be made of real numbers, arithmetic and "
                    f"{', '.join(sorted(_FUNCTIONS))} of real symbols, got {part}"
                )
    names = {name: _of_numbers_too(function) for name, function in _FUNCTIONS.items()}
    constants = {"pi": math.pi, "E": math.e}
    # A symbol may be called like a function, a constant, another symbol or a keyword.
    stand_ins = {variable: sympy.Dummy() for variable in variables}
    renamed = [_with_short_integers(expression).xreplace(stand_ins) for expression in expressions]
    arguments = list(stand_ins.values())
    return sympy.lambdify(arguments, renamed, modules=[{**names, **constants}], cse=True)


def _with_short_integers(expression: sympy.Expr) -> sympy.Expr:
    """Write integers that no tensor can hold as floating-point numbers."""
    long = {n: sympy.Float(n, 17) for n in expression.atoms(sympy.Integer) if abs(n) >= 2**63}
    return expression.xreplace(long)


def _of_numbers_too(function: Callable[..., Tensor]) -> Callable[[Any], Any]:
    """Let a function of tensors take the constants of a formula, as in sqrt(pi)."""

    def either(x: Any) -> Any:
        if isinstance(x, Tensor):
            return function(x)
        return function(torch.tensor(x, dtype=torch.float64, device="cpu")).item()

    return either


def _is_known(part: sympy.Basic) -> bool:
    """Whether a node of an expression can be computed with tensors."""
    if isinstance(part, sympy.Function):
        return type(part).__name__ in _FUNCTIONS
    if isinstance(part, sympy.Number):
        return bool(part.is_finite)
    return part in (sympy.pi, sympy.E) or isinstance(
        part, sympy.Symbol | sympy.Add | sympy.Mul | sympy.Pow
    )
