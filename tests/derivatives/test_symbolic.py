import functools
import itertools
import math

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, exp, log, pi, sin, sqrt, symbols, tanh

from course_lib.derivatives import Formula

a, b, c = symbols("a b c", real=True)
FORMULAS = {
    "polynomial": (
        a**3 * b - 2 * a * b**2 + c,
        lambda x: x[0] ** 3 * x[1] - 2 * x[0] * x[1] ** 2 + x[2],
    ),
    "nested": (
        tanh(a * b + c) ** 2 + exp(-(a**2)),
        lambda x: (x[0] * x[1] + x[2]).tanh() ** 2 + (-(x[0] ** 2)).exp(),
    ),
    "quotient": (
        sin(pi * a) / (1 + b**2) * Rational(1, 3),
        lambda x: (math.pi * x[0]).sin() / (1 + x[1] ** 2) / 3,
    ),
    "roots": (
        sqrt(1 + a**2) * log(2 + c**2) + sympy.E * b,
        lambda x: (1 + x[0] ** 2).sqrt() * (2 + x[2] ** 2).log() + math.e * x[1],
    ),
    "erf and arc tangent": (
        sympy.erf(a) * sympy.atan(b) + sympy.cosh(c / 2),
        lambda x: x[0].erf() * x[1].atan() + (x[2] / 2).cosh(),
    ),
    "absolute": (sympy.Abs(a) * b, lambda x: x[0].abs() * x[1]),
    "linear": (2 * a - b, lambda x: 2 * x[0] - x[1]),
    "constant": (sympy.Integer(7), lambda x: 7 + 0 * x[0]),
}


@functools.cache
def formula_of(name):
    return Formula(FORMULAS[name][0], [a, b, c])


points = st.lists(st.floats(-3, 3), min_size=3, max_size=3)


@pytest.mark.parametrize("name", FORMULAS)
@settings(max_examples=40)
@given(points)
def test_value_gradient_and_hessian_are_those_of_torch(name, x):
    formula, function = formula_of(name), FORMULAS[name][1]
    x = torch.tensor(x, dtype=torch.float64)
    close = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(formula.value(x), function(x), **close)
    torch.testing.assert_close(formula.gradient(x), torch.func.grad(function)(x), **close)
    if name != "absolute":  # whose second derivative is a pulse
        torch.testing.assert_close(formula.hessian(x), torch.func.hessian(function)(x), **close)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_many_points_at_once_in_the_dtype_given(dtype):
    formula = Formula(FORMULAS["nested"][0], [a, b, c])
    X = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0), dtype=dtype)
    for method, shape in ((formula.value, ()), (formula.gradient, (3,)), (formula.hessian, (3, 3))):
        together = method(X)
        assert together.shape == (4, 2, *shape)
        assert together.dtype == dtype
        torch.testing.assert_close(together[1, 1], method(X[1, 1]))


def test_the_formulas_can_be_read():
    formula = Formula(a**2 * b, [a, b])
    assert formula.gradient_expressions == [2 * a * b, a**2]
    assert formula.hessian_expressions == [[2 * b, 2 * a], [2 * a, 0]]


def test_a_product_of_n_factors_swells_quadratically_without_sharing():
    for n in (4, 8, 16):
        x = symbols(f"x:{n}", real=True)
        formula = Formula(sympy.Mul(*x), x)
        assert formula.operations("value") == n - 1
        written = formula.operations("gradient", shared=False)
        assert written == n * (n - 2)  # n derivatives of n - 1 factors each
        assert n < formula.operations("gradient") < written


def test_iterating_makes_the_derivative_swell_exponentially_and_sharing_mends_it():
    swollen, shared = [], []
    for times in range(2, 8):
        x = a
        for _ in range(times):
            x = 4 * x * (1 - x)
        formula = Formula(x, [a])
        swollen.append(formula.operations("gradient", shared=False))
        shared.append(formula.operations("gradient"))
    assert all(after > 1.9 * before for before, after in itertools.pairwise(swollen))
    growth = [after - before for before, after in itertools.pairwise(shared)]
    assert all(after - before < 10 for before, after in itertools.pairwise(growth))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("a**2", [a]), TypeError, "expression must be a sympy expression, got 'a\\*\\*2'"),
        ((1.0, [a]), TypeError, "expression must be a sympy expression, got 1.0"),
        ((a + b, [a]), ValueError, r"variables must include every symbol .*got none for \['b'\]"),
        ((a, [a, a]), ValueError, "variables must be different symbols"),
        ((sympy.Integer(1), []), ValueError, "at least one"),
        ((a, ["a"]), TypeError, "variables must be sympy symbols, got 'a'"),
        ((a, a), TypeError, "variables must be a list of sympy symbols, got a"),
        ((a, "a"), TypeError, "variables must be a list of sympy symbols, got 'a'"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Formula(*arguments)


@pytest.mark.parametrize(
    "expression",
    [sympy.gamma(a), sympy.I * a, sympy.oo * (a + 1), sympy.Piecewise((a, a > 0), (0, True))],
)
def test_what_cannot_be_computed_is_named(expression):
    with pytest.raises(ValueError, match="expression must be made of real numbers, arithmetic and"):
        Formula(expression, [a]).value(torch.ones(1))


def test_functions_of_constants_are_numbers():
    formula = Formula(sympy.log(2) * a + sqrt(pi) + sin(1), [a])
    expected = math.log(2) * 3 + math.sqrt(math.pi) + math.sin(1)
    assert formula.value(torch.tensor([3.0], dtype=torch.float64)).item() == pytest.approx(expected)
    assert formula.value(torch.ones(2, 1)).dtype == torch.float32


def test_points_must_fit():
    formula = Formula(a + b, [a, b])
    for shape in [(), (1,), (2, 3)]:
        with pytest.raises(ValueError, match=r"x must have shape \(…, 2\), got"):
            formula.gradient(torch.ones(shape))
    with pytest.raises(TypeError, match=r"x must be a tensor .*got \[1, 2\]"):
        formula.value([1, 2])
    with pytest.raises(ValueError, match="what must be value, gradient or hessian, got 'jacobian'"):
        formula.operations("jacobian")
    with pytest.raises(TypeError, match="shared must be True or False, got 'yes'"):
        formula.operations("value", shared="yes")


@pytest.mark.parametrize("name", ["pi", "E", "exp", "sqrt", "lambda", "x0", "y"])
def test_symbols_may_be_called_what_they_like(name):
    x, y = sympy.Symbol(name, real=True), sympy.Symbol("y", positive=True)
    expression = (pi + sympy.E) * x + exp(x) * sqrt(2 * y) + exp(x) / y
    values = torch.tensor([0.5, 3.0], dtype=torch.float64)
    right = (math.pi + math.e) / 2 + math.exp(0.5) * (math.sqrt(6) + 1 / 3)
    assert Formula(expression, [x, y]).value(values).item() == pytest.approx(right, rel=1e-14)


def test_long_integers_are_rounded():
    values = Formula(10**30 * a + sympy.factorial(25), [a]).value(torch.tensor([2.0]))
    assert values.item() == pytest.approx(2e30 + math.factorial(25), rel=1e-6)


def test_a_complex_constant_is_refused():
    with pytest.raises(ValueError, match="expression must have real values, got a complex value"):
        Formula(sympy.root(-8, 3) * a, [a]).value(torch.tensor([1.0]))
