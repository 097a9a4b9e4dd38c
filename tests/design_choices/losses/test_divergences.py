import math
import re

import pytest
import scipy.special
import scipy.stats
import torch
import torch.nn.functional as F
from hypothesis import given
from torch._subclasses.fake_tensor import FakeTensorMode

from course_lib.design_choices import log_softmax
from course_lib.design_choices.losses import (
    cross_entropy_of_probabilities,
    entropy,
    kl_divergence,
)
from tests.design_choices.drawn_tensors import (
    HALF,
    assert_same,
    distributions,
    tensors,
    value_and_gradients,
)

inf, nan = float("inf"), float("nan")


@given(p=distributions((2, 4)))
def test_entropy_is_scipys(p):
    expected = torch.as_tensor(scipy.stats.entropy(p.numpy(), axis=-1))
    torch.testing.assert_close(entropy(p), expected)
    torch.testing.assert_close(entropy(p.mT, dim=0), expected)
    assert ((entropy(p) >= 0) & (entropy(p) <= math.log(4) + 1e-12)).all()


@given(p=distributions((2, 4), zeros=False))
def test_entropy_has_torchs_gradient_inside_the_simplex(p):
    assert_same(
        value_and_gradients(entropy, p),
        value_and_gradients(lambda x: torch.special.entr(x).sum(-1), p),
    )


def test_entropy_of_the_uniform_and_of_one_point():
    p = torch.tensor([[0.25] * 4, [0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    value, slope = value_and_gradients(entropy, p)
    torch.testing.assert_close(value, torch.tensor([math.log(4), 0.0]).double())
    assert slope[1].tolist() == [0.0, -1.0, 0.0, 0.0]


@given(y=distributions((2, 4)), p=distributions((2, 4)))
def test_kl_is_scipys_infinite_values_included(y, p):
    expected = torch.as_tensor(scipy.special.rel_entr(y.numpy(), p.numpy()).sum(-1))
    torch.testing.assert_close(kl_divergence(y, p, reduction="none"), expected)
    torch.testing.assert_close(kl_divergence(y.mT, p.mT, dim=0, reduction="none"), expected)


@given(y=distributions((3, 4), zeros=False), z=tensors(shapes=((3, 4),)))
def test_kl_of_log_probabilities_is_torchs_batchmean(y, z):
    assert_same(
        value_and_gradients(lambda a, b: kl_divergence(a, log_softmax(b), log_outputs=True), y, z),
        value_and_gradients(
            lambda a, b: F.kl_div(torch.log_softmax(b, -1), a, reduction="batchmean"), y, z
        ),
    )


@given(y=distributions((3, 4), zeros=False), p=distributions((3, 4), zeros=False))
def test_kl_is_cross_entropy_minus_entropy_and_both_forms_agree(y, p):
    kl = kl_divergence(y, p, reduction="none")
    crossed = cross_entropy_of_probabilities(p, y, reduction="none")
    torch.testing.assert_close(kl, crossed - entropy(y), atol=1e-12, rtol=1e-9)
    from_logs = kl_divergence(y, p.log(), log_outputs=True, reduction="none")
    torch.testing.assert_close(from_logs, kl)
    assert (kl >= -1e-12).all()


@given(y=distributions((2, 4)))
def test_kl_of_a_distribution_from_itself_is_zero(y):
    assert (kl_divergence(y, y, reduction="none") == 0).all()


def test_the_targets_come_first():
    y = torch.tensor([1.0, 0.0], dtype=torch.float64)
    p = torch.tensor([0.5, 0.5], dtype=torch.float64)
    assert kl_divergence(y, p).item() == pytest.approx(math.log(2))
    assert kl_divergence(p, y).item() == inf


def test_an_outcome_of_target_zero_counts_nothing():
    y = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    p = torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64)
    value, slope, by_target = value_and_gradients(lambda a, b: kl_divergence(b, a), p, y)
    assert value.item() == pytest.approx(math.log(2))
    assert slope.tolist() == [0.0, 0.0, -2.0]
    assert by_target[:2].tolist() == [0.0, 0.0]
    logs = torch.tensor([-inf, math.log(0.5), math.log(0.5)], dtype=torch.float64)
    value, slope = value_and_gradients(lambda x: kl_divergence(y, x, log_outputs=True), logs)
    assert value.item() == pytest.approx(math.log(2))
    assert slope.tolist() == [0.0, 0.0, -1.0]


def test_reductions_count_distributions_not_entries():
    y, p = torch.tensor([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([[0.9, 0.1], [0.5, 0.5]])
    each = kl_divergence(y, p, reduction="none")
    assert each.shape == (2,)
    torch.testing.assert_close(kl_divergence(y, p), each.mean())
    torch.testing.assert_close(kl_divergence(y, p, reduction="batchmean"), each.mean())
    torch.testing.assert_close(kl_divergence(y, p, reduction="sum"), each.sum())


def test_gradients_and_second_derivatives_pass_gradcheck():
    p = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[0.1, 0.8, 0.1], [0.3, 0.3, 0.4]], dtype=torch.float64, requires_grad=True)
    for function, leaves in (
        (entropy, (p,)),
        (kl_divergence, (y, p)),
        (lambda a, z: kl_divergence(a, log_softmax(z), log_outputs=True), (y, p)),
    ):
        assert torch.autograd.gradcheck(function, leaves)
        assert torch.autograd.gradgradcheck(function, leaves)


@pytest.mark.parametrize("dtype", [*HALF, torch.float32])
def test_each_dtype_is_kept(dtype):
    generator = torch.Generator().manual_seed(0)
    y, p = torch.softmax(torch.randn(2, 5, 20, generator=generator), -1).to(dtype)
    close = {"rel": 4 * torch.finfo(dtype).eps, "abs": 4 * torch.finfo(dtype).eps}
    assert entropy(y).dtype == kl_divergence(y, p).dtype == dtype
    expected = -(y.double() * y.double().log()).sum(-1)
    assert entropy(y).tolist() == pytest.approx(expected.tolist(), **close)
    expected = (y.double() * (y.double() / p.double()).log()).sum(-1).mean()
    assert kl_divergence(y, p).item() == pytest.approx(expected.item(), **close)


P = torch.tensor([0.5, 0.5])


@pytest.mark.parametrize(
    ("targets", "outputs", "options", "kind", "message"),
    [
        (torch.tensor([0.5, 0.6]), P, {}, ValueError, "targets must sum to 1 along dim 0"),
        (torch.tensor([1.5, -0.5]), P, {}, ValueError, "targets must be probabilities from 0 to 1"),
        (torch.tensor([nan, 1.0]), P, {}, ValueError, "targets must be probabilities"),
        (P, torch.tensor([0.5, 0.6]), {}, ValueError, "outputs must sum to 1 along dim 0"),
        (P, P.log(), {}, ValueError, "outputs must be probabilities from 0 to 1, got values from"),
        (P, P, {"log_outputs": True}, ValueError, "outputs must be log-probabilities, at most 0"),
        (P, -P, {"log_outputs": True}, ValueError, "the exponentials of outputs must sum to 1"),
        (P, P, {"log_outputs": 1}, TypeError, "log_outputs must be True or False, got 1"),
        (P, P, {"validate": None}, TypeError, "validate must be True or False, got None"),
        (P, P, {"dim": 1}, ValueError, "dim must be an integer from -1 to 0, got 1"),
        (P, P, {"reduction": "mode"}, ValueError, "reduction must be one of"),
        (P, P[:, None], {}, ValueError, "outputs must have the shape (2,) of targets, got (2, 1)"),
        (P, P.double(), {}, TypeError, "outputs must have the dtype torch.float32 of targets"),
        (P.long(), P, {}, TypeError, "targets must be a tensor of dtype float16"),
    ],
)
def test_what_is_no_distribution_is_refused(targets, outputs, options, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        kl_divergence(targets, outputs, **options)


def test_nan_outputs_give_a_nan_divergence():
    bad = torch.tensor([nan, nan])
    assert kl_divergence(P, bad).isnan()
    assert kl_divergence(P, bad, log_outputs=True).isnan()


def test_entropy_is_of_distributions():
    with pytest.raises(ValueError, match="p must sum to 1 along dim 0"):
        entropy(torch.tensor([0.5, 0.6]))
    with pytest.raises(TypeError, match="p must be a tensor of dtype float16"):
        entropy(torch.tensor([1, 0]))
    with pytest.raises(ValueError, match="a tensor without dimensions"):
        entropy(torch.tensor(1.0))
    assert entropy(torch.tensor([0.5, 0.6]), validate=False) > 0


def test_nothing_leaves_the_device():
    with FakeTensorMode():
        p = torch.ones(4, 3, device="cuda")
        assert entropy(p, validate=False).device.type == "cuda"
        for logs in (False, True):
            kl = kl_divergence(p, p, log_outputs=logs, validate=False)
            assert kl.device.type == "cuda"


@pytest.mark.parametrize("dtype", HALF)
def test_logarithms_in_half_precision_are_taken(dtype):
    z = torch.arange(40.0).reshape(2, 20).sin().to(dtype)
    p = torch.softmax(z.double(), -1).to(dtype)
    divergence = kl_divergence(p, log_softmax(z), log_outputs=True)
    assert divergence.item() == pytest.approx(0, abs=0.02)
