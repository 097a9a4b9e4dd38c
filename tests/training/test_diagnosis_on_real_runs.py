"""Reading loss curves of real runs that the rules were not tuned on."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from course_lib.records import load_record
from course_lib.training import CASES, diagnose

SERIES = ("losses", "steps", "validation", "validation_steps", "learning_rates")


@pytest.fixture(scope="module")
def record():
    return load_record("loss_curves")["results"]


def series_of(curve):
    return {name: np.array(curve[name].split(), dtype=float) for name in SERIES if name in curve}


def test_nine_of_ten_curves_are_named_rightly(record):
    curves = [curve for task in record["judging"] for curve in task["curves"]]
    right = sum(diagnose(**series_of(curve)).case == curve["label"] for curve in curves)
    assert len(curves) >= 200
    assert right / len(curves) >= 0.9


def test_there_are_enough_curves_of_each_case(record):
    curves = [curve for task in record["judging"] for curve in task["curves"]]
    labels = collections.Counter(curve["label"] for curve in curves)
    assert labels.keys() <= CASES.keys()
    assert all(labels[case] >= 15 for case in CASES if case != "diverged")


def test_judging_and_development_share_no_task_and_no_seed(record):
    both = [
        (
            {task["task"] for task in record[name]},
            {curve["seed"] for task in record[name] for curve in task["curves"]},
        )
        for name in ("development", "judging")
    ]
    assert not both[0][0] & both[1][0]
    assert not both[0][1] & both[1][1]


def test_the_unit_of_the_loss_does_not_matter(record):
    for task in record["judging"]:
        for curve in task["curves"][::3]:
            series = series_of(curve)
            changed = {**series, "losses": 1e3 * series["losses"]}
            assert diagnose(**changed).case == diagnose(**series).case


def test_half_as_many_points_seldom_change_the_answer(record):
    same = []
    for task in record["judging"]:
        for curve in task["curves"]:
            series = series_of(curve)
            # Windows of two points, but the first points alone: they are single steps.
            ends = np.insert(series["steps"], 0, 0.0)
            kept = np.unique(np.r_[0, 1, np.arange(3, len(ends), 2), len(ends) - 1])
            sums = np.insert(np.cumsum(series["losses"] * np.diff(ends)), 0, 0.0)
            thin = {
                **series,
                "steps": ends[kept[1:]],
                "losses": np.diff(sums[kept]) / np.diff(ends[kept]),
            }
            if "learning_rates" in series:
                thin["learning_rates"] = series["learning_rates"][kept[1:] - 1]
            same.append(diagnose(**thin).case == diagnose(**series).case)
    assert np.mean(same) >= 0.95
