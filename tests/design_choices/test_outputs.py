import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from course_lib.design_choices import (
    Identity,
    LogSoftmax,
    Softmax,
    identity,
    log_sigmoid,
    log_softmax,
    one_hot,
    softmax,
)
from tests.design_choices.drawn_tensors import (
    DTYPES,
    HALF,
    assert_same,
    half_tolerance,
    numbers,
    tensors,
    value_and_gradients,
)

inf, nan = float("inf"), float("nan")
ALONG_CLASSES = [(softmax, torch.softmax), (log_softmax, torch.log_softmax)]
logits = st.one_of(numbers, st.sampled_from([1.7e308, -1.7e308]))


@pytest.mark.parametrize(("ours", "theirs"), ALONG_CLASSES)
@given(z=tensors(numbers), dim=st.sampled_from([0, -1]))
def test_value_and_gradient_are_torchs(ours, theirs, z, dim):
    weights = torch.arange(z.numel(), dtype=torch.float64).reshape(z.shape).cos()
    assert_same(
        value_and_gradients(lambda x: weights * ours(x, dim), z),
        value_and_gradients(lambda x: weights * theirs(x, dim), z),
    )


@given(z=tensors(logits))
def test_softmax_and_its_logarithm_are_scipys(z):
    p, log_p = softmax(z), log_softmax(z)
    with np.errstate(over="ignore"):
        theirs = [f(z.numpy(), -1) for f in (scipy.special.softmax, scipy.special.log_softmax)]
    torch.testing.assert_close(p, torch.as_tensor(theirs[0]))
    torch.testing.assert_close(log_p, torch.as_tensor(theirs[1]))
    assert (p >= 0).all()
    torch.testing.assert_close(p.sum(-1), torch.ones_like(p.sum(-1)))


@pytest.mark.parametrize(("ours", "theirs"), ALONG_CLASSES)
@pytest.mark.parametrize("dim", [0, 1, 2, -3])
def test_classes_may_lie_along_any_dimension(ours, theirs, dim):
    z = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(ours(z, dim), theirs(z, dim))


@pytest.mark.parametrize(("ours", "theirs"), ALONG_CLASSES)
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=20)
@given(z=tensors(st.floats(-6e4, 6e4)))
def test_each_dtype_is_kept_and_rounded_once(ours, theirs, dtype, z):
    z = z.to(dtype)
    result = ours(z)
    assert result.dtype == dtype
    tolerance = half_tolerance(dtype) if dtype in HALF else {"rtol": 1e-5, "atol": 1e-7}
    torch.testing.assert_close(result, theirs(z.double(), -1).to(dtype), **tolerance)


@pytest.mark.parametrize("dtype", HALF)
def test_many_classes_do_not_overflow_half_precision(dtype):
    p = softmax(torch.zeros(2**17, dtype=dtype))
    torch.testing.assert_close(p.double(), torch.full_like(p, 2.0**-17, dtype=torch.float64))


@given(z=tensors(st.floats(-50, 50)), shift=st.floats(-1e4, 1e4))
def test_a_common_shift_changes_nothing(z, shift):
    torch.testing.assert_close(softmax(z + shift), softmax(z), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_gradients_and_second_derivatives_pass_gradcheck(function):
    z = torch.randn(2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z[1] = 0.0  # ties at the maximum
    z.requires_grad_()
    assert torch.autograd.gradcheck(function, z)
    assert torch.autograd.gradgradcheck(function, z)


def test_the_jacobian_of_softmax_is_diag_p_minus_pp():
    z = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)
    p = softmax(z)
    jacobian = torch.autograd.functional.jacobian(softmax, z)
    torch.testing.assert_close(jacobian, torch.diag(p) - torch.outer(p, p))
    torch.testing.assert_close(jacobian @ torch.ones(3).double(), torch.zeros(3).double())


def test_a_class_ruled_out_has_probability_and_gradient_zero():
    z = torch.tensor([[1.0, -inf, 2.0], [-inf, -inf, 5.0]], dtype=torch.float64)
    value, gradient = value_and_gradients(lambda x: softmax(x) ** 2, z)
    assert (value[z == -inf] == 0).all()
    assert (gradient[z == -inf] == 0).all()
    torch.testing.assert_close(value[1], torch.tensor([0.0, 0.0, 1.0]).double())
    torch.testing.assert_close(softmax(z[0, [0, 2]]), softmax(z)[0, [0, 2]])
    kept = z != -inf
    value, gradient = value_and_gradients(lambda x: log_softmax(x).masked_select(kept), z)
    assert value.isfinite().all()
    assert gradient.isfinite().all()
    assert (log_softmax(z)[~kept] == -inf).all()


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([-inf, -inf], "z must leave one class possible in each slice along dim 1, got all -inf"),
        ([nan, 0.0], "z must be numbers or -inf, got NaN"),
        ([nan, inf], "z must be numbers or -inf, got NaN"),
        ([inf, 0.0], "z must be finite or -inf, got inf"),
    ],
)
def test_slices_without_a_softmax_are_refused_or_become_nan(function, row, message):
    z = torch.tensor([[0.0, 1.0], row])
    with pytest.raises(ValueError, match=message):
        function(z)
    unchecked = function(z, validate=False)
    assert unchecked[1].isnan().any()
    torch.testing.assert_close(unchecked[0], function(z[0]))


@given(z=tensors(logits))
def test_log_sigmoid_is_that_of_torch_and_scipy(z):
    assert_same(value_and_gradients(log_sigmoid, z), value_and_gradients(F.logsigmoid, z))
    expected = torch.as_tensor(scipy.special.log_expit(z.numpy()))
    torch.testing.assert_close(log_sigmoid(z), expected, rtol=1e-13, atol=0)


def test_log_sigmoid_at_zero_and_infinity():
    z = torch.tensor([0.0, -0.0, 3.0, inf, -inf], dtype=torch.float64)
    value, gradient = value_and_gradients(log_sigmoid, z)
    expected = torch.tensor([0.5, 0.5, 1 / (1 + torch.e**3), 0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(gradient, expected)
    assert value[3] == 0
    assert value[4] == -inf
    assert log_sigmoid(torch.tensor(nan)).isnan()
    inside = z[:3].clone().requires_grad_()
    assert torch.autograd.gradcheck(log_sigmoid, inside)
    assert torch.autograd.gradgradcheck(log_sigmoid, inside)


@pytest.mark.parametrize("dtype", HALF)
def test_log_sigmoid_in_half_precision_is_rounded_once(dtype):
    z = torch.linspace(-80, 80, 321).to(dtype)
    expected = F.logsigmoid(z.double()).to(dtype)
    torch.testing.assert_close(log_sigmoid(z), expected, **half_tolerance(dtype))


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=6),
    kind=st.sampled_from([torch.int64, torch.int32, torch.uint8]),
)
def test_one_hot_is_torchs(labels, kind):
    y = torch.tensor(labels)
    hot = one_hot(y.to(kind), 5)
    assert hot.dtype == torch.get_default_dtype()
    assert torch.equal(hot, F.one_hot(y, 5).float())
    assert torch.equal(hot.argmax(-1), y)


def test_one_hot_keeps_shape_and_takes_a_dtype():
    hot = one_hot(torch.tensor([[0, 2], [1, 1]]), 3, dtype=torch.float64)
    assert hot.shape == (2, 2, 3)
    assert hot.dtype == torch.float64
    assert one_hot(torch.tensor(1), 2).tolist() == [0.0, 1.0]
    assert one_hot(torch.tensor([0, 3]), 3, validate=False).tolist() == [[1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("labels", "change", "kind", "message"),
    [
        ([0, 3], {}, ValueError, "labels must be from 0 to 2 for 3 classes, got 3"),
        ([-1], {}, ValueError, "labels must be from 0 to 2 for 3 classes, got -1"),
        ([0.0], {}, TypeError, "labels must be a tensor of integers, got dtype torch.float32"),
        ([True], {}, TypeError, "labels must be a tensor of integers, got dtype torch.bool"),
        ([], {}, TypeError, "labels must be"),
        ([0], {"classes": 0}, ValueError, "classes must be an integer of at least 1, got 0"),
        ([0], {"classes": 2.0}, TypeError, "classes must be"),
        ([0], {"dtype": torch.int64}, ValueError, "dtype must be a floating-point type"),
        ([0], {"validate": 1}, TypeError, "validate must be True or False, got 1"),
    ],
)
def test_what_one_hot_refuses(labels, change, kind, message):
    with pytest.raises(kind, match=message):
        one_hot(torch.tensor(labels), **{"classes": 3, **change})


def test_labels_are_a_tensor_and_not_empty():
    with pytest.raises(TypeError, match=r"labels must be a tensor of integers, got \[0, 1\]"):
        one_hot([0, 1], 2)
    with pytest.raises(ValueError, match=r"labels must not be empty, got shape \(0,\)"):
        one_hot(torch.tensor([], dtype=torch.int64), 2)


@pytest.mark.parametrize("function", [identity, softmax, log_softmax, log_sigmoid])
@pytest.mark.parametrize(
    ("z", "kind", "message"),
    [
        (
            "1",
            TypeError,
            "z must be a tensor of dtype float16, bfloat16, float32 or float64, got '1'",
        ),
        ([1.0], TypeError, "z must be a tensor of dtype float16"),
        (
            torch.tensor([1]),
            TypeError,
            "z must be a tensor of dtype float16, bfloat16, float32 or float64, got int64",
        ),
        (torch.tensor([True]), TypeError, "got bool"),
        (torch.ones(2, dtype=torch.complex64), TypeError, "got complex64"),
        (torch.ones(2, 0), ValueError, r"z must not be empty, got shape \(2, 0\)"),
    ],
)
def test_outputs_of_another_kind_are_refused(function, z, kind, message):
    with pytest.raises(kind, match=message):
        function(z)


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_the_dimension_of_the_classes_exists(function):
    for dim in (2, -3):
        message = f"dim must be an integer from -2 to 1, got {dim}"
        with pytest.raises(ValueError, match=message):
            function(torch.zeros(2, 3), dim)
    for dim in (True, 1.0, None):
        with pytest.raises(TypeError, match="dim must be an integer"):
            function(torch.zeros(2, 3), dim)
    with pytest.raises(ValueError, match="a tensor without dimensions has no dim -1"):
        function(torch.tensor(1.0))


def test_identity_returns_its_argument():
    z = torch.tensor([inf, -0.0, nan])
    assert identity(z) is z


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (Identity(), identity),
        (Softmax(0), lambda z: softmax(z, 0)),
        (LogSoftmax(dim=0), lambda z: log_softmax(z, 0)),
        (Softmax(validate=False), softmax),
    ],
)
def test_modules_are_their_functions(module, function):
    z = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert torch.equal(module(z), function(z))
    assert list(module.parameters()) == []


@pytest.mark.parametrize("kind", [Softmax, LogSoftmax])
def test_modules_refuse_wrong_arguments_when_made(kind):
    with pytest.raises(TypeError, match=r"dim must be an integer, got 1\.5"):
        kind(1.5)
    with pytest.raises(TypeError, match="validate must be True or False, got None"):
        kind(validate=None)
    assert "dim=1" in repr(kind(1))


def test_nothing_leaves_the_device():
    with FakeTensorMode():
        z = torch.ones(4, 3, device="cuda")
        labels = torch.ones(4, dtype=torch.int64, device="cuda")
        results = [
            identity(z),
            softmax(z, validate=False),
            log_softmax(z, 0, validate=False),
            log_sigmoid(z),
            one_hot(labels, 3, validate=False),
        ]
        assert [r.device.type for r in results] == ["cuda"] * 5
        assert [tuple(r.shape) for r in results] == [(4, 3)] * 5


def test_without_validation_it_can_be_mapped_over_samples():
    z = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    mapped = torch.func.vmap(lambda row: softmax(row, validate=False))(z)
    torch.testing.assert_close(mapped, softmax(z))
