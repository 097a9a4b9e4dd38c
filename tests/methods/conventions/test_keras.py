"""Keras's optimizers take the steps that the conventions say, with Keras's own defaults."""

import inspect
import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import pytest
import torch

from course_lib.methods import SGD, HeavyBall
from course_lib.methods.conventions import CONVENTIONS, equivalent
from tests.methods.conventions.runs import (
    STEPS,
    assert_same_steps,
    gradients,
    start,
    steps_of,
    steps_of_course,
)

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")
ENTRIES = [entry for entry in CONVENTIONS if entry.source == "Keras"]
OPTIONS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    ("RMSprop", {}),
    ("RMSprop", {"rho": 0.99, "momentum": 0.9}),
    ("RMSprop", {"centered": True, "epsilon": 1e-3}),
    ("Adam", {}),
    ("Adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}),
    ("Adam", {"amsgrad": True, "epsilon": 1e-4}),
    ("Adam", {"weight_decay": 0.1}),
    ("AdamW", {}),
    ("Adamax", {"epsilon": 0.0}),
    ("Lion", {}),
    ("Lion", {"weight_decay": 0.1}),
]


def steps_of_keras(name, gs, rates=None, **options):
    x = keras.Variable(start(), dtype="float64")
    optimizer = getattr(keras.optimizers, name)(**options)
    optimizer.build([x])
    path = []
    for k, g in enumerate(gs):
        if rates is not None:
            optimizer.learning_rate = rates[k]
        optimizer.apply([torch.tensor(g)], [x])
        path.append(keras.ops.convert_to_numpy(x).copy())
    return np.array(path)


@pytest.fixture(autouse=True)
def double_precision():
    """Keras keeps its learning rate in the default type: single precision would show."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.method)
def test_options_and_defaults_are_those_of_keras(entry):
    signature = inspect.signature(getattr(keras.optimizers, entry.method).__init__)
    theirs = {name: p.default for name, p in signature.parameters.items()}
    assert {name: theirs[name] for name in entry.defaults} == dict(entry.defaults)
    shared = set(inspect.signature(keras.optimizers.Optimizer.__init__).parameters)
    assert set(theirs) - shared <= set(entry.defaults), "an option of the rule is missing"


@pytest.mark.parametrize(("method", "options"), OPTIONS, ids=str)
def test_takes_the_steps_of_keras(method, options):
    gs = gradients()
    assert_same_steps(
        steps_of_keras(method, gs, **options), steps_of_course("Keras", method, gs, **options)
    )


@pytest.mark.parametrize(("method", "options"), OPTIONS, ids=str)
def test_keeps_to_its_remark_when_the_learning_rate_changes(method, options):
    gs = gradients()
    rates = 0.01 * 0.5 ** (np.arange(STEPS) // 10)
    theirs = steps_of_keras(method, gs, rates, **options)
    ours = steps_of_course("Keras", method, gs, rates, **options)
    if equivalent("Keras", method, **options).remark == "the learning rate does not change":
        with pytest.raises(AssertionError):
            assert_same_steps(theirs, ours, rtol=1e-3)
    else:
        assert_same_steps(theirs, ours)


def test_momentum_of_keras_is_the_lectures_and_not_torchs_when_the_rate_changes():
    gs, rates = gradients(), 0.1 * 0.5 ** (np.arange(STEPS) // 10)
    theirs = steps_of_keras("SGD", gs, rates, momentum=0.9)
    paths = []
    for make in (
        lambda x: HeavyBall([x], lr=0.1, beta=0.9),
        lambda x: SGD([x], lr=0.1, momentum=0.9),
    ):
        x = torch.tensor(start(), requires_grad=True)
        paths.append(steps_of(make(x), x, gs, rates))
    assert_same_steps(theirs, paths[0])
    with pytest.raises(AssertionError):
        assert_same_steps(theirs, paths[1], rtol=1e-2)


def test_adamax_of_keras_differs_by_its_epsilon_alone():
    gs = gradients()
    theirs = steps_of_keras("Adamax", gs)
    ours = steps_of_course("Keras", "Adamax", gs)
    large = np.array([True, True, False, False])  # gradients far above epsilon
    relative = np.abs(theirs - ours) / np.abs(theirs - start())
    assert relative[:, large].max() < 1e-4
    assert relative[-1, ~large].max() > 1e-5


def test_adam_of_keras_goes_on_from_a_saved_state():
    gs = gradients()
    whole = steps_of_course("Keras", "Adam", gs, epsilon=1e-2)
    x = torch.tensor(start(), requires_grad=True)
    same = equivalent("Keras", "Adam", epsilon=1e-2)
    first = same.make([x])
    steps_of(first, x, gs[:20])
    second = same.make([x])
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(steps_of(second, x, gs[20:]), whole[20:])


@pytest.mark.parametrize("method", ["SGD", "Adagrad", "RMSprop", "Adamax"])
def test_decoupled_decay_that_the_course_lacks_is_refused(method):
    with pytest.raises(ValueError, match=f"weight_decay of Keras's {method} must be None here"):
        equivalent("Keras", method, weight_decay=0.1)
