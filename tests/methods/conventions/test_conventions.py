"""The table of conventions: torch's entries, its form, and how wrong questions are answered."""

import inspect

import numpy as np
import pytest
import torch

from course_lib.methods.conventions import (
    CONVENTIONS,
    REQUIRED,
    convention,
    equivalent,
)
from tests.methods.conventions.runs import assert_same_steps, gradients, start, steps_of

TORCH = [entry for entry in CONVENTIONS if entry.source == "torch"]
SWITCHES = {
    "params", "foreach", "maximize", "capturable", "differentiable", "fused",
    "decoupled_weight_decay",
}  # fmt: skip


@pytest.mark.parametrize("entry", TORCH, ids=lambda entry: entry.method)
def test_options_and_defaults_are_those_of_torch(entry):
    signature = inspect.signature(getattr(torch.optim, entry.method))
    theirs = {name: p.default for name, p in signature.parameters.items() if name not in SWITCHES}
    assert theirs == dict(entry.defaults)


@pytest.mark.parametrize("entry", TORCH, ids=lambda entry: entry.method)
@pytest.mark.parametrize("weight_decay", [None, 0.1])
def test_takes_the_steps_of_torch(entry, weight_decay):
    options = {} if weight_decay is None else {"weight_decay": weight_decay}
    gs, paths = gradients(), []
    for make in (getattr(torch.optim, entry.method), None):
        x = torch.tensor(start(), requires_grad=True)
        same = equivalent("torch", entry.method, **options)
        optimizer = same.make([x]) if make is None else make([x], **options)
        paths.append(steps_of(optimizer, x, gs))
    assert_same_steps(*paths)


def test_each_entry_stands_there_once_and_can_be_made():
    assert len({(entry.source, entry.method) for entry in CONVENTIONS}) == len(CONVENTIONS)
    for entry in CONVENTIONS:
        needed = {name: 0.1 for name, value in entry.defaults.items() if value is REQUIRED}
        optimizer = entry.equivalent(**needed).make([torch.zeros(2, requires_grad=True)])
        assert isinstance(optimizer, torch.optim.Optimizer)
        assert convention(entry.source, entry.method) is entry


def test_options_that_change_are_set_in_all_groups_before_each_step():
    params = [torch.zeros(2, requires_grad=True) for _ in range(2)]
    same = equivalent("Keras", "Adam", epsilon=1e-3)
    optimizer = same.make([{"params": [p]} for p in params])
    for k in range(1, 4):
        for p in params:
            p.grad = torch.ones(2)
        optimizer.step()
        expected = 1e-3 / np.sqrt(1 - 0.999**k)
        assert [group["eps"] for group in optimizer.param_groups] == pytest.approx([expected] * 2)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("JAX", "adam"), {}, ValueError, r"source must be one of \['lecture', .*\], got 'JAX'"),
        (("Keras", "adam"), {}, ValueError, r"method must be one of .*'Adam'.* for Keras, got"),
        (("Keras", "Adam"), {"lr": 1}, TypeError, r"Keras's Adam has the options .*, got 'lr'"),
        (("optax", "adam"), {}, TypeError, r"optax's adam needs \['learning_rate'\]"),
        (("torch", "SGD"), {"lr": -1.0}, ValueError, "lr"),
    ],
)
def test_wrong_questions_are_answered_with_what_is_allowed(arguments, options, error, message):
    with pytest.raises(error, match=message):
        equivalent(*arguments, **options).make([torch.zeros(1, requires_grad=True)])
