"""optax's optimizers take the steps that the conventions say, with optax's own defaults."""

import inspect

import jax
import numpy as np
import optax
import pytest

from course_lib.methods.conventions import CONVENTIONS, REQUIRED, equivalent
from tests.methods.conventions.runs import (
    STEPS,
    assert_same_steps,
    gradients,
    start,
    steps_of_course,
)

ENTRIES = [entry for entry in CONVENTIONS if entry.source == "optax"]
NOT_OF_THE_RULE = {"accumulator_dtype", "mu_dtype", "mask"}
OPTIONS = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("adagrad", {}),
    ("adagrad", {"initial_accumulator_value": 0.0, "eps": 1e-3}),
    ("rmsprop", {}),
    ("rmsprop", {"decay": 0.99, "momentum": 0.9}),
    ("rmsprop", {"eps_in_sqrt": False, "eps": 1e-3}),
    ("rmsprop", {"centered": True, "eps": 1e-3}),
    ("adam", {}),
    ("adam", {"b1": 0.5, "b2": 0.9, "eps": 1e-2}),
    ("adam", {"eps": 0.0, "eps_root": 1e-4}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.1}),
    ("adamax", {}),
    ("adamax", {"eps": 1e-3}),
    ("lion", {}),
]


def steps_of_optax(name, gs, rates=0.01, **options):
    with jax.enable_x64(True):
        schedule = (lambda k: jax.numpy.asarray(rates)[k]) if np.ndim(rates) else rates
        method = getattr(optax, name)(schedule, **options)
        x = jax.numpy.asarray(start())
        state, path = method.init(x), []
        update = jax.jit(method.update)
        for g in gs:
            moves, state = update(jax.numpy.asarray(g), state, x)
            x = optax.apply_updates(x, moves)
            path.append(np.array(x))
    return np.array(path)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.method)
def test_options_and_defaults_are_those_of_optax(entry):
    signature = inspect.signature(getattr(optax, entry.method))
    theirs = {
        name: REQUIRED if p.default is p.empty else p.default
        for name, p in signature.parameters.items()
        if name not in NOT_OF_THE_RULE
    }
    assert theirs == dict(entry.defaults)


@pytest.mark.parametrize(("method", "options"), OPTIONS, ids=str)
def test_takes_the_steps_of_optax(method, options):
    gs = gradients()
    ours = steps_of_course("optax", method, gs, learning_rate=0.01, **options)
    assert_same_steps(steps_of_optax(method, gs, **options), ours)


@pytest.mark.parametrize(("method", "options"), OPTIONS, ids=str)
def test_keeps_to_its_remark_when_the_learning_rate_changes(method, options):
    gs = gradients()
    rates = 0.01 * 0.5 ** (np.arange(STEPS) // 10)
    theirs = steps_of_optax(method, gs, rates, **options)
    ours = steps_of_course("optax", method, gs, rates, learning_rate=0.01, **options)
    remark = equivalent("optax", method, learning_rate=0.01, **options).remark
    if remark == "the learning rate does not change":
        with pytest.raises(AssertionError):
            assert_same_steps(theirs, ours, rtol=1e-3)
    else:
        assert_same_steps(theirs, ours)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("rmsprop", {"bias_correction": True}, "bias_correction=False"),
        ("rmsprop", {"initial_scale": 1.0}, "initial_scale=0"),
        ("rmsprop", {"momentum": 0.9, "nesterov": True}, "nesterov=False"),
        ("adam", {"nesterov": True}, "nesterov=False"),
        ("adam", {"eps_root": 1e-8}, "one of eps and eps_root 0"),
    ],
)
def test_what_the_course_lacks_is_refused(method, options, message):
    with pytest.raises(ValueError, match=message):
        equivalent("optax", method, learning_rate=0.1, **options)
