"""The strong Wolfe search, against its two conditions, torch and scipy."""

import math
import warnings

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import line_search
from scipy.optimize._linesearch import line_search_wolfe1
from torch.optim.lbfgs import _strong_wolfe

from course_lib.methods import (
    NoStepError,
    StrongWolfe,
)
from tests.methods.step_sizes.lines import (
    FROM_ANYWHERE,
    FROM_ZERO,
    barrier,
    evaluate,
    more_thuente_1,
    point_at,
    problem,
    rosenbrock,
)

NAMES = [*FROM_ZERO, *FROM_ANYWHERE, "barrier"]
# Extrapolation multiplies round-off where a function wiggles as much as this one.
SMOOTH = [name for name in NAMES if name not in ("more-thuente-3", "barrier")]
names = st.sampled_from(NAMES)
seeds = st.integers(0, 10_000)
slopes = st.sampled_from([0.9, 0.5, 0.1, 0.01])


def search(f, x, d, first, **options):
    """Return the step size, the trials, and what the search remembers."""
    point, closure = point_at(f, x)
    d, memory = torch.as_tensor(d, dtype=torch.float64), {}
    t = StrongWolfe(**options)(point, d, memory, first=first)
    assert closure.touched["value"] == 0
    return t, [known for known, _, _ in point._moves], memory


@settings(max_examples=60)
@given(names, seeds, st.floats(-3, 2), slopes)
def test_both_conditions_hold_and_curvature_is_positive(name, seed, exponent, c2):
    f, x, d = problem(name, seed)
    t, _, memory = search(f, x, d, 10**exponent, c2=c2)
    value, g = evaluate(f, x)
    new_value, new_g = evaluate(f, x + t * d)
    assert t > 0
    assert new_value <= value + 1e-4 * t * (g @ d).item()
    if not memory:
        assert abs(new_g @ d) <= c2 * abs(g @ d)
        assert (t * d) @ (new_g - g) > 0


def torchs_search(f, x, d, first, c2):
    """Return the step size and the trials of the search within torch.optim.LBFGS."""
    trials = []

    def asked(x, t, d):
        trials.append(float(t))
        return evaluate(f, x + t * d)

    value, g = evaluate(f, x)
    _, _, t, _ = _strong_wolfe(asked, x, first, d, value, g, g @ d, c2=c2)
    return float(t), trials


@settings(max_examples=60)
@given(st.sampled_from(SMOOTH), seeds, st.floats(-3, 1.5), slopes)
@example("rosenbrock", 125, 1.0, 0.01)  # a trial within the interval falls enough and is higher
@example("wells", 162, -2.0, 0.1)  # the far end falls enough and is higher than the near end
def test_the_trials_are_those_of_torch(name, seed, exponent, c2):
    """As long as values tell more than round-off; then torch goes on by chance."""
    f, x, d = problem(name, seed)
    ours, our_trials, _ = search(f, x, d, 10**exponent, c2=c2)
    theirs, their_trials = torchs_search(f, x, d, 10**exponent, c2)
    values = [evaluate(f, x + t * d)[0] for t in (0, *their_trials)]
    told_apart = len(their_trials)
    for k, value in enumerate(values[1:], start=1):
        if any(math.isclose(value, earlier, rel_tol=1e-13) for earlier in values[:k]):
            told_apart = k
            break
    assert our_trials[:told_apart] == pytest.approx(their_trials[:told_apart], rel=1e-6)
    if told_apart == len(their_trials):
        assert ours == pytest.approx(theirs, rel=1e-6)


def scipys_searches(f, x, d, c2):
    """Return success and evaluations of MINPACK's search and of scipy's own."""

    def value(x):
        return evaluate(f, torch.as_tensor(x))[0]

    def gradient(x):
        return evaluate(f, torch.as_tensor(x))[1].numpy()

    start = value, gradient, x.numpy(), d.numpy(), gradient(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t, _, gradients, *_ = line_search_wolfe1(*start, value(x), c2=c2, amax=1e100, amin=1e-100)
        own = line_search(*start, value(x), c2=c2)
    return t is not None, own[0] is not None and own[-1] is not None, gradients


def test_it_succeeds_where_scipys_searches_do_with_no_more_than_a_fifth_more_gradients():
    """scipy asks for values and gradients in pairs, too; those are counted once here."""
    ours = theirs = solved = 0
    for name in NAMES:
        for seed in range(8):
            for c2 in (0.9, 0.1):
                f, x, d = problem(name, seed)
                d = d * 10 ** (seed % 4 - 2)
                minpack, own, gradients = scipys_searches(f, x, d, c2)
                _, trials, memory = search(f, x, d, 1.0, c2=c2)
                assert not memory or not (minpack or own), (name, seed, c2)
                solved += not memory
                if minpack and not memory:
                    ours, theirs = ours + len(trials), theirs + gradients
    assert solved == len(NAMES) * 16
    assert ours <= 1.2 * theirs


@settings(max_examples=40)
@given(seeds, st.floats(0, 8), slopes)
def test_trials_never_go_beyond_one_that_is_not_finite(seed, exponent, c2):
    f, x, d = problem("barrier", seed)
    t, trials, memory = search(f, x, d, 10**exponent, c2=c2, max_trials=60)
    limit = math.inf
    for trial in trials:
        assert trial < limit
        if not math.isfinite(evaluate(f, x + trial * d)[0]):
            limit = trial
    assert not memory
    assert math.isfinite(evaluate(f, x + t * d)[0])


def test_where_torch_takes_nan_for_a_good_value():
    x, d = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    theirs, _ = torchs_search(barrier, x, d, 4.0, 0.9)
    ours, _, memory = search(barrier, x, d, 4.0)
    assert not math.isfinite(evaluate(barrier, x + theirs * d)[0])
    assert math.isfinite(evaluate(barrier, x + ours * d)[0])
    assert not memory


def test_like_torch_it_goes_on_from_a_second_trial_that_is_higher_and_falls():
    def f(x):  # -1 at 1, -1/2 at 10, flat from 20 on
        jump = torch.where(x < 2, 0.0, 9.5)
        return (jump - torch.clamp(x, max=20)).sum()

    x, d = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    theirs, their_trials = torchs_search(f, x, d, 1.0, 0.9)
    ours, our_trials, _ = search(f, x, d, 1.0)
    assert our_trials[:2] == [1.0, 10.0]
    assert our_trials[2] > 10
    assert our_trials == pytest.approx(their_trials)
    assert ours == pytest.approx(theirs)


def test_a_finite_value_without_a_slope_is_too_far():
    def f(x):  # beyond 1 the gradient is not a number, since that of the other branch is not
        return (-2 * x - torch.where(x < 1, torch.sqrt(1 - x), 0.0)).sum()

    value, slope = evaluate(f, torch.tensor([4.0], dtype=torch.float64))
    assert value == -8
    assert math.isnan(slope.item())
    t, trials, _ = search(f, [0.0], [1.0], 4.0)
    assert max(trials) == 4.0
    assert 0 < t <= 1


def test_a_finite_value_with_an_infinite_slope_is_too_far():
    def f(x):  # a finite value and no slope at 1 and beyond
        return (-2 * x - torch.sqrt(torch.clamp(1 - x, min=0))).sum()

    t, trials, _ = search(f, [0.0], [1.0], 1.0)
    assert trials[0] == 1.0
    assert 0 < t < 1


def test_where_torch_zooms_in_on_steps_that_are_too_high():
    """The far end is lower than the start and still does not fall enough."""
    x, d = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    theirs, _ = torchs_search(more_thuente_1, x, d, 1000.0, 0.9)
    ours, _, memory = search(more_thuente_1, x, d, 1000.0)
    enough = [evaluate(more_thuente_1, t * d)[0] <= -1e-4 * t / 2 for t in (theirs, ours)]
    assert enough == [False, True]
    assert not memory


@settings(max_examples=30)
@given(seeds, st.integers(-60, 60), st.integers(-60, 60))
def test_the_units_of_variables_and_values_make_no_difference(seed, a, b):
    f, x, d = problem("wells", seed)
    _, trials, _ = search(f, x, d, 1.0)
    _, scaled, _ = search(lambda x: 2.0**b * f(x / 2.0**a), x * 2.0**a, d * 2.0**a, 1.0)
    assert scaled == trials


def test_with_a_tolerance_it_gives_up_short_intervals():
    f, x, d = problem("wells", 3)
    _, trials, memory = search(f, x, d, 100.0)
    assert len(trials) > 2
    assert not memory
    with pytest.raises(NoStepError, match="no step that falls enough in 1 trials"):
        search(f, x, d, 100.0, tolerance=1e9)


def test_the_lowest_trial_is_taken_and_counted_where_none_meets_both():
    def f(x):
        return -x.sum()

    point, _ = point_at(f, [0.0])
    d, memory = torch.ones(1, dtype=torch.float64), {}
    for count in (1, 2):
        t = StrongWolfe(max_trials=3)(point, d, memory, first=1.0)
        assert t == 1000.0  # the longest of 1, 10, 100 and 1000
        assert memory == {"unfinished_searches": count}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_step_is_found_in_the_dtype_of_the_parameters(dtype):
    point, _ = point_at(rosenbrock, [-1.2, 1.0], dtype)
    d = -point.gradient
    t = StrongWolfe()(point, d, {}, first=1.0)
    assert point.move(t, d).x.dtype == dtype
    assert t == pytest.approx(search(rosenbrock, [-1.2, 1.0], d, 1.0)[0], rel=1e-3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"c2": 1.0}, ValueError, "c2 must be a finite number above 0 and below 1, got 1.0"),
        ({"c1": 0.5, "c2": 0.4}, ValueError, "c1 must be .* above 0 and below 0.4, got 0.5"),
        ({"c1": math.nan}, ValueError, "c1 must be"),
        ({"c1": "1e-4"}, TypeError, "c1 must be"),
        ({"max_trials": 0}, ValueError, "max_trials must be an integer of at least 1, got 0"),
        ({"max_trials": 2.5}, TypeError, "max_trials"),
        ({"first_trial": "last"}, ValueError, 'first_trial must be "lr" or "decrease", got .last'),
        ({"tolerance": -1.0}, ValueError, "tolerance must be a finite number of at least 0"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        StrongWolfe(**options)
