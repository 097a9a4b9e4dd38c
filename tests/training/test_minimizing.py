import math

import numpy as np
import pytest
import torch

from course_lib.methods import TrustRegion
from course_lib.training import NonFiniteLossError, minimize

HESSIAN = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)


def quadratic(x):
    return 0.5 * x @ HESSIAN.to(x.dtype) @ x


def sgd(lr):
    return lambda params: torch.optim.SGD(params, lr=lr)


def test_gradient_descent_follows_its_closed_form():
    x0 = torch.tensor([1.0, -2.0], dtype=torch.float64)
    path = minimize(quadratic, x0, sgd(0.2), steps=6)
    step = torch.eye(2, dtype=torch.float64) - 0.2 * HESSIAN
    expected = [torch.linalg.matrix_power(step, k) @ x0 for k in range(7)]
    torch.testing.assert_close(path.x, torch.stack(expected))
    np.testing.assert_allclose(path.values, [quadratic(x).item() for x in expected])
    np.testing.assert_allclose(path.gradient_norms, [(HESSIAN @ x).norm() for x in expected])
    assert len(path) == 6
    assert path.reason == "all 6 steps made"


def test_the_start_is_copied_and_keeps_its_type():
    x0 = torch.tensor([1.0, -2.0], dtype=torch.float32)
    path = minimize(quadratic, x0, sgd(0.2), steps=2)
    assert path.x.dtype == torch.float32
    assert x0.tolist() == [1.0, -2.0]
    array = np.array([1.0, -2.0])
    assert minimize(quadratic, array, sgd(0.2), steps=2).x.dtype == torch.float64
    assert array.tolist() == [1.0, -2.0]


def test_recording_costs_the_method_nothing():
    calls = []

    def f(x):
        calls.append(x.detach().clone())
        return quadratic(x)

    path = minimize(f, [1.0, -2.0], sgd(0.2), steps=5)
    assert len(calls) == 6 == path.touched["gradient"]


def test_a_method_that_asks_several_times_a_step_is_counted():
    path = minimize(
        quadratic,
        torch.tensor([1.0, -2.0], dtype=torch.float64),
        lambda params: torch.optim.LBFGS(params, max_iter=20, line_search_fn="strong_wolfe"),
        steps=2,
    )
    assert path.values[-1] < 1e-10
    assert path.touched["gradient"] > 3


def test_a_method_may_write_through_data_without_being_fed_stale_gradients():
    class Raw:
        def __init__(self, params):
            (self.x,) = params

        def step(self, closure):
            closure()
            self.x.data -= 0.1 * self.x.grad
            self.x.grad.zero_()

    path = minimize(quadratic, [1.0, -2.0], Raw, steps=3)
    expected = minimize(quadratic, [1.0, -2.0], sgd(0.1), steps=3)
    torch.testing.assert_close(path.x, expected.x)


def test_a_method_may_ask_for_the_value_alone():
    class Backtracking:
        def __init__(self, params):
            (self.x,) = params

        @torch.no_grad()
        def step(self, closure):
            value, t, x, g = closure(), 8.0, self.x.clone(), self.x.grad.clone()
            self.x.copy_(x - t * g)
            while closure.value() > value - 1e-4 * t * g @ g:
                t /= 2
                self.x.copy_(x - t * g)

    path = minimize(quadratic, [1.0, -2.0], Backtracking, steps=5)
    assert (np.diff(path.values) < 0).all()
    assert path.touched["value"] > 5


def test_schedule_sets_the_rate_of_step_k_counted_from_one():
    path = minimize(lambda x: x.sum(), [0.0], sgd(99.0), steps=3, schedule=lambda k: 10.0**-k)
    assert path.x.flatten().tolist() == pytest.approx([0, -0.1, -0.11, -0.111])


def test_stop_is_asked_at_every_iterate_and_its_reason_told():
    def stop(path):
        return "small gradient" if path.gradient_norms[-1] < 0.5 else None

    path = minimize(quadratic, [1.0, -2.0], sgd(0.2), steps=100, stop=stop)
    assert path.reason == "small gradient"
    assert path.gradient_norms[-1] < 0.5 <= path.gradient_norms[-2]
    at_once = minimize(quadratic, [1.0, -2.0], sgd(0.2), steps=9, stop=lambda path: "enough")
    assert len(at_once) == 0


def test_a_value_that_is_not_finite_stops_with_the_step_and_the_path():
    with pytest.raises(NonFiniteLossError, match=r"at step \d+: .*lower the learning rate") as info:
        minimize(lambda x: (x**4).sum(), [2.0], sgd(1.0), steps=50)
    error = info.value
    assert len(error.record) == error.step
    assert not math.isfinite(error.record.values[-1])
    assert np.isfinite(error.record.values[:-1]).all()
    assert error.record.reason == str(error)


def test_a_start_where_f_is_not_finite_is_named():
    with pytest.raises(NonFiniteLossError, match="x0"):
        minimize(lambda x: x.log().sum(), [-1.0], sgd(1.0), steps=5)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"x0": [1, 2]}, ValueError, "x0 must be a floating-point vector"),
        ({"x0": [[1.0]]}, ValueError, r"x0 .*\(1, 1\)"),
        ({"x0": []}, ValueError, "x0"),
        ({"steps": -1}, ValueError, "steps must be an integer of at least 0, got -1"),
        ({"steps": 1.5}, TypeError, "steps"),
        ({"f": 3}, TypeError, "f must be a function"),
        ({"f": lambda x: x}, ValueError, r"f\(x\) must be a tensor of shape \(\)"),
        ({"f": lambda x: 1.0}, TypeError, r"f\(x\) must be a tensor"),
        ({"f": lambda x: torch.ones(())}, ValueError, "depends on x"),
        ({"method": 0.1}, TypeError, "method must be an optimizer or a function"),
        ({"method": lambda params: None}, TypeError, "no step"),
        ({"schedule": lambda k: -1.0}, ValueError, r"schedule\(1\) must be .*got -1.0"),
        ({"schedule": lambda k: None}, TypeError, r"schedule\(1\)"),
        ({"schedule": 0.1}, TypeError, "schedule must be a function"),
        ({"stop": 0.1}, TypeError, "stop must be a function"),
        ({"stop": lambda path: False}, TypeError, "stop must return the reason .*got False"),
        ({"stop": lambda path: True}, TypeError, "stop must return the reason .*got True"),
        ({"stop": lambda path: ""}, TypeError, "stop must return the reason .*got ''"),
        ({"schedule": lambda k: "0.1"}, TypeError, r"schedule\(1\) must be .*got '0.1'"),
        ({"schedule": lambda k: True}, TypeError, r"schedule\(1\) must be .*got True"),
        ({"x0": None}, TypeError, "x0 must be a tensor, an array or .*got None"),
    ],
)
def test_wrong_arguments_are_named(change, kind, message):
    arguments = {"f": quadratic, "x0": [1.0, 2.0], "method": sgd(0.1), "steps": 3, **change}
    f, x0, method = (arguments.pop(name) for name in ("f", "x0", "method"))
    with pytest.raises(kind, match=message):
        minimize(f, x0, method, **arguments)


def test_a_method_that_cannot_go_on_ends_the_run_with_its_reason():
    class Tired(torch.optim.SGD):
        reason = None

        def step(self, closure):
            if len(self.done) == 3:
                self.reason = "too tired"
                return
            self.done.append(1)
            super().step(closure)

    def make(params):
        method = Tired(params, lr=0.1)
        method.done = []
        return method

    path = minimize(lambda x: (x * x).sum(), [1.0], make, steps=9)
    assert (len(path), path.reason) == (3, "too tired")


def test_a_schedule_for_a_method_without_learning_rate_is_refused():
    """It would be written where nobody reads it."""
    with pytest.raises(ValueError, match=r"schedule needs a method.*TrustRegion has none"):
        minimize(lambda x: x @ x, [1.0, 2.0], TrustRegion, steps=2, schedule=lambda k: 0.1)
