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


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="chunk_size must be an integer of at least 1, got 0"):
        accuracy((X, Y), chunk_size=0)
    with pytest.raises(TypeError, match="loss must be a function"):
        mean_loss((X, Y), 3)
