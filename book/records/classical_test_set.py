"""Deterministic methods and their counterparts in scipy, on the classical test set.

The functions are those of Moré, Garbow and Hillstrom, from their published starts: the 18 that the
paper lists for unconstrained minimisation ("minimization"), and all 35 ("all"). Besides, the 18 are
run from ten and from a hundred times the start, as the authors' own programs do ("far starts"): a
method that reaches a minimum only by the luck of one start shows there. For the same reason the
exact trust region and its counterpart run on the 18 with many first radii, of which none is four
times another: a refused radius is quartered. There the counterpart runs a second time, with its
inner problem solved more closely than it does of itself. Both sides get the same function, the
derivatives that autograd makes of it, the same stop and the same limit:

* A run stops at the first iterate with |g| <= 1e-6 max(1, |f|), and fails after 1000 steps or where
  the method cannot go on. scipy's own tolerances are set to 0, and a callback stops it.
* A function is solved if the run stopped like that, at a value no further from a published minimum
  f* than 1e-4 f* + 1e-8. A small gradient elsewhere is no success: it may be an unpublished
  minimum, or a flat place.
* Evaluations are the points at which the method had the value computed, plus those at which it had
  the gradient. Products with the Hessian are reported apart; a whole Hessian counts as n of them.

Methods run with their own defaults; where both sides have the same option, it is set to the same:
ten stored pairs of L-BFGS, a first radius of 1 and no largest one of trust regions. Gradient
descent and coordinate descent have no counterpart; they run on the 18 alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import torch
from scipy.optimize import _trustregion_exact
from scipy.optimize import minimize as scipy_minimize
from torch import Tensor
from torch.optim import Optimizer

from course_lib.methods import (
    BFGS,
    LBFGS,
    CoordinateDescent,
    GradientDescent,
    Newton,
    NonlinearCG,
    TrustRegion,
)
from course_lib.methods.step_sizes import StrongWolfe
from course_lib.problems import TestFunction, more_garbow_hillstrom
from course_lib.problems.classical_test_set import FOR_MINIMIZATION
from course_lib.training import NonFiniteLossError, minimize

SEEDS = ()  # nothing is left to chance

GRADIENT_TOLERANCE = 1e-6
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-4, 1e-8
STEPS = 1000
FAR = (10.0, 100.0)

FIRST_RADII = [3 ** (k / 6) for k in range(-12, 13)]
CLOSELY = 1e-6
EXACT = "trust region, exact"

METHODS: dict[str, Callable[..., Optimizer]] = {
    "BFGS": BFGS,
    "L-BFGS": partial(LBFGS, history_size=10),
    "nonlinear CG": NonlinearCG,
    "Newton, eigenvalues": partial(Newton, modification="eigenvalues"),
    "Newton, Cholesky": partial(Newton, modification="Cholesky"),
    EXACT: partial(TrustRegion, solver="exact"),
    "trust region, Steihaug-CG": partial(TrustRegion, solver="Steihaug-CG"),
    "trust region, dogleg": partial(TrustRegion, solver="dogleg"),
    "gradient descent": partial(GradientDescent, lr=1.0, step_size=StrongWolfe()),
    "coordinate descent": partial(CoordinateDescent, lr=1.0, step_size=StrongWolfe()),
}
COUNTERPARTS = {
    "BFGS": "BFGS",
    "L-BFGS": "L-BFGS-B",
    "nonlinear CG": "CG",
    "Newton, eigenvalues": "Newton-CG",
    "Newton, Cholesky": "Newton-CG",
    EXACT: "trust-exact",
    "trust region, Steihaug-CG": "trust-ncg",
    "trust region, dogleg": "dogleg",
}
RADIUS = {"initial_trust_radius": 1.0, "max_trust_radius": math.inf, "gtol": 0.0}
OPTIONS: dict[str, dict[str, Any]] = {
    "BFGS": {"gtol": 0.0},
    "L-BFGS-B": {"gtol": 0.0, "ftol": 0.0, "maxcor": 10, "maxfun": 10**9},
    "CG": {"gtol": 0.0},
    "Newton-CG": {"xtol": 0.0},
    "trust-exact": RADIUS,
    "trust-ncg": RADIUS,
    "dogleg": RADIUS,
}
# What its methods raise where values or Hessians are not finite; trust-exact returns an unset name.
SCIPYS_FAILURES = (ArithmeticError, ValueError, np.linalg.LinAlgError, UnboundLocalError)
PRODUCTS_ONLY = {"Newton-CG", "trust-ncg"}  # these ask for products with the Hessian


class Counted:
    """A test function that remembers where it was asked for its value, and for its gradient."""

    def __init__(self, function: TestFunction) -> None:
        self.function = function
        self.values: set[bytes] = set()
        self.gradients: dict[bytes, float] = {}
        self.products = 0

    @property
    def evaluations(self) -> int:
        """Points of values and points of gradients."""
        return len(self.values) + len(self.gradients)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the value, for a method of ours, whose closure differentiates it."""
        place = x.detach().numpy().tobytes()
        self.values.add(place)
        if torch.is_grad_enabled():
            self.gradients[place] = math.nan
        return self.function.value(x)

    def value(self, x: np.ndarray) -> float:
        """Return the value, for scipy."""
        self.values.add(x.tobytes())
        return self.function.value(torch.from_numpy(x)).item()

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Return the gradient, for scipy, and keep its length."""
        point = torch.tensor(x, requires_grad=True)
        (gradient,) = torch.autograd.grad(self.function.value(point), point)
        self.gradients[x.tobytes()] = torch.linalg.vector_norm(gradient).item()
        return gradient.numpy()

    def gradient_norm(self, x: np.ndarray) -> float:
        """Return the length of the gradient at an iterate: like all others, it counts once."""
        if x.tobytes() not in self.gradients:
            self.gradient(x)
        return self.gradients[x.tobytes()]

    def hessian(self, x: np.ndarray) -> np.ndarray:
        """Return the Hessian, for scipy."""
        self.products += self.function.n
        return torch.autograd.functional.hessian(self.function.value, torch.from_numpy(x)).numpy()

    def hessian_product(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the product of the Hessian with `v`, for scipy."""
        self.products += 1
        point, direction = torch.from_numpy(x.copy()), torch.from_numpy(v.copy())
        return torch.autograd.functional.vhp(self.function.value, point, direction)[1].numpy()


def small(gradient_norm: float, value: float) -> bool:
    """Whether an iterate ends the run."""
    return math.isfinite(value) and gradient_norm <= GRADIENT_TOLERANCE * max(1.0, abs(value))


def outcome(
    counted: Counted, value: float, gradient_norm: float, steps: int, reason: str
) -> dict[str, Any]:
    """What is stored of a run."""
    stopped = small(gradient_norm, value)
    near = [
        minimum
        for minimum in counted.function.minima
        if abs(value - minimum) <= RELATIVE_TOLERANCE * minimum + ABSOLUTE_TOLERANCE
    ]
    if stopped:
        reason = (
            "a published minimum" if near else "a small gradient away from the published minima"
        )
    return {
        "solved": bool(stopped and near),
        "evaluations": counted.evaluations,
        "hessian_products": counted.products,
        "steps": steps,
        "value": value if math.isfinite(value) else None,
        "reason": reason,
    }


def ours(function: TestFunction, start: Tensor, name: str, **options: Any) -> dict[str, Any]:
    """Run a method of the library."""
    counted = Counted(function)

    def stop(path: Any) -> str | None:
        return "small gradient" if small(path.gradient_norms[-1], path.values[-1]) else None

    try:
        path = minimize(counted, start, partial(METHODS[name], **options), steps=STEPS, stop=stop)
    except NonFiniteLossError as error:
        path = error.record
    counted.products = path.touched["hessian"]
    return outcome(
        counted, path.values[-1], path.gradient_norms[-1], len(path), path.reason or "not finite"
    )


def scipys(function: TestFunction, start: Tensor, method: str, **options: Any) -> dict[str, Any]:
    """Run a method of scipy."""
    counted = Counted(function)
    steps, x, value = 0, start.numpy(), math.inf

    def callback(intermediate_result: Any) -> None:
        nonlocal steps, x, value
        steps, x = steps + 1, np.array(intermediate_result.x)
        value = float(intermediate_result.fun)
        if small(counted.gradient_norm(x), value):
            raise StopIteration

    second: dict[str, Any] = {}
    if method in PRODUCTS_ONLY:
        second = {"hessp": counted.hessian_product}
    elif method in {"trust-exact", "dogleg"}:
        second = {"hess": counted.hessian}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of overflow, and of runs that do not converge
        try:
            result = scipy_minimize(
                counted.value,
                start.numpy(),
                jac=counted.gradient,
                method=method,
                callback=callback,
                options={**OPTIONS[method], "maxiter": STEPS, **options},
                **second,
            )
            x, value, reason = np.array(result.x), float(result.fun), str(result.message)
        except SCIPYS_FAILURES as error:
            reason = f"{type(error).__name__}: {error}"
    return outcome(counted, value, counted.gradient_norm(x), steps, reason.strip().rstrip("."))


def start_of(function: TestFunction, factor: float = 1.0) -> Tensor:
    """Return a multiple of the standard start; where that is 0, the factor itself everywhere."""
    start = function.start
    return factor * start if factor == 1 or bool(start.any()) else torch.full_like(start, factor)


def run_all(functions: dict[str, TestFunction], factor: float = 1.0) -> dict[str, Any]:
    """Run the methods that have a counterpart, and the counterparts."""
    return {
        side: {
            name: {key: run(f, start_of(f, factor), name) for key, f in functions.items()}
            for name in names
        }
        for side, run, names in (
            ("course_lib", ours, COUNTERPARTS),
            ("scipy", scipys, OPTIONS),
        )
    }


def summary(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """How many runs each side solves, and what those cost that both solve."""
    both = [pair for pair in pairs if pair[0]["solved"] and pair[1]["solved"]]
    told: dict[str, Any] = {"runs": len(pairs), "solved_by_both": len(both)}
    for side, prefix in enumerate(("", "scipy_")):
        told[f"{prefix}solved"] = sum(pair[side]["solved"] for pair in pairs)
        for count in ("evaluations", "hessian_products"):
            told[prefix + count] = sum(pair[side][count] for pair in both)
    told["ratio"] = told["evaluations"] / told["scipy_evaluations"] if both else None
    return told


def summaries(runs: list[dict[str, Any]], numbers: list[str]) -> dict[str, Any]:
    """The summary of each method with its counterpart, over the functions `numbers`."""
    return {
        name: summary(
            [
                (at["course_lib"][name][number], at["scipy"][rival][number])
                for at in runs
                for number in numbers
            ]
        )
        for name, rival in COUNTERPARTS.items()
    }


def scipys_closely(function: TestFunction, start: Tensor, radius: float) -> dict[str, Any]:
    """Run trust-exact with an inner problem solved to `CLOSELY`, which its options cannot say."""
    closely = partial(_trustregion_exact.IterativeSubproblem, k_easy=CLOSELY, k_hard=CLOSELY)
    with mock.patch.object(_trustregion_exact, "IterativeSubproblem", closely):
        return scipys(function, start, COUNTERPARTS[EXACT], initial_trust_radius=radius)


def from_many_radii(functions: dict[str, TestFunction]) -> dict[str, Any]:
    """Run the exact trust region and its counterpart with each first radius."""
    told = {}
    for key, f in functions.items():
        runs = {
            "course_lib": [ours(f, f.start, EXACT, radius=radius) for radius in FIRST_RADII],
            "scipy": [
                scipys(f, f.start, COUNTERPARTS[EXACT], initial_trust_radius=radius)
                for radius in FIRST_RADII
            ],
            "scipy closely": [scipys_closely(f, f.start, radius) for radius in FIRST_RADII],
        }
        told[key] = {side: [run["solved"] for run in of_side] for side, of_side in runs.items()}
    return {"radii": FIRST_RADII, "closely": CLOSELY, "runs": told}


def measure() -> dict[str, Any]:
    """Run every method and its counterpart on all functions, and on the 18 from far away."""
    torch.set_num_threads(1)
    functions = {str(function.number): function for function in more_garbow_hillstrom()}
    minimization = [str(number) for number in FOR_MINIMIZATION]
    of_18 = {number: functions[number] for number in minimization}
    runs = run_all(functions)
    far = [run_all(of_18, factor) for factor in FAR]
    told = {
        "minimization": summaries([runs], minimization),
        "all": summaries([runs], list(functions)),
        "far starts": summaries(far, minimization),
    }
    for name in METHODS.keys() - COUNTERPARTS:
        alone = {number: ours(f, f.start, name) for number, f in of_18.items()}
        runs["course_lib"][name] = alone
        told["minimization"][name] = {
            "runs": len(alone),
            "solved": sum(run["solved"] for run in alone.values()),
        }
    return rounded(
        {
            "functions": {
                key: {"name": f.name, "n": f.n, "m": f.m, "minima": list(f.minima)}
                for key, f in functions.items()
            },
            "minimization": minimization,
            "counterparts": COUNTERPARTS,
            "gradient_tolerance": GRADIENT_TOLERANCE,
            "value_tolerance": [RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE],
            "steps": STEPS,
            "far_starts": list(FAR),
            "runs": runs,
            "summary": told,
            "first_radii": from_many_radii(of_18),
        }
    )


def rounded(value: Any) -> Any:
    """Numbers to six significant digits, so that the record stays small."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
