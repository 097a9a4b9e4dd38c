import re

import pytest
import scipy.special
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from course_lib.design_choices.losses import huber_loss, l1_loss, mse_loss
from tests.design_choices.drawn_tensors import (
    DTYPES,
    HALF,
    assert_same,
    half_tolerance,
    pairs,
    value_and_gradients,
)

LOSSES = [(mse_loss, F.mse_loss), (l1_loss, F.l1_loss), (huber_loss, F.huber_loss)]
OURS = [ours for ours, _ in LOSSES]
inf, nan = float("inf"), float("nan")


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("ours", "theirs"), LOSSES)
@settings(max_examples=40)
@given(pair=pairs())
def test_value_and_gradients_are_torchs(ours, theirs, reduction, pair):
    assert_same(
        value_and_gradients(lambda a, b: ours(a, b, reduction=reduction), *pair),
        value_and_gradients(lambda a, b: theirs(a, b, reduction=reduction), *pair),
    )


@given(pair=pairs(), delta=st.floats(1e-3, 1e5))
def test_huber_with_any_delta_is_that_of_torch_and_scipy(pair, delta):
    outputs, targets = pair
    assert_same(
        value_and_gradients(lambda a, b: huber_loss(a, b, delta=delta), *pair),
        value_and_gradients(lambda a, b: F.huber_loss(a, b, delta=delta), *pair),
    )
    expected = torch.as_tensor(scipy.special.huber(delta, (outputs - targets).numpy()))
    torch.testing.assert_close(huber_loss(*pair, delta=delta, reduction="none"), expected)


@given(pair=pairs(shapes=((3,), (2, 3))))
def test_batchmean_is_the_lectures_norm(pair):
    outputs, targets = pair
    rows = (outputs - targets).reshape(len(outputs), -1)
    norms = torch.linalg.vector_norm(rows, dim=1)
    torch.testing.assert_close(mse_loss(*pair, reduction="batchmean"), norms.square().mean())
    norms = torch.linalg.vector_norm(rows, ord=1, dim=1)
    torch.testing.assert_close(l1_loss(*pair, reduction="batchmean"), norms.mean())


def test_mean_and_batchmean_differ_by_the_number_of_outputs():
    generator = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(2, 6, 5, generator=generator)
    ratio = mse_loss(outputs, targets, reduction="batchmean") / mse_loss(outputs, targets)
    assert ratio.item() == pytest.approx(5)


@pytest.mark.parametrize("ours", OURS)
def test_gradients_and_second_derivatives_pass_gradcheck(ours):
    outputs = torch.tensor([[0.3, -2.5], [4.0, -0.2]], dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([[0.1, 1.0], [0.5, 0.6]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ours, (outputs, targets))
    assert torch.autograd.gradgradcheck(ours, (outputs, targets))


def test_a_perfect_fit_has_the_curvature_of_the_square():
    targets = torch.tensor([1.0, -2.0], dtype=torch.float64)
    for ours, curvature in ((mse_loss, 2.0), (huber_loss, 1.0)):
        hessian = torch.autograd.functional.hessian(
            lambda x, ours=ours: ours(x, targets, reduction="sum"), targets
        )
        torch.testing.assert_close(hessian, curvature * torch.eye(2, dtype=torch.float64))


def test_huber_meets_smoothly_where_its_pieces_meet():
    outputs = torch.tensor([2.0, -2.0], dtype=torch.float64)
    value, slope, _ = value_and_gradients(
        lambda a, b: huber_loss(a, b, delta=2.0, reduction="none"),
        outputs,
        torch.zeros_like(outputs),
    )
    assert value.tolist() == [2.0, 2.0]
    assert slope.tolist() == [2.0, -2.0]


@pytest.mark.parametrize(("ours", "theirs"), LOSSES)
@pytest.mark.parametrize("difference", [inf, -inf, nan])
def test_outputs_that_are_not_finite_give_what_torch_gives(ours, theirs, difference):
    outputs = torch.tensor([difference, 1.0], dtype=torch.float64)
    targets = torch.zeros(2, dtype=torch.float64)
    assert_same(
        value_and_gradients(ours, outputs, targets), value_and_gradients(theirs, outputs, targets)
    )
    assert not ours(outputs, targets).isfinite()


@pytest.mark.parametrize(("ours", "theirs"), LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=20)
@given(pair=pairs(st.floats(-100, 100), st.floats(-100, 100)))
def test_each_dtype_is_kept_and_rounded_once(ours, theirs, dtype, pair):
    outputs, targets = (x.to(dtype) for x in pair)
    result = ours(outputs, targets)
    assert result.dtype == dtype
    tolerance = half_tolerance(dtype) if dtype in HALF else {"rtol": 1e-5, "atol": 1e-7}
    expected = theirs(outputs.double(), targets.double()).to(dtype)
    torch.testing.assert_close(result, expected, **tolerance)


@pytest.mark.parametrize("dtype", HALF)
def test_squares_too_large_for_half_precision_are_averaged_before_they_are_rounded(dtype):
    outputs = torch.zeros(100, dtype=dtype)
    outputs[0] = 300.0
    torch.testing.assert_close(
        mse_loss(outputs, torch.zeros_like(outputs)), torch.tensor(900.0, dtype=dtype)
    )


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize(
    ("outputs", "targets", "kind", "message"),
    [
        (torch.ones(3, 1), torch.ones(3), ValueError, "targets must have the shape (3, 1) of outp"),
        (torch.ones(3), torch.ones(3, 1), ValueError, "the shape (3,) of outputs, got (3, 1)"),
        (torch.ones(3), torch.tensor(1.0), ValueError, "the shape (3,) of outputs, got ()"),
        (torch.ones(3), torch.ones(3).double(), TypeError, "the dtype torch.float32 of outputs"),
        (
            torch.ones(3),
            torch.ones(3).long(),
            TypeError,
            "targets must be a tensor of dtype float16",
        ),
        (
            torch.ones(3).long(),
            torch.ones(3),
            TypeError,
            "outputs must be a tensor of dtype float16",
        ),
        (torch.ones(3) > 0, torch.ones(3), TypeError, "got bool"),
        (torch.ones(3), [1.0, 1.0, 1.0], TypeError, "targets must be a tensor of dtype float16"),
        (
            "1",
            torch.ones(3),
            TypeError,
            "outputs must be a tensor of dtype float16, bfloat16, float32 or float64, got '1'",
        ),
        (torch.ones(0), torch.ones(0), ValueError, "outputs must not be empty, got shape (0,)"),
        (
            torch.ones(3),
            torch.ones(3, device="meta"),
            ValueError,
            "targets must be on the device cpu of outputs, got meta",
        ),
    ],
)
def test_what_would_broadcast_or_is_of_another_kind_is_refused(
    ours, outputs, targets, kind, message
):
    with pytest.raises(kind, match=re.escape(message)):
        ours(outputs, targets)


@pytest.mark.parametrize(
    ("delta", "kind"),
    [(0.0, ValueError), (-1, ValueError), (inf, ValueError), (nan, ValueError), ("1", TypeError)],
)
def test_delta_is_positive(delta, kind):
    message = f"delta must be a finite number above 0, got {delta!r}"
    with pytest.raises(kind, match=re.escape(message)):
        huber_loss(torch.ones(2), torch.ones(2), delta=delta)


@pytest.mark.parametrize("ours", OURS)
def test_a_wrong_reduction_is_named(ours):
    with pytest.raises(ValueError, match=r"reduction must be one of .* got 'average'"):
        ours(torch.ones(2), torch.ones(2), reduction="average")


@pytest.mark.parametrize("ours", OURS)
def test_nothing_leaves_the_device(ours):
    with FakeTensorMode():
        outputs, targets = torch.ones(4, 3, device="cuda"), torch.ones(4, 3, device="cuda")
        assert ours(outputs, targets).device.type == "cuda"
