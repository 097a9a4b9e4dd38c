import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.training import MappedData, accuracy, mean_loss

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(11, 3, generator=GENERATOR)
Y = torch.randint(4, (11,), generator=GENERATOR)


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.9))


@pytest.mark.parametrize("chunk_size", [1, 4, 11, 100])
def test_results_do_not_depend_on_the_chunks(model, chunk_size):
    with torch.no_grad():
        outputs = nn.Sequential(*model).eval()(X)
    model.train()
    loss = mean_loss((X, Y), F.cross_entropy, chunk_size=chunk_size)(model)
    assert loss == pytest.approx(F.cross_entropy(outputs, Y).item(), rel=1e-5)
    share = accuracy((X, Y), chunk_size=chunk_size)(model)
    assert share == pytest.approx((outputs.argmax(1) == Y).float().mean().item())


def test_looking_changes_neither_mode_nor_buffers_nor_gradients(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    accuracy((X, Y))(model)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_modes_come_back_even_if_the_model_fails(model):
    with pytest.raises(RuntimeError):
        accuracy((X[:, :2], Y))(model)
    assert all(module.training for module in model.modules())


def test_mapped_data_can_be_evaluated(model, tmp_path):
    np.save(tmp_path / "x.npy", X.numpy())
    mapped = MappedData(tmp_path / "x.npy", Y)
    assert accuracy(mapped, chunk_size=4)(model) == accuracy((X, Y))(model)


@pytest.mark.parametrize("targets", [Y[:, None], F.one_hot(Y), Y.expand(11, 11)])
def test_accuracy_refuses_targets_that_would_broadcast(model, targets):
    with pytest.raises(ValueError, match=r"targets of shape \(m,\), got outputs \(11, 4\) and"):
        accuracy((X, targets))(model)


def test_accuracy_refuses_a_single_output():
    with pytest.raises(ValueError, match=r"classes at least 2.*got outputs \(11, 1\)"):
        accuracy((X, Y))(nn.Linear(3, 1))


@pytest.mark.parametrize("loss", [F.mse_loss, lambda outputs, y: (outputs - y).square().mean()])
def test_mean_loss_refuses_targets_that_would_broadcast(loss):
    with pytest.raises(ValueError, match=r"targets must have the shape of the outputs, got .*11,"):
        mean_loss((X, Y.float()), loss)(nn.Linear(3, 1))


def test_mean_loss_refuses_what_is_no_mean(model):
    with pytest.raises(ValueError, match=r"loss must return the mean .*got shape \(11,\)"):
        mean_loss((X, Y), nn.CrossEntropyLoss(reduction="none"))(model)
    with pytest.raises(TypeError, match="loss must return a tensor"):
        mean_loss((X, Y), lambda outputs, y: 1.0)(model)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="chunk_size must be an integer of at least 1, got 0"):
        accuracy((X, Y), chunk_size=0)
    with pytest.raises(TypeError, match="loss must be a function"):
        mean_loss((X, Y), 3)
