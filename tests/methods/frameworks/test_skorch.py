"""Every method of the course in skorch, scikit-learn's interface to torch."""

import inspect
import pickle

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetRegressor
from skorch.callbacks import LRScheduler
from torch import nn

from course_lib.methods import Adam
from tests.methods.frameworks.regression import (
    BATCH,
    EACH,
    ELEMENTWISE,
    EPOCHS,
    assert_same_weights,
    net_for,
    samples,
    trained_plainly,
)


def regressor(case, epochs=EPOCHS, **more):
    """skorch's net: it makes the optimizer from the class, and its options from optimizer__….

    skorch gives every optimizer a learning rate, its own one if none is named. So the method's
    default is named here; a method without learning rates is made by a function that drops it.
    """
    options = {f"optimizer__{name}": value for name, value in case.options.items()}
    method, known = case.ours, inspect.signature(case.ours).parameters
    if "lr" not in known:
        method = without_learning_rate(method)
    elif "lr" not in case.options:
        options["optimizer__lr"] = known["lr"].default
    return NeuralNetRegressor(
        net_for(case), criterion=nn.MSELoss, optimizer=method, max_epochs=epochs,
        batch_size=BATCH, train_split=None, verbose=0, **options, **more,
    )  # fmt: skip


def without_learning_rate(method):
    return lambda params, lr, **options: method(params, **options)


@pytest.mark.parametrize("case", EACH, ids=str)
def test_trains_as_in_a_plain_loop(case):
    model = regressor(case).fit(*samples())
    assert_same_weights(model.module_, trained_plainly(case))


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_goes_on_after_being_pickled(case):
    whole = regressor(case, epochs=4).fit(*samples())
    half = pickle.loads(pickle.dumps(regressor(case, epochs=2).fit(*samples())))
    half.partial_fit(*samples(), epochs=2)
    assert_same_weights(half.module_, whole.module_)


@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_obeys_a_scheduler(case):
    policy = LRScheduler(policy="StepLR", step_size=1, gamma=0.5)
    model = regressor(case, callbacks=[policy]).fit(*samples())
    expected = case.options["lr"] * 0.5**EPOCHS
    assert model.optimizer_.param_groups[0]["lr"] == pytest.approx(expected)


def test_its_options_can_be_searched():
    x, y = (t.numpy().astype(np.float32) for t in samples())
    model = NeuralNetRegressor(
        nn.Linear, module__in_features=3, module__out_features=1, optimizer=Adam, max_epochs=20,
        train_split=None, verbose=0, iterator_train__shuffle=False,
    )  # fmt: skip
    grid = {"optimizer__lr": [1e-5, 0.1], "optimizer__betas": [(0.9, 0.999)]}
    torch.manual_seed(0)
    search = GridSearchCV(model, grid, cv=2, scoring="neg_mean_squared_error").fit(x, y)
    assert search.best_params_["optimizer__lr"] == 0.1
