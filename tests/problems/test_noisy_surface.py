"""A surface seen with noise: right on average, with the covariance that was asked for."""

import copy
import math
import pickle

import pytest
import torch

from course_lib.problems import NoisySurface, bounded_saddle, noisy_saddle, saddle
from course_lib.training import minimize

POINTS = 40_000


def at(u, v, dtype=torch.float64):
    return torch.tensor([u, v], dtype=dtype).expand(POINTS, 2)


@pytest.mark.parametrize("variances", [(1.0, 0.01), (0.0, 4.0)])
def test_the_noise_has_mean_zero_and_the_variances_asked_for(variances):
    x = at(0.3, -0.4)
    b = noisy_saddle(variances=variances).gradient(x) - bounded_saddle().gradient(x)
    for component, variance in zip(b.T, variances, strict=True):
        error = 5 * math.sqrt(variance / POINTS)  # five standard errors
        assert abs(component.mean().item()) <= error
        assert component.var().item() == pytest.approx(variance, rel=5 * math.sqrt(2 / POINTS))
    correlation = (b[:, 0] * b[:, 1]).mean().item()
    assert abs(correlation) <= 5 * math.sqrt(variances[0] * variances[1] / POINTS)


def test_the_gradient_of_the_noisy_value_is_the_noisy_gradient():
    x = at(0.3, -0.4)[:10].clone().requires_grad_()
    (by_autograd,) = torch.autograd.grad(noisy_saddle(seed=5).value(x).sum(), x)
    torch.testing.assert_close(by_autograd, noisy_saddle(seed=5).gradient(x.detach()))


def test_each_question_has_noise_of_its_own():
    noisy, x = noisy_saddle(), at(0.0, 0.0)[:3]
    first, second = noisy.gradient(x), noisy.gradient(x)
    assert len({value.item() for value in torch.cat([first, second]).flatten()}) == 12


def test_the_noise_is_a_function_of_the_seed():
    x = at(0.0, 0.0)[:3]
    assert torch.equal(noisy_saddle(seed=1).gradient(x), noisy_saddle(seed=1).gradient(x))
    assert not torch.equal(noisy_saddle(seed=1).gradient(x), noisy_saddle(seed=2).gradient(x))
    state = torch.random.get_rng_state()
    noisy_saddle().value(x)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_dtype_and_device_are_those_of_the_point(dtype):
    noisy = noisy_saddle()
    x = torch.zeros(2, dtype=dtype)
    assert noisy.value(x).dtype == noisy.gradient(x).dtype == dtype
    meta = torch.zeros(5, 2, dtype=dtype, device="meta")
    assert noisy.value(meta).device == noisy.gradient(meta).device == meta.device


def test_without_noise_it_is_the_surface():
    noisy, x = NoisySurface(saddle(), (0, 0)), at(0.3, -0.4)[:5]
    assert torch.equal(noisy.value(x), saddle().value(x))
    assert torch.equal(noisy.gradient(x), saddle().gradient(x))


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda noisy: pickle.loads(pickle.dumps(noisy))]
)
def test_a_copy_goes_on_with_the_same_noise(duplicate):
    noisy, x = noisy_saddle(), at(0.0, 0.0)[:3]
    noisy.gradient(x)
    twin = duplicate(noisy)
    assert torch.equal(noisy.gradient(x), twin.gradient(x))


def test_noise_drives_a_walk_off_the_saddle_where_it_would_stay_without():
    def walk(variances):
        noisy = noisy_saddle(variances=variances)
        return minimize(
            noisy.value,
            torch.zeros(2, dtype=torch.float64),
            lambda params: torch.optim.SGD(params, lr=0.01),
            steps=20,
        )

    assert not walk((0, 0)).x.any()
    assert (walk((1, 0.01)).x[1:] != 0).all()


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: NoisySurface("saddle", (1, 1)), TypeError, "surface must be a Surface, got 's"),
        (lambda: noisy_saddle(variances=1.0), TypeError, "variances must be a pair .*got 1.0"),
        (lambda: noisy_saddle(variances=(1, -1)), ValueError, "variances must be .*got -1"),
        (lambda: noisy_saddle(escape=0), ValueError, "escape must be .*above 0, got 0"),
        (lambda: noisy_saddle(seed=-1), ValueError, "seed must be .*got -1"),
    ],
)
def test_wrong_arguments_are_named(make, kind, message):
    with pytest.raises(kind, match=message):
        make()
