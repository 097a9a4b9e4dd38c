import copy
import itertools
import math
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from course_lib.methods.learning_rate import ReduceOnPlateau
from course_lib.training import History, ShuffledBatches, fit
from tests.methods.learning_rate.stepping import optimizer_with
from tests.training.small_net import net, regression, sgd, weights

# Steps of a tenth make ties and near ties, where "better" is decided.
values = st.lists(
    st.one_of(
        st.integers(-5, 20).map(lambda n: n / 10),
        st.floats(allow_nan=True, allow_infinity=True),
    ),
    min_size=1,
    max_size=40,
)
options = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["min", "max"]),
        "factor": st.floats(0.01, 0.99),
        "patience": st.integers(0, 4),
        "threshold": st.sampled_from([0.0, 1e-4, 0.05, 0.1]),
        "threshold_mode": st.sampled_from(["rel", "abs"]),
        "cooldown": st.integers(0, 3),
        "min_lr": st.just(0.0) | st.floats(0, 0.01),
        "eps": st.sampled_from([0.0, 1e-8, 0.05]),
    }
)
rates = st.lists(st.floats(0.01, 2), min_size=1, max_size=3)


@given(rates=rates, options=options, values=values)
def test_it_equals_torchs_bit_for_bit(rates, options, values):
    optimizer = optimizer_with(*rates)
    torchs = ReduceLROnPlateau(optimizer, **options)
    ours = [ReduceOnPlateau(rate, **options) for rate in rates]
    for value in values:
        torchs.step(value)
        for schedule in ours:
            schedule.step(value)
        assert [schedule.current for schedule in ours] == torchs.get_last_lr()
        for schedule in ours:
            assert (schedule.bad, schedule.cooling) == (
                torchs.num_bad_epochs,
                torchs.cooldown_counter,
            )


@given(options=options, values=values, cut=st.integers(0, 40))
def test_a_state_loaded_into_a_fresh_one_goes_on_as_if_nothing_had_been(options, values, cut):
    whole, first = (ReduceOnPlateau(0.5, **options) for _ in range(2))
    for value in values[:cut]:
        whole.step(value)
        first.step(value)
    fresh = ReduceOnPlateau(0.5, **options)
    fresh.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))
    twins = [fresh, copy.deepcopy(first), pickle.loads(pickle.dumps(first))]
    for value in values[cut:]:
        whole.step(value)
        for twin in twins:
            twin.step(value)
            assert twin.state_dict() == whole.state_dict()


def test_a_state_that_was_saved_does_not_change_afterwards():
    schedule = ReduceOnPlateau(0.5, patience=0)
    saved = schedule.state_dict()
    kept = dict(saved)
    schedule.step(1.0)
    schedule.step(1.0)
    assert saved == kept
    assert schedule.state_dict() != kept


@pytest.mark.parametrize("k", [0, 1, 10**6])
def test_the_rate_is_the_current_one_whatever_k_is(k):
    schedule = ReduceOnPlateau(0.5, patience=0, factor=0.5)
    schedule.step(1.0)
    schedule.step(2.0)
    assert schedule(k) == schedule.current == 0.25


@pytest.mark.parametrize("value", [1, np.float32(1), torch.tensor(1.0), torch.ones(1, 1)])
def test_a_value_may_be_any_number(value):
    schedule = ReduceOnPlateau(0.5)
    schedule.step(value)
    assert schedule.best == 1.0
    assert type(schedule.best) is float


@pytest.mark.parametrize("value", ["1", None, True, [1.0], torch.ones(2), 1j, {}])
def test_what_is_no_value_is_refused_and_nothing_is_changed(value):
    schedule = ReduceOnPlateau(0.5)
    schedule.step(3.0)
    before = schedule.state_dict()
    with pytest.raises(TypeError, match="value must be a number or a tensor with one element"):
        schedule.step(value)
    assert schedule.state_dict() == before


@pytest.mark.parametrize("batch_size", [5, 7])
def test_in_fit_it_watches_a_validation_error_as_a_loop_with_torchs_does(batch_size):
    data = regression()
    errors = iter([9.0, 3.0, 3.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.5])
    schedule = ReduceOnPlateau(0.05, monitor="error", factor=0.5, patience=0)
    model, twin = net(), net()
    history = fit(
        model, data, F.mse_loss, sgd(), epochs=8, batch_size=batch_size, schedule=schedule,
        evaluate={"other": lambda model: 0.0, "error": lambda model: next(errors)},
    )  # fmt: skip
    shown = history.evaluations["error"][1:]  # the first is from before the first step

    optimizer = torch.optim.SGD(twin.parameters(), lr=0.05)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    batches = ShuffledBatches(20, batch_size)
    for error in shown:
        for indices in batches:
            optimizer.zero_grad()
            F.mse_loss(twin(data[0][indices]), data[1][indices]).backward()
            optimizer.step()
        scheduler.step(error)
    assert torch.equal(weights(model), weights(twin))
    assert schedule.current == optimizer.param_groups[0]["lr"] == 0.05 / 2**5


@pytest.mark.parametrize("look_before_start", [False, True])
@pytest.mark.parametrize("evaluate_every", [None, 3])
def test_in_fit_it_watches_the_mean_batch_loss_since_its_last_look(
    look_before_start, evaluate_every
):
    seen = []

    class Noting(ReduceOnPlateau):
        def step(self, value):
            seen.append(value)
            super().step(value)

    history = fit(
        net(), regression(), F.mse_loss, sgd(), epochs=3, batch_size=5, schedule=Noting(0.01),
        evaluate={"error": lambda model: 1.0} if look_before_start else None,
        evaluate_every=evaluate_every,
    )  # fmt: skip
    ends = [0, 4, 8, 12] if evaluate_every is None else [0, 3, 6, 9, 12]
    means = [history.losses[a:b].mean() for a, b in itertools.pairwise(ends)]
    assert seen == means


def test_it_goes_on_through_a_second_run_as_if_it_were_one():
    data = regression()

    def run(*parts):
        model, schedule = net(), ReduceOnPlateau(0.3, factor=0.5, patience=0, threshold=0.3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
        for epochs in parts:
            fit(model, data, F.mse_loss, optimizer, epochs=epochs, schedule=schedule,
                evaluate={"error": lambda model: 1.0})  # fmt: skip
        return weights(model), schedule.state_dict()

    whole, parts = run(12), run(3, 1, 8)
    assert torch.equal(whole[0], parts[0])
    assert whole[1] == parts[1]
    assert whole[1]["current"] < 0.3


def test_one_look_is_counted_once():
    schedule, history = ReduceOnPlateau(0.5), History()
    schedule.observe(history)
    history.add(loss=2.0, epochs=1, samples=1)
    schedule.observe(history)
    schedule.observe(history)
    assert (schedule.best, schedule.bad) == (2.0, 0)


def test_a_name_that_is_not_evaluated_is_refused_with_the_names_that_are():
    schedule = ReduceOnPlateau(0.05, monitor="validation")
    with pytest.raises(ValueError, match="which has 'a', 'b', got 'validation'"):
        fit(net(), regression(), F.mse_loss, sgd(), epochs=1, schedule=schedule,
            evaluate={"a": lambda model: 1.0, "b": lambda model: 1.0})  # fmt: skip
    with pytest.raises(ValueError, match="which has none, got 'validation'"):
        fit(net(), regression(), F.mse_loss, sgd(), epochs=1, schedule=schedule)


@pytest.mark.parametrize("monitor", ["", 3, ["error"], True])
def test_a_monitor_that_is_no_name_is_refused(monitor):
    with pytest.raises(TypeError, match="monitor must be the name of an evaluation"):
        ReduceOnPlateau(0.1, monitor=monitor)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("alpha", [0, -1, math.nan, math.inf]),
        ("factor", [0, 1, 10, -0.1, math.nan]),
        ("threshold", [-0.1, math.nan, math.inf]),
        ("min_lr", [-0.1, 0.2, math.nan]),
        ("eps", [-1e-8, math.nan, math.inf]),
        ("patience", [-1]),
        ("cooldown", [-1]),
        ("mode", ["minimum", None, 1, ["min"]]),
        ("threshold_mode", ["relative", None, 1]),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(name, bad):
    for value in bad:
        with pytest.raises(ValueError, match=f"^{name} must be .* got"):
            ReduceOnPlateau(**{"alpha": 0.1, name: value})


@pytest.mark.parametrize(
    "name", ["alpha", "factor", "threshold", "min_lr", "eps", "patience", "cooldown"]
)
@pytest.mark.parametrize("value", ["0.1", None, True, [0.1]])
def test_an_option_that_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(TypeError, match=f"^{name} must be .* got"):
        ReduceOnPlateau(**{"alpha": 0.1, name: value})


GOOD = {"current": 0.1, "best": 1.0, "bad": 0, "cooling": 0}


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"current": 0.1},
        {**GOOD, "more": 1},
        {**GOOD, "current": -0.1},
        {**GOOD, "current": math.nan},
        {**GOOD, "best": "low"},
        {**GOOD, "bad": -1},
        {**GOOD, "bad": 0.5},
        {**GOOD, "cooling": None},
        None,
        [1, 2],
    ],
)
def test_a_state_that_is_none_is_refused_and_nothing_is_changed(state):
    schedule = ReduceOnPlateau(0.5)
    schedule.step(3.0)
    before = schedule.state_dict()
    with pytest.raises((ValueError, TypeError)):
        schedule.load_state_dict(state)
    assert schedule.state_dict() == before


def test_it_is_written_as_it_is_made():
    schedule = ReduceOnPlateau(0.1, monitor="error", mode="max", patience=3, eps=0)
    written = repr(schedule)
    assert repr(eval(written)) == written
    schedule.step(1.0)
    assert repr(schedule) == written
