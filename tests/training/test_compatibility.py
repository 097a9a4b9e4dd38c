from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.design_choices import (
    CrossEntropyLoss,
    cross_entropy,
    cross_entropy_of_probabilities,
    softmax,
)
from course_lib.training import MappedData, as_data
from course_lib.training.compatibility import check_compatible

X = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 3, 2, 1, 0])
FOUR = nn.Linear(3, 4)
ONE = nn.Linear(3, 1)

CROSS_ENTROPIES = [
    F.cross_entropy,
    nn.CrossEntropyLoss(label_smoothing=0.1),
    partial(F.cross_entropy, label_smoothing=0.1),
    lambda outputs, y: F.nll_loss(F.log_softmax(outputs, dim=1), y),
    lambda outputs, y: F.cross_entropy(input=outputs, target=y),
]
LOOK_UPS = [
    cross_entropy,
    CrossEntropyLoss(label_smoothing=0.1),
    lambda outputs, y: cross_entropy_of_probabilities(softmax(outputs), y),
    lambda outputs, y: -torch.gather(input=outputs, dim=1, index=y[:, None]).mean(),
]
REGRESSIONS = [
    F.mse_loss,
    nn.L1Loss(),
    nn.HuberLoss(),
    F.binary_cross_entropy_with_logits,
    lambda outputs, y: (outputs - y).square().mean(),
    lambda outputs, y: torch.mean(torch.abs(torch.sub(y, outputs))),
]


@pytest.mark.parametrize("loss", CROSS_ENTROPIES + LOOK_UPS)
def test_good_labels_pass_and_labels_out_of_range_do_not(loss):
    check_compatible(FOUR, loss, as_data((X, CLASSES)))
    for wrong in (4, -1):
        y = CLASSES.clone()
        y[5] = wrong  # not among the samples that are passed through
        with pytest.raises(ValueError, match=f"from 0 to 3, since the model has 4 .*{wrong}"):
            check_compatible(FOUR, loss, as_data((X, y)))


@pytest.mark.parametrize("loss", CROSS_ENTROPIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bool])
def test_labels_of_another_type_are_refused(loss, dtype):
    with pytest.raises(TypeError, match=r"must be int64, got .*y.long\(\)"):
        check_compatible(FOUR, loss, as_data((X, CLASSES.to(dtype))))


def test_labels_in_files_are_looked_through_as_well(tmp_path):
    labels = CLASSES.numpy().astype(np.uint8)
    labels[4] = 200
    np.save(tmp_path / "y.npy", labels)
    with pytest.raises(ValueError, match="labels from 0 to 200"):
        check_compatible(FOUR, F.cross_entropy, MappedData(X.numpy(), tmp_path / "y.npy"))


def test_ignored_labels_and_probabilities_pass():
    ignored = CLASSES.clone()
    ignored[2] = -100
    check_compatible(FOUR, F.cross_entropy, as_data((X, ignored)))
    ignored[2] = 9
    check_compatible(FOUR, nn.CrossEntropyLoss(ignore_index=9), as_data((X, ignored)))
    ignored[3] = 7
    with pytest.raises(ValueError, match="from 0 to 3"):
        check_compatible(FOUR, nn.CrossEntropyLoss(ignore_index=9), as_data((X, ignored)))
    check_compatible(FOUR, F.cross_entropy, as_data((X, torch.full((6, 4), 0.25))))


def test_labels_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"must have shape \(2,\) .* got \(2, 1\)"):
        check_compatible(FOUR, F.cross_entropy, as_data((X, CLASSES[:, None])))


@pytest.mark.parametrize("loss", REGRESSIONS)
def test_a_target_that_would_broadcast_is_refused(loss):
    good = torch.linspace(0, 1, 6)[:, None]
    check_compatible(ONE, loss, as_data((X, good)))
    with pytest.raises(ValueError, match=r"targets \(2,\) against outputs \(2, 1\).*y\[:, None\]"):
        check_compatible(ONE, loss, as_data((X, good[:, 0])))
    flat = nn.Sequential(ONE, nn.Flatten(0))
    with pytest.raises(ValueError, match=r"targets \(2, 1\) against outputs \(2,\)"):
        check_compatible(flat, loss, as_data((X, good)))


def test_a_loss_that_brings_shapes_together_itself_passes():
    y = torch.linspace(0, 1, 6)
    check_compatible(ONE, lambda outputs, y: F.mse_loss(outputs[:, 0], y), as_data((X, y)))
    check_compatible(ONE, lambda outputs, y: (outputs[:, 0] - y).abs().mean(), as_data((X, y)))


@pytest.mark.parametrize(
    ("loss", "kind", "message"),
    [
        (nn.MSELoss(reduction="none"), ValueError, r"shape \(\), got shape \(2, 1\)"),
        (lambda outputs, y: 1.0, TypeError, "loss must return a tensor"),
        (lambda outputs, y: F.mse_loss(outputs.detach(), y), ValueError, "must depend on a param"),
    ],
)
def test_a_loss_that_is_no_loss_is_refused(loss, kind, message):
    with pytest.raises(kind, match=message):
        check_compatible(ONE, loss, as_data((X, torch.ones(6, 1))))


def test_looking_leaves_no_trace():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    check_compatible(model, F.cross_entropy, as_data((X, CLASSES)))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
