"""Values and derivatives of the activations from sympy, to as many digits as are asked for."""

import functools
import math

import mpmath
import sympy
import torch

x = sympy.Symbol("x", real=True)
FORMULAS = {
    "sign": sympy.sign(x),
    "sigmoid": 1 / (1 + sympy.exp(-x)),
    "tanh": sympy.tanh(x),
    "relu": sympy.Max(0, x),
    "leaky_relu": sympy.Max(x / 100, x),
    "absolute": sympy.Abs(x),
    "elu": sympy.Piecewise((x, x > 0), (sympy.exp(x) - 1, True)),
    "gelu": x * sympy.erfc(-x / sympy.sqrt(2)) / 2,
    "silu": x / (1 + sympy.exp(-x)),
    "softplus": sympy.log(1 + sympy.exp(x)),
}
SMOOTH = ("sigmoid", "tanh", "gelu", "silu", "softplus")
HAS_A_KINK = ("relu", "leaky_relu", "absolute")


def exact(name, points, order=0):
    """The derivative of that order at float64 ``points``, rounded to float64.

    Beyond 800 every smooth function here is its limit up to 1e-340, in all derivatives.
    """
    evaluate = _evaluation(name, order)
    values = []
    for point in points.tolist():
        with mpmath.workdps(50 + int(min(abs(point), 800))):
            bounded = max(-800.0, min(800.0, point)) if order else point
            values.append(float(evaluate(mpmath.mpf(bounded))))
    return torch.tensor(values, dtype=torch.float64)


@functools.cache
def _evaluation(name, order):
    if order == 0:
        expression = FORMULAS[name]
    elif name in SMOOTH:
        expression = sympy.diff(FORMULAS[name], x, order)
    else:  # without the delta functions that sympy puts at a kink
        left, right = (sympy.diff(side, x, order) for side in _sides(name))
        expression = sympy.Piecewise((left, x < 0), (right, True))
    return sympy.lambdify(x, expression, "mpmath")


def _sides(name):
    return {
        "sign": (-sympy.Integer(1), sympy.Integer(1)),
        "relu": (sympy.Integer(0), x),
        "leaky_relu": (x / 100, x),
        "absolute": (-x, x),
        "elu": (sympy.exp(x) - 1, x),
    }[name]


def units_in_the_last_place(got, expected):
    """The largest error, in spacings of got's dtype at the float64 values expected.

    Where the value expected rounds to an infinity, so must the one that we got.
    """
    rounded = expected.to(got.dtype)
    finite = rounded.isfinite()
    if not torch.equal(rounded[~finite], got[~finite]) or not got[finite].isfinite().all():
        return math.inf
    size = rounded[finite].abs()
    spacing = torch.nextafter(size, torch.full_like(size, math.inf)).double() - size.double()
    spacing = torch.where(spacing.isfinite(), spacing, 0)
    error = (got[finite].double() - expected[finite]).abs()
    largest = torch.where(error == 0, 0, error / spacing)
    return largest.max().item() if len(largest) else 0.0
