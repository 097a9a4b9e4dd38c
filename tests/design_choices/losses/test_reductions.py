import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from course_lib.design_choices.losses import reduce

VALUES = torch.arange(24, dtype=torch.float64).reshape(4, 3, 2).square()


def test_each_reduction_is_what_its_name_says():
    assert reduce(VALUES, "none") is VALUES
    assert reduce(VALUES, "sum").item() == VALUES.numpy().sum()
    assert reduce(VALUES, "mean").item() == pytest.approx(VALUES.numpy().mean())
    per_sample = VALUES.numpy().reshape(4, -1).sum(axis=1)
    assert reduce(VALUES, "batchmean").item() == pytest.approx(per_sample.mean())


def test_for_one_loss_a_sample_both_means_agree():
    torch.testing.assert_close(reduce(VALUES[:, 0, 0], "batchmean"), VALUES[:, 0, 0].mean())


@pytest.mark.parametrize(
    ("value", "kind"),
    [("average", ValueError), ("", ValueError), (None, TypeError), (1, TypeError)],
)
def test_no_such_reduction(value, kind):
    message = f"reduction must be one of 'mean', 'batchmean', 'sum', 'none', got {value!r}"
    with pytest.raises(kind, match=message):
        reduce(VALUES, value)


def test_a_single_number_has_no_samples():
    for reduction in ("mean", "sum", "none"):
        assert reduce(torch.tensor(2.0), reduction).item() == 2
    with pytest.raises(ValueError, match="reduction 'batchmean' needs a dimension of samples"):
        reduce(torch.tensor(2.0), "batchmean")


def test_nothing_leaves_the_device():
    with FakeTensorMode():
        values = torch.ones(4, 3, device="cuda")
        for reduction in ("mean", "batchmean", "sum", "none"):
            assert reduce(values, reduction).device.type == "cuda"
