"""What is asked along a line, at what cost, and how round-off is told from a fall."""

import math

import pytest
import torch

from course_lib.methods.step_sizes import Line, Trial
from tests.methods.step_sizes.lines import point_at, wells


def line_of(f, x, d, dtype=torch.float64):
    point, closure = point_at(f, x, dtype)
    return Line(point, torch.tensor(d, dtype=dtype)), closure


def test_armijo_costs_a_value_and_a_trial_a_gradient():
    line, closure = line_of(wells, [1.0, 2.0], [-0.1, -1.0])
    assert dict(closure.touched) == {"gradient": 1, "value": 0}
    line.armijo(0.1, 1e-4)
    assert dict(closure.touched) == {"gradient": 1, "value": 1}
    trial = line.at(0.2)
    line.armijo(0.2, 1e-4)
    line.flat(trial, 0.9)
    assert dict(closure.touched) == {"gradient": 2, "value": 1}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("constant", [1.0, -1e4, 1e8])
def test_slopes_decide_where_values_are_round_off(dtype, constant):
    """On a quadratic both conditions say t <= 2(1 - c), whatever the unresolved values say."""
    size = math.sqrt(abs(constant) * torch.finfo(dtype).eps)
    line, _ = line_of(lambda x: constant + (0.5 * x * x).sum(), [size], [-size], dtype)
    for c in (0.1, 0.4, 0.6, 0.9):
        bound = 2 * (1 - c)
        assert line.armijo(0.99 * bound, c)
        assert not line.armijo(1.01 * bound, c)


def test_values_decide_where_they_can():
    line, _ = line_of(lambda x: 1e8 + (0.5 * x * x).sum(), [100.0], [-100.0])
    assert line.armijo(1.0, 0.4)
    assert not line.armijo(1.5, 0.4)


def test_higher_means_by_more_than_round_off():
    line, _ = line_of(wells, [1.0, 2.0], [-0.1, -1.0])
    assert line.higher(Trial(1.0, 1.0 + 1e-14, 0.0), Trial(2.0, 1.0, 0.0))
    assert not line.higher(Trial(1.0, 1.0 + 1e-15, 0.0), Trial(2.0, 1.0, 0.0))
    assert not line.higher(Trial(1.0, 0.9, 0.0), Trial(2.0, 1.0, 0.0))
    assert line.higher(Trial(1.0, math.inf, math.inf), Trial(2.0, 1.0, 0.0))
    assert line.higher(Trial(1.0, 1e-300, 0.0), Trial(2.0, 0.0, 0.0))


def test_the_slope_counts_on_both_sides():
    line, _ = line_of(lambda x: (0.5 * x * x).sum(), [1.0], [-1.0])
    for t, flat in ((0.4, False), (0.6, True), (1.4, True), (1.6, False)):
        assert line.flat(line.at(t), 0.5) == flat


def test_length_is_the_largest_change_of_a_variable():
    line, _ = line_of(wells, [1.0, 2.0], [-0.1, -3.0])
    assert line.length(line.at(0.5), line.at(0.25)) == 0.75
