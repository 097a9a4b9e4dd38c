import re

import numpy as np
import ot
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from course_lib.design_choices.losses import histogram_wasserstein, wasserstein_1d
from tests.design_choices.drawn_tensors import (
    HALF,
    distributions,
    numbers,
    tensors,
    value_and_gradients,
)

inf, nan = float("inf"), float("nan")


@given(u=tensors(numbers, shapes=((1,), (4,))), v=tensors(numbers, shapes=((1,), (3,), (6,))))
def test_of_samples_is_scipys(u, v):
    expected = scipy.stats.wasserstein_distance(u.numpy(), v.numpy())
    assert wasserstein_1d(u, v).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(
    u=tensors(numbers, shapes=((4,),)),
    v=tensors(numbers, shapes=((3,),)),
    a=distributions((4,)),
    b=distributions((3,)),
)
def test_of_weighted_points_is_scipys_and_pots(u, v, a, b):
    ours = wasserstein_1d(u, v, a, b).item()
    arguments = [x.numpy() for x in (u, v, a, b)]
    expected = scipy.stats.wasserstein_distance(*arguments)
    assert ours == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert ours == pytest.approx(ot.emd2_1d(*arguments, metric="euclidean"), rel=1e-9, abs=1e-9)


def test_a_batch_is_a_distance_for_each_pair():
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(2, 3, 5, generator=generator, dtype=torch.float64)
    v = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    a = torch.softmax(torch.randn(2, 3, 5, generator=generator, dtype=torch.float64), -1)
    distances = wasserstein_1d(u, v, a)
    assert distances.shape == (2, 3)
    for i in np.ndindex(2, 3):
        torch.testing.assert_close(distances[i], wasserstein_1d(u[i], v[i], a[i]))


@given(u=tensors(numbers, shapes=((4,),)), v=tensors(numbers, shapes=((4,),)))
def test_it_is_a_metric_and_moves_with_a_shift(u, v):
    assert wasserstein_1d(u, u).item() == 0
    assert wasserstein_1d(u, u.flip(0)).item() == pytest.approx(0, abs=1e-9)
    torch.testing.assert_close(wasserstein_1d(u, v), wasserstein_1d(v, u))
    torch.testing.assert_close(
        wasserstein_1d(u, u + 3), torch.tensor(3.0).double(), rtol=1e-6, atol=1e-6
    )
    between = (u + v) / 2
    assert wasserstein_1d(u, v) <= wasserstein_1d(u, between) + wasserstein_1d(between, v) + 1e-6


def test_gradients_pass_gradcheck_and_are_pots():
    generator = torch.Generator().manual_seed(1)
    u = torch.randn(2, 5, generator=generator, dtype=torch.float64)
    v = torch.randn(2, 4, generator=generator, dtype=torch.float64) + 1
    a = torch.softmax(torch.randn(2, 5, generator=generator, dtype=torch.float64), -1)
    b = torch.softmax(torch.randn(2, 4, generator=generator, dtype=torch.float64), -1)
    leaves = [x.requires_grad_() for x in (u, v, a, b)]
    assert torch.autograd.gradcheck(wasserstein_1d, leaves)
    ours = value_and_gradients(wasserstein_1d, u, v, a, b)
    theirs = value_and_gradients(lambda *x: ot.wasserstein_1d(*(y.mT for y in x), p=1), u, v, a, b)
    for mine, pots in zip(ours[:3], theirs[:3], strict=True):
        torch.testing.assert_close(mine, pots)
    for mine, pots in zip(ours[3:], theirs[3:], strict=True):
        along_the_simplex = mine - mine.mean(-1, keepdim=True)
        torch.testing.assert_close(along_the_simplex, pots - pots.mean(-1, keepdim=True))


def test_its_slope_leads_to_the_target_even_if_the_supports_are_disjoint():
    v = torch.tensor([5.0, 6.0], dtype=torch.float64)
    value, slope, _ = value_and_gradients(wasserstein_1d, v - 5, v)
    assert value.item() == 5
    assert slope.tolist() == [-0.5, -0.5]


@settings(max_examples=50)
@given(
    p=distributions((2, 5)),
    q=distributions((2, 5)),
    x=tensors(st.floats(-1e4, 1e4), shapes=((5,),)),
)
def test_histograms_are_weighted_points(p, q, x):
    x = x.sort().values
    expected = wasserstein_1d(x.expand(2, 5), x.expand(2, 5), p, q)
    torch.testing.assert_close(histogram_wasserstein(p, q, x), expected, rtol=1e-9, atol=1e-9)
    scipys = scipy.stats.wasserstein_distance(x.numpy(), x.numpy(), p[0].numpy(), q[0].numpy())
    ours = histogram_wasserstein(p[0], q[0], x).item()
    assert ours == pytest.approx(scipys, rel=1e-9, abs=1e-9)


def test_gradients_of_histograms_pass_gradcheck():
    p = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(histogram_wasserstein, (p, q, x))


@pytest.mark.parametrize("dtype", [*HALF, torch.float32, torch.float64])
def test_each_dtype_is_kept(dtype):
    u, v = torch.tensor([0.0, 2.0, 3.5], dtype=dtype), torch.tensor([1.0, 4.0], dtype=dtype)
    ours = wasserstein_1d(u, v)
    assert ours.dtype == dtype
    expected = scipy.stats.wasserstein_distance(u.double().numpy(), v.double().numpy())
    assert ours.item() == pytest.approx(expected, rel=torch.finfo(dtype).eps)
    p = torch.tensor([0.5, 0.25, 0.25], dtype=dtype)
    ours = histogram_wasserstein(p, p.flip(0), u)
    assert ours.dtype == dtype
    assert ours.item() == pytest.approx(0.25 * 3.5, rel=torch.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", HALF)
def test_many_points_keep_their_mass_in_half_precision(dtype):
    u = torch.zeros(5000, dtype=dtype)
    assert wasserstein_1d(u, u + 1).item() == 1


X = torch.tensor([0.0, 1.0])


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            (X[:, None], X),
            ValueError,
            "v must have the leading dimensions (2,) of u, got shape (2,)",
        ),
        ((X, X.double()), TypeError, "v must have the dtype torch.float32 of u"),
        ((X, X.to("meta")), ValueError, "v must be on the device cpu of u, got meta"),
        (
            (X.long(), X),
            TypeError,
            "u must be a tensor of dtype float16, bfloat16, float32 or float64, got int64",
        ),
        (
            (X, [0.0, 1.0]),
            TypeError,
            "v must be a tensor of dtype float16, bfloat16, float32 or float64, got [0.0, 1.0]",
        ),
        ((X, X[:0]), ValueError, "v must not be empty, got shape (0,)"),
        ((X[0], X[0]), ValueError, "u must have a dimension of positions, got shape ()"),
        ((X + inf, X), ValueError, "u must be finite numbers"),
        ((X, X * nan), ValueError, "v must be finite numbers"),
        ((X, X, X[:1] + 1), ValueError, "u_weights must have the shape (2,) of u, got (1,)"),
        ((X, X, X, X + 0.5), ValueError, "v_weights must be probabilities from 0 to 1"),
        ((X, X, None, X / 2), ValueError, "v_weights must sum to 1 along dim 0"),
    ],
)
def test_what_are_no_masses_on_a_line_is_refused(arguments, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        wasserstein_1d(*arguments)


P = torch.tensor([0.5, 0.5])


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((P, P[:, None], X), ValueError, "q must have the shape (2,) of p, got (2, 1)"),
        ((P, P, X[:1]), ValueError, "positions must have the shape (2,) of one distribution"),
        ((P, P, X.flip(0)), ValueError, "positions must be in ascending order"),
        ((P, P, X * nan), ValueError, "positions must be finite numbers"),
        ((P, P, X.double()), TypeError, "positions must have the dtype torch.float32 of p"),
        ((P, P + 0.1, X), ValueError, "q must sum to 1 along dim 0"),
        ((P - 1, P, X), ValueError, "p must be probabilities"),
        ((P[0], P[0], X), ValueError, "p must have a dimension of outcomes, got shape ()"),
    ],
)
def test_what_are_no_histograms_is_refused(arguments, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        histogram_wasserstein(*arguments)


def test_validation_is_a_flag():
    with pytest.raises(TypeError, match="validate must be True or False"):
        wasserstein_1d(X, X, validate=1)
    with pytest.raises(TypeError, match="validate must be True or False"):
        histogram_wasserstein(P, P, X, validate=1)


def test_nothing_leaves_the_device_and_without_validation_nothing_is_read():
    with FakeTensorMode():
        u, p = torch.ones(4, 3, device="cuda"), torch.ones(4, 3, device="cuda")
        assert wasserstein_1d(u, u, p, validate=False).device.type == "cuda"
        x = torch.ones(3, device="cuda")
        assert histogram_wasserstein(p, p, x, validate=False).device.type == "cuda"
