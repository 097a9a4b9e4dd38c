import math
import re

import pytest
import scipy.special
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from course_lib.design_choices.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
)
from tests.design_choices.drawn_tensors import (
    DTYPES,
    HALF,
    assert_same,
    half_tolerance,
    numbers,
    pairs,
    probabilities,
    value_and_gradients,
)

BOTH = [binary_cross_entropy, binary_cross_entropy_with_logits]
inf, nan = float("inf"), float("nan")
inside = st.floats(1e-9, 1 - 1e-9)
REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@settings(max_examples=40)
@given(pair=pairs(inside, st.floats(0, 1)))
def test_of_probabilities_is_torchs_where_torch_does_not_clamp(reduction, pair):
    assert_same(
        value_and_gradients(lambda a, b: binary_cross_entropy(a, b, reduction=reduction), *pair),
        value_and_gradients(lambda a, b: F.binary_cross_entropy(a, b, reduction=reduction), *pair),
    )


@given(pair=pairs(probabilities, probabilities))
def test_of_probabilities_is_the_formula_everywhere(pair):
    p, y = (x.numpy() for x in pair)
    expected = -(scipy.special.xlogy(y, p) + scipy.special.xlog1py(1 - y, -p))
    torch.testing.assert_close(
        binary_cross_entropy(*pair, reduction="none"), torch.as_tensor(expected)
    )


def test_of_probabilities_at_zero_and_one():
    p = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    y = torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    value, slope, _ = value_and_gradients(
        lambda a, b: binary_cross_entropy(a, b, reduction="none"), p, y
    )
    assert value.tolist() == [0.0, 0.0, inf, inf]
    assert slope.tolist() == [1.0, -1.0, -inf, inf]
    # Torch cuts its logarithms off; the difference is documented.
    assert F.binary_cross_entropy(p, y, reduction="none").tolist() == [0.0, 0.0, 100.0, 100.0]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@settings(max_examples=40)
@given(pair=pairs(numbers, st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0]))))
def test_of_logits_is_torchs(reduction, pair):
    def ours(a, b):
        return binary_cross_entropy_with_logits(a, b, reduction=reduction)

    def theirs(a, b):
        return F.binary_cross_entropy_with_logits(a, b, reduction=reduction)

    assert_same(value_and_gradients(ours, *pair), value_and_gradients(theirs, *pair))


@given(pair=pairs(st.floats(-15, 15), st.floats(0, 1)))
def test_of_logits_is_that_of_their_probabilities(pair):
    z, y = pair
    torch.testing.assert_close(
        binary_cross_entropy_with_logits(z, y), binary_cross_entropy(torch.sigmoid(z), y)
    )


@given(pair=pairs(numbers, st.floats(0, 1)))
def test_the_derivative_in_the_logit_is_probability_minus_target(pair):
    z, y = pair
    _, slope, _ = value_and_gradients(
        lambda a, b: binary_cross_entropy_with_logits(a, b, reduction="sum"), z, y
    )
    torch.testing.assert_close(slope, torch.as_tensor(scipy.special.expit(z.numpy())) - y)


def test_a_confidently_wrong_logit_costs_what_it_is():
    z, y = torch.tensor([-200.0, -1e4, 1e4]), torch.tensor([1.0, 1.0, 0.0])
    assert binary_cross_entropy_with_logits(z, y, reduction="none").tolist() == [200, 1e4, 1e4]
    right = binary_cross_entropy_with_logits(-z.double(), y.double(), reduction="none")
    assert right[0].item() == pytest.approx(math.exp(-200))


def test_gradients_and_second_derivatives_pass_gradcheck():
    z = torch.tensor([0.0, 1.5, -2.0], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0.4, 0.9, 0.1], dtype=torch.float64, requires_grad=True)
    p = torch.tensor([0.5, 0.2, 0.7], dtype=torch.float64, requires_grad=True)
    for function, outputs in ((binary_cross_entropy_with_logits, z), (binary_cross_entropy, p)):
        assert torch.autograd.gradcheck(function, (outputs, y))
        assert torch.autograd.gradgradcheck(function, (outputs, y))


def test_the_curvature_at_logit_zero_is_a_quarter():
    y = torch.tensor([1.0, 0.0], dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(
        lambda z: binary_cross_entropy_with_logits(z, y, reduction="sum"), torch.zeros_like(y)
    )
    torch.testing.assert_close(hessian, torch.eye(2, dtype=torch.float64) / 4)


def of_logits(z, y):
    """The mean, by scipy; more exact for tiny losses than torch, which subtracts."""
    above, below = (torch.as_tensor(scipy.special.log_expit(x.numpy())) for x in (z, -z))
    return -(y * above + (1 - y) * below).mean()


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=20)
@given(pair=pairs(st.floats(-60, 60), st.floats(0, 1)))
def test_each_dtype_is_kept_and_rounded_once(dtype, pair):
    z, y = (x.to(dtype) for x in pair)
    p = torch.sigmoid(z).clamp(1e-3, 0.99).to(dtype)
    tolerance = half_tolerance(dtype) if dtype in HALF else {"rtol": 1e-5, "atol": 1e-7}
    for ours, theirs, outputs in (
        (binary_cross_entropy_with_logits, of_logits, z),
        (binary_cross_entropy, F.binary_cross_entropy, p),
    ):
        result = ours(outputs, y)
        assert result.dtype == dtype
        expected = theirs(outputs.double(), y.double()).to(dtype)
        torch.testing.assert_close(result, expected, **tolerance)


@pytest.mark.parametrize(
    ("outputs", "targets", "message"),
    [
        ([0.5, 1.5], [0.0, 1.0], "outputs must be probabilities from 0 to 1, got values from 0.5"),
        (
            [-0.1, 0.5],
            [0.0, 1.0],
            "outputs must be probabilities from 0 to 1, got values from -0.1",
        ),
        ([0.5, inf], [0.0, 1.0], "outputs must be probabilities from 0 to 1"),
        ([0.5, 0.5], [-1.0, 1.0], "targets must be probabilities from 0 to 1, got values from -1"),
        (
            [0.5, 0.5],
            [0.0, 2.0],
            "targets must be probabilities from 0 to 1, got values from 0 to 2",
        ),
        ([0.5, 0.5], [0.0, nan], "targets must be probabilities from 0 to 1, got NaN"),
    ],
)
def test_what_is_no_probability_is_refused(outputs, targets, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        binary_cross_entropy(torch.tensor(outputs), torch.tensor(targets))
    if outputs == [0.5, 0.5]:
        with pytest.raises(ValueError, match=re.escape(message)):
            binary_cross_entropy_with_logits(torch.tensor(outputs), torch.tensor(targets))


@pytest.mark.parametrize("loss", BOTH)
def test_nan_outputs_give_a_nan_loss_for_the_training_loop_to_find(loss):
    assert loss(torch.tensor([nan, 0.5]), torch.tensor([1.0, 1.0])).isnan()


@pytest.mark.parametrize("loss", BOTH)
@pytest.mark.parametrize(
    ("outputs", "targets", "kind", "message"),
    [
        (torch.ones(3, 1), torch.ones(3), ValueError, "the shape (3, 1) of outputs, got (3,)"),
        (torch.ones(3), torch.ones(3).long(), TypeError, "got int64"),
        (torch.ones(3), torch.ones(3).half(), TypeError, "the dtype torch.float32 of outputs"),
        (
            torch.ones(3).long(),
            torch.ones(3),
            TypeError,
            "outputs must be a tensor of dtype float16",
        ),
        (
            torch.ones(3),
            torch.ones(3, device="meta"),
            ValueError,
            "device cpu of outputs, got meta",
        ),
        (torch.ones(0), torch.ones(0), ValueError, "outputs must not be empty"),
    ],
)
def test_what_would_broadcast_or_is_of_another_kind_is_refused(
    loss, outputs, targets, kind, message
):
    with pytest.raises(kind, match=re.escape(message)):
        loss(outputs, targets)


@pytest.mark.parametrize("loss", BOTH)
def test_options_are_checked(loss):
    with pytest.raises(TypeError, match="validate must be True or False, got 'no'"):
        loss(torch.ones(2), torch.ones(2), validate="no")
    with pytest.raises(ValueError, match="reduction must be one of"):
        loss(torch.ones(2), torch.ones(2), reduction="avg")


@pytest.mark.parametrize("loss", BOTH)
def test_nothing_leaves_the_device_and_without_validation_nothing_is_read(loss):
    with FakeTensorMode():
        outputs, targets = torch.ones(4, 1, device="cuda"), torch.ones(4, 1, device="cuda")
        assert loss(outputs, targets, validate=False).device.type == "cuda"
