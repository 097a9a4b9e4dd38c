import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from course_lib.design_choices import one_hot
from course_lib.design_choices.losses import (
    cross_entropy,
    mix_labels_with_uniform,
    smooth_labels,
    to_lecture_smoothing,
    to_torch_smoothing,
)

classes_and_labels = st.integers(2, 8).flatmap(
    lambda K: st.tuples(st.just(K), st.lists(st.integers(0, K - 1), min_size=1, max_size=5))
)


@given(drawn=classes_and_labels, share=st.floats(0, 0.999))
def test_the_lectures_targets_have_eps_everywhere_and_the_rest_at_the_label(drawn, share):
    K, labels = drawn
    eps = share / K
    y = smooth_labels(torch.tensor(labels), K, eps, dtype=torch.float64)
    for row, label in zip(y.tolist(), labels, strict=True):
        assert row[label] == pytest.approx(1 - (K - 1) * eps)
        assert [x for i, x in enumerate(row) if i != label] == [eps] * (K - 1)
    torch.testing.assert_close(y.sum(1), torch.ones(len(labels), dtype=torch.float64))
    assert torch.equal(y.argmax(1), torch.tensor(labels))


@given(drawn=classes_and_labels, label_smoothing=st.floats(0, 1))
def test_torchs_targets_are_those_of_its_cross_entropy(drawn, label_smoothing):
    K, labels = drawn
    targets = torch.tensor(labels)
    z = torch.linspace(-1, 2, len(labels) * K, dtype=torch.float64).reshape(len(labels), K)
    mixed = mix_labels_with_uniform(targets, K, label_smoothing, dtype=torch.float64)
    torch.testing.assert_close(
        cross_entropy(z, mixed), F.cross_entropy(z, targets, label_smoothing=label_smoothing)
    )


@given(drawn=classes_and_labels, share=st.floats(0, 0.999))
def test_the_two_agree_under_the_conversion(drawn, share):
    K, labels = drawn
    eps, targets = share / K, torch.tensor(labels)
    converted = to_torch_smoothing(eps, K)
    torch.testing.assert_close(
        smooth_labels(targets, K, eps, dtype=torch.float64),
        mix_labels_with_uniform(targets, K, converted, dtype=torch.float64),
    )
    assert converted == pytest.approx(K * eps)
    assert to_lecture_smoothing(converted, K) == pytest.approx(eps)


def test_at_no_smoothing_and_at_full_smoothing():
    labels = torch.tensor([2, 0])
    assert torch.equal(smooth_labels(labels, 3, 0.0), one_hot(labels, 3))
    assert torch.equal(mix_labels_with_uniform(labels, 3, 0.0), one_hot(labels, 3))
    torch.testing.assert_close(mix_labels_with_uniform(labels, 4, 1.0), torch.full((2, 4), 0.25))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_targets_have_the_dtype_asked_for_and_all_its_digits(dtype):
    for y in (
        smooth_labels(torch.tensor([1]), 3, 0.1, dtype=dtype),
        mix_labels_with_uniform(torch.tensor([1]), 3, 0.3, dtype=dtype),
    ):
        assert y.dtype == dtype
        error = (
            (y.double() - torch.tensor([[0.1, 0.8, 0.1]], dtype=torch.float64)).abs().max().item()
        )
        assert error <= torch.finfo(dtype).eps


@pytest.mark.parametrize(
    ("eps", "kind"),
    [(0.25, ValueError), (-0.01, ValueError), (float("nan"), ValueError), ("0", TypeError)],
)
def test_the_lectures_eps_stays_below_one_over_k(eps, kind):
    message = f"eps must be a finite number of at least 0 and below 0.25, got {eps!r}"
    for call in (
        lambda: smooth_labels(torch.tensor([0]), 4, eps),
        lambda: to_torch_smoothing(eps, 4),
    ):
        with pytest.raises(kind, match=re.escape(message)):
            call()


def test_torchs_eps_is_a_share_and_at_one_has_no_counterpart():
    with pytest.raises(ValueError, match=r"label_smoothing must be .* from 0 to 1, got 1\.5"):
        mix_labels_with_uniform(torch.tensor([0]), 4, 1.5)
    with pytest.raises(ValueError, match=r"label_smoothing must be .* below 1, got 1\.0"):
        to_lecture_smoothing(1.0, 4)


@pytest.mark.parametrize("function", [smooth_labels, mix_labels_with_uniform])
def test_labels_and_classes_are_checked(function):
    with pytest.raises(ValueError, match="labels must be from 0 to 2 for 3 classes, got 3"):
        function(torch.tensor([3]), 3, 0.1)
    with pytest.raises(TypeError, match="labels must be a tensor of integers"):
        function(torch.tensor([1.0]), 3, 0.1)
    with pytest.raises(ValueError, match="classes must be an integer of at least 2, got 1"):
        function(torch.tensor([0]), 1, 0.1)


@pytest.mark.parametrize("function", [to_torch_smoothing, to_lecture_smoothing])
def test_conversions_need_two_classes(function):
    with pytest.raises(ValueError, match="classes must be an integer of at least 2, got 1"):
        function(0.1, 1)


def test_nothing_leaves_the_device():
    with FakeTensorMode():
        labels = torch.ones(4, dtype=torch.int64, device="cuda")
        for function in (smooth_labels, mix_labels_with_uniform):
            assert function(labels, 3, 0.1, validate=False).device.type == "cuda"
