import math
import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from course_lib.design_choices import softmax
from course_lib.design_choices.losses import (
    cross_entropy,
    cross_entropy_of_probabilities,
    entropy,
    mix_labels_with_uniform,
)
from tests.design_choices.drawn_tensors import (
    DTYPES,
    HALF,
    assert_same,
    distributions,
    half_tolerance,
    numbers,
    tensors,
    value_and_gradients,
)

BOTH = [cross_entropy, cross_entropy_of_probabilities]
REDUCTIONS = ["mean", "sum", "none"]
inf, nan = float("inf"), float("nan")


@st.composite
def logits_and_labels(draw, elements=numbers):
    logits = draw(tensors(elements, shapes=((4,), (3, 4), (2, 4, 3))))
    shape = (*logits.shape[:1], *logits.shape[2:]) if logits.dim() > 1 else ()
    size = math.prod(shape)
    labels = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    return logits, torch.tensor(labels).reshape(shape)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@settings(max_examples=50)
@given(drawn=logits_and_labels(), smoothing=st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)))
def test_of_labels_is_torchs(reduction, drawn, smoothing):
    logits, labels = drawn
    options = {"reduction": reduction, "label_smoothing": smoothing}
    assert_same(
        value_and_gradients(lambda z: cross_entropy(z, labels, **options), logits),
        value_and_gradients(lambda z: F.cross_entropy(z, labels, **options), logits),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@settings(max_examples=50)
@given(
    z=tensors(shapes=((3, 4),)), y=distributions((3, 4)), smoothing=st.sampled_from([0.0, 0.1, 1.0])
)
def test_of_soft_targets_is_torchs(reduction, z, y, smoothing):
    options = {"reduction": reduction, "label_smoothing": smoothing}
    assert_same(
        value_and_gradients(lambda a, b: cross_entropy(a, b, **options), z, y),
        value_and_gradients(lambda a, b: F.cross_entropy(a, b, **options), z, y),
    )


def test_soft_targets_have_their_classes_where_the_logits_have():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    y = torch.softmax(torch.randn(2, 4, 3, generator=generator, dtype=torch.float64), 1)
    torch.testing.assert_close(cross_entropy(z, y), F.cross_entropy(z, y))
    assert cross_entropy(z, y, reduction="none").shape == (2, 3)
    torch.testing.assert_close(
        cross_entropy(z[0, :, 0], y[0, :, 0]), cross_entropy(z, y, reduction="none")[0, 0]
    )
    by_sample = cross_entropy(z, y, reduction="none").sum(1).mean()
    torch.testing.assert_close(cross_entropy(z, y, reduction="batchmean"), by_sample)


@given(drawn=logits_and_labels(st.floats(-100, 100)))
def test_of_probabilities_is_that_of_their_logits(drawn):
    logits, labels = drawn
    dim = min(1, logits.dim() - 1)
    assert_same(
        value_and_gradients(
            lambda z: cross_entropy_of_probabilities(softmax(z, dim), labels), logits
        ),
        value_and_gradients(lambda z: F.cross_entropy(z, labels), logits),
    )


@given(p=distributions((3, 4), zeros=False), y=distributions((3, 4)))
def test_of_probabilities_is_torchs_negative_log_likelihood(p, y):
    labels = y.argmax(1)
    assert_same(
        value_and_gradients(lambda x: cross_entropy_of_probabilities(x, labels), p),
        value_and_gradients(lambda x: F.nll_loss(x.log(), labels), p),
    )
    assert_same(
        value_and_gradients(cross_entropy_of_probabilities, p, y),
        value_and_gradients(lambda a, b: -(b * a.log()).sum(1).mean(), p, y),
    )


@given(y=distributions((3, 4)), other=distributions((3, 4)))
def test_it_is_smallest_where_outputs_equal_targets_and_there_the_entropy(y, other):
    minimum = cross_entropy_of_probabilities(y, y, reduction="none")
    torch.testing.assert_close(minimum, entropy(y))
    assert (cross_entropy_of_probabilities(other, y, reduction="none") >= minimum - 1e-12).all()


@given(z=tensors(shapes=((3, 4),)), y=distributions((3, 4)))
def test_the_derivative_in_the_logits_is_probability_minus_target(z, y):
    _, slope = value_and_gradients(lambda x: cross_entropy(x, y, reduction="sum"), z)
    torch.testing.assert_close(slope, torch.softmax(z, 1) - y, atol=1e-12, rtol=1e-12)


def test_zero_probability_of_the_true_class_costs_everything_of_the_others_nothing():
    p = torch.tensor([[0.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    for targets in (torch.tensor([0, 1]), torch.eye(2, dtype=torch.float64)):
        value, slope = value_and_gradients(
            lambda x, y=targets: cross_entropy_of_probabilities(x, y, reduction="none"), p
        )
        assert value.tolist() == [inf, 0.0]
        assert slope.tolist() == [[-inf, 0.0], [0.0, -1.0]]


def test_classes_ruled_out_count_nothing_unless_they_are_true():
    z = torch.tensor([[0.0, -inf, 0.0]], dtype=torch.float64)
    for target in (torch.tensor([0]), torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)):
        value, slope = value_and_gradients(lambda x, y=target: cross_entropy(x, y), z)
        assert value.item() == pytest.approx(math.log(2))
        torch.testing.assert_close(slope, torch.tensor([[-0.5, 0.0, 0.5]]).double())
    assert cross_entropy(z, torch.tensor([1])).item() == inf
    assert cross_entropy(z, torch.tensor([0]), label_smoothing=0.1).item() == inf


@pytest.mark.parametrize("row", [[nan, 0.0], [inf, 0.0], [-inf, -inf]])
def test_logits_without_a_softmax_give_a_nan_loss_for_the_training_loop_to_find(row):
    assert cross_entropy(torch.tensor([row]), torch.tensor([0])).isnan()


def test_nan_probabilities_give_a_nan_loss():
    p = torch.tensor([[nan, nan]])
    assert cross_entropy_of_probabilities(p, torch.tensor([0])).isnan()
    assert cross_entropy_of_probabilities(p, torch.tensor([[0.5, 0.5]])).isnan()


def test_softmax_twice_cannot_fall_below_its_floor():
    classes = 10
    perfect = 1e4 * torch.eye(classes, dtype=torch.float64)
    twice = cross_entropy(softmax(perfect), torch.arange(classes))
    assert twice.item() == pytest.approx(math.log(1 + (classes - 1) / math.e))


def test_gradients_and_second_derivatives_pass_gradcheck():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    y, labels = torch.softmax(z.flip(0), 1), torch.tensor([0, 3, 1])
    p = torch.softmax(z.flip(1), 1)
    for function, outputs in ((cross_entropy, z), (cross_entropy_of_probabilities, p)):
        leaves = (outputs.clone().requires_grad_(), y.clone().requires_grad_())
        assert torch.autograd.gradcheck(function, leaves)
        assert torch.autograd.gradgradcheck(function, leaves)
        assert torch.autograd.gradcheck(lambda x, f=function: f(x, labels), leaves[:1])
    smoothed = z.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: cross_entropy(x, labels, label_smoothing=0.3), smoothed
    )


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=25)
@given(drawn=logits_and_labels(st.floats(-100, 100)))
def test_each_dtype_is_kept_and_rounded_once(dtype, drawn):
    logits, labels = drawn[0].to(dtype), drawn[1]
    tolerance = half_tolerance(dtype) if dtype in HALF else {"rtol": 1e-5, "atol": 1e-6}
    if dtype in HALF:
        # The loss is computed in single precision: z_k less a sum that may cancel all but rounding.
        rounding = torch.finfo(torch.float32).eps * float(logits.abs().max())
        tolerance["atol"] = max(tolerance["atol"], rounding)
    result = cross_entropy(logits, labels)
    assert result.dtype == dtype
    expected = F.cross_entropy(logits.double(), labels).to(dtype)
    torch.testing.assert_close(result, expected, **tolerance)


@pytest.mark.parametrize("dtype", HALF)
def test_distributions_rounded_to_half_precision_are_accepted(dtype):
    generator = torch.Generator().manual_seed(0)
    y = torch.softmax(3 * torch.randn(50, 100, generator=generator), 1).to(dtype)
    loss = cross_entropy_of_probabilities(y, y)
    assert loss.dtype == dtype
    expected = -(y.double() * y.double().log()).nansum(1).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=0.01)


@pytest.mark.parametrize("kind", [torch.int32, torch.uint8])
def test_labels_may_be_any_integers(kind):
    z, labels = torch.eye(3), torch.tensor([0, 2, 1])
    assert torch.equal(cross_entropy(z, labels.to(kind)), cross_entropy(z, labels))


@pytest.mark.parametrize("loss", BOTH)
@pytest.mark.parametrize(
    ("targets", "kind", "message"),
    [
        (torch.tensor([0, 3]), ValueError, "targets must be from 0 to 2 for 3 classes, got 3"),
        (torch.tensor([-1, 0]), ValueError, "targets must be from 0 to 2 for 3 classes, got -1"),
        (
            torch.tensor([0.0, 1.0]),
            ValueError,
            "targets must be integer labels of shape (2,) or distributions of shape (2, 3), "
            "got torch.float32 of shape (2,)",
        ),
        (torch.tensor([[0], [1]]), ValueError, "got torch.int64 of shape (2, 1)"),
        (torch.tensor([0, 1, 2]), ValueError, "got torch.int64 of shape (3,)"),
        (torch.tensor(0), ValueError, "got torch.int64 of shape ()"),
        (torch.eye(3)[:2].long(), ValueError, "got torch.int64 of shape (2, 3)"),
        (torch.eye(3), ValueError, "got torch.float32 of shape (3, 3)"),
        (torch.eye(3)[:2].double(), TypeError, "targets must have the dtype torch.float32"),
        (torch.tensor([True, False]), TypeError, "got dtype torch.bool"),
        ([0, 1], TypeError, "targets must be integer labels of shape (2,) or"),
        (torch.full((2, 3), 0.5), ValueError, "targets must sum to 1 along dim 1, within 1e-05"),
        (torch.tensor([[1.5, -0.5, 0.0]] * 2), ValueError, "targets must be probabilities from 0"),
        (torch.tensor([[nan, 0.5, 0.5]] * 2), ValueError, "from 0 to 1, got NaN"),
        (torch.tensor([0, 1], device="meta"), ValueError, "targets must be on the device cpu"),
    ],
)
def test_targets_that_are_no_labels_and_no_distributions_are_refused(loss, targets, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        loss(torch.full((2, 3), 1 / 3), targets)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([[2.0, -1.0]], "outputs must be probabilities from 0 to 1, got values from -1 to 2"),
        ([[0.5, 0.6]], "outputs must sum to 1 along dim 1, within 1e-05, got a sum of 1.1"),
        ([[0.0, 0.0]], "outputs must sum to 1 along dim 1, within 1e-05, got a sum of 0"),
    ],
)
def test_logits_are_not_taken_for_probabilities(outputs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        cross_entropy_of_probabilities(torch.tensor(outputs), torch.tensor([0]))


@pytest.mark.parametrize("loss", BOTH)
def test_outputs_and_options_are_checked(loss):
    p, labels = torch.full((2, 2), 0.5), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="outputs must have a dimension of classes"):
        loss(torch.tensor(1.0), torch.tensor(0))
    with pytest.raises(ValueError, match="outputs must not be empty"):
        loss(torch.ones(0, 3), torch.ones(0).long())
    with pytest.raises(TypeError, match="outputs must be a tensor of dtype float16"):
        loss(p.long(), labels)
    with pytest.raises(TypeError, match="validate must be True or False, got 0"):
        loss(p, labels, validate=0)
    with pytest.raises(ValueError, match="reduction must be one of"):
        loss(p, labels, reduction="average")


@pytest.mark.parametrize(
    ("value", "kind"), [(-0.1, ValueError), (1.1, ValueError), (nan, ValueError), ("0", TypeError)]
)
def test_label_smoothing_is_a_share(value, kind):
    message = f"label_smoothing must be a finite number from 0 to 1, got {value!r}"
    with pytest.raises(kind, match=re.escape(message)):
        cross_entropy(torch.zeros(1, 2), torch.tensor([0]), label_smoothing=value)


def test_label_smoothing_is_the_mixture_with_the_uniform_distribution():
    z, labels = torch.randn(3, 5, generator=torch.Generator().manual_seed(2)), torch.arange(3)
    torch.testing.assert_close(
        cross_entropy(z, labels, label_smoothing=0.2),
        cross_entropy(z, mix_labels_with_uniform(labels, 5, 0.2)),
    )


@pytest.mark.parametrize("loss", BOTH)
def test_nothing_leaves_the_device_and_without_validation_nothing_is_read(loss):
    with FakeTensorMode():
        outputs = torch.ones(4, 3, device="cuda")
        labels = torch.ones(4, dtype=torch.int64, device="cuda")
        for targets in (labels, torch.ones(4, 3, device="cuda")):
            assert loss(outputs, targets, validate=False).device.type == "cuda"
