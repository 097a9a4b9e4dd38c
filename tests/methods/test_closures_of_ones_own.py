"""What a closure may return and do, and in which words the rest is refused."""

import numpy as np
import pytest
import torch

from tests.methods.bowl import bowl, parameters, run
from tests.methods.closure_catalogue import CLOSURE_CASES

each = pytest.mark.parametrize("case", CLOSURE_CASES, ids=str)


def step_with(case, told, *, backward=True):
    params = parameters()
    method = case.make(params)

    def closure():
        method.zero_grad()
        loss = bowl(params)
        if backward:
            loss.backward()
        return told(loss)

    for _ in range(2):
        method.step(closure)
    return params


@each
@pytest.mark.parametrize(
    "told",
    [torch.Tensor.item, lambda loss: loss.reshape(1), lambda loss: np.float64(loss.item())],
    ids=["float", "one element", "numpy"],
)
def test_the_loss_may_be_any_real_number(case, told):
    params = parameters()
    run(case.make(params), params, 2)
    for p, q in zip(step_with(case, told), params, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)


@each
@pytest.mark.parametrize(
    ("told", "error", "got"),
    [
        (lambda loss: None, TypeError, "None"),
        (lambda loss: "0.5", TypeError, "'0.5'"),
        (lambda loss: True, TypeError, "True"),
        (lambda loss: (loss, 1), TypeError, r"\(tensor"),
        (lambda loss: torch.stack([loss, loss]), ValueError, r"shape \(2,\)"),
        (lambda loss: loss + 1j, ValueError, "complex128"),
    ],
)
def test_anything_else_is_refused_by_name(case, told, error, got):
    with pytest.raises(error, match=f"closure must return the loss, a real number.*got .*{got}"):
        step_with(case, told)


@each
def test_a_closure_that_sets_no_gradient_is_refused(case):
    """Instead of a step of zero, or of a gradient that is said to have vanished."""
    with pytest.raises((ValueError, TypeError), match=r"closure must (set|compute) .*gradient"):
        step_with(case, torch.Tensor.detach, backward=False)


@each
def test_a_closure_that_forgets_to_clear_its_gradients_does_not_add_them_up(case):
    params, cleared = parameters(), parameters()
    method = case.make(params)

    def closure():
        loss = bowl(params)
        loss.backward()
        return loss

    for _ in range(3):
        method.step(closure)
    run(case.make(cleared), cleared, 3)
    for p, q in zip(params, cleared, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)


@each
def test_a_closure_may_add_up_the_gradients_of_parts(case):
    params, whole = parameters(), parameters()
    method = case.make(params)

    def closure():
        parts = [share * bowl(params) for share in (0.25, 0.75)]
        for part in parts:
            part.backward()
        return sum(part.detach() for part in parts)

    for _ in range(2):
        method.step(closure)
    run(case.make(whole), whole, 2)
    for p, q in zip(params, whole, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-9)
