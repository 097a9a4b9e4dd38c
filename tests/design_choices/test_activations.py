import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import course_lib.design_choices as dc
from course_lib.design_choices import ACTIVATIONS
from tests.design_choices.exact import HAS_A_KINK, SMOOTH, exact, units_in_the_last_place

OURS = [name for name, activation in ACTIVATIONS.items() if activation.in_lecture]
TORCH = {
    "sign": torch.sign,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "absolute": torch.abs,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
}
EXTREMES = [0.0, -0.0, 1e4, -1e4, 5e-324, -5e-324, 1e-310, 1e308, -1e308, 1.0, -1.0, 20.0, -20.0]
SCALES = st.one_of(
    st.floats(-30, 30), st.floats(-1e4, 1e4), st.floats(allow_nan=False), st.sampled_from(EXTREMES)
)


def points(elements=SCALES, most=12):
    lists = st.lists(elements, min_size=1, max_size=most)
    return lists.map(lambda values: torch.tensor(values, dtype=torch.float64))


def gradient(f, x):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(f(x).sum(), x)[0]


@pytest.mark.parametrize("name", OURS)
@settings(max_examples=30)
@given(x=points())
def test_values_are_exact_to_4_units_in_the_last_place(name, x):
    finite = x[x.isfinite()]
    got = ACTIVATIONS[name].function(finite)
    assert units_in_the_last_place(got, exact(name, finite)) <= 4


@pytest.mark.parametrize("name", OURS)
@settings(max_examples=30)
@given(x=points())
def test_derivatives_are_exact_to_6_units_in_the_last_place(name, x):
    x = x[x.isfinite() & ((x != 0) | (name in SMOOTH))]
    got = ACTIVATIONS[name].derivative(x)
    assert units_in_the_last_place(got, exact(name, x, order=1)) <= 6


@pytest.mark.parametrize("name", ["elu", "gelu", "silu", "softplus"])
@settings(max_examples=30)
@given(x=points())
def test_derivatives_of_torchs_functions_are_exact_to_round_off(name, x):
    x = x[x.isfinite()]
    got = ACTIVATIONS[name].derivative(x)
    torch.testing.assert_close(got, exact(name, x, order=1), rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(max_examples=30)
@given(x=points(st.one_of(st.floats(-1e4, 1e4), st.sampled_from([*EXTREMES, math.inf, -math.inf]))))
def test_values_and_gradients_agree_with_torch(name, dtype, x):
    x = x.to(dtype)
    ours, torchs = ACTIVATIONS[name].function, TORCH[name]
    eps, tiny = torch.finfo(dtype).eps, torch.finfo(dtype).tiny
    # Where the value is below the normal numbers, torch's sigmoid may be 0.
    torch.testing.assert_close(ours(x), torchs(x), rtol=8 * eps, atol=tiny, equal_nan=True)
    expected = gradient(torchs, x)
    # Torch's own gradients of GELU and SiLU are NaN at infinity; that of softplus is cut at 20.
    known = expected.isfinite()
    tolerance = max(8 * eps, 3e-9 if name == "softplus" else 0)
    derivative = ACTIVATIONS[name].derivative(x)
    torch.testing.assert_close(derivative[known], expected[known], rtol=0, atol=tolerance)
    if name in OURS:
        assert known.all()
        assert torch.equal(gradient(ours, x), derivative)


TINY = torch.finfo(torch.float64).tiny  # scipy's values below the normal numbers are 0


@given(x=points())
def test_sigmoid_is_scipys(x):
    torch.testing.assert_close(
        dc.sigmoid(x), torch.from_numpy(special.expit(x.numpy())), rtol=2e-15, atol=TINY
    )


@pytest.mark.parametrize("name", OURS)
@settings(max_examples=4)
@given(x=points(st.floats(0.01, 12), most=3))
def test_gradients_pass_gradcheck_twice_away_from_kinks(name, x):
    f = ACTIVATIONS[name].function
    for side in (x, -x):
        z = side.clone().requires_grad_()
        assert torch.autograd.gradcheck(f, z, check_forward_ad=True, check_batched_grad=True)
        assert torch.autograd.gradgradcheck(f, z, check_fwd_over_rev=True)


@pytest.mark.parametrize("name", ["elu", "gelu", "silu", "softplus"])
@settings(max_examples=4)
@given(x=points(st.floats(0.01, 12), most=3))
def test_derivatives_of_torchs_functions_can_be_differentiated(name, x):
    for side in (x, -x):
        assert torch.autograd.gradcheck(ACTIVATIONS[name].derivative, side.clone().requires_grad_())


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@settings(max_examples=20)
@given(x=points(st.one_of(st.floats(-30, 30), st.sampled_from([0.0, -0.0]))))
def test_higher_derivatives_are_right_also_at_zero(name, x):
    f = ACTIVATIONS[name].function
    for order in (2, 3):
        value = f
        for _ in range(order):
            value = torch.func.grad(value)
        got = torch.func.vmap(value)(x)
        torch.testing.assert_close(got, exact(name, x, order), rtol=0, atol=2e-14)


@pytest.mark.parametrize("name", ["sign", *HAS_A_KINK])
def test_where_there_is_a_corner_the_second_derivative_is_zero_and_not_missing(name):
    x = torch.tensor([-2.0, -0.0, 0.0, 3.0], requires_grad=True)
    (first,) = torch.autograd.grad(ACTIVATIONS[name].function(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.equal(second, torch.zeros(4))


@pytest.mark.parametrize(
    ("name", "slope"), [("sign", 0.0), ("relu", 0.0), ("leaky_relu", 0.01), ("absolute", 0.0)]
)
def test_the_slope_at_the_kink_is_torchs(name, slope):
    zeros = torch.tensor([0.0, -0.0])
    assert torch.equal(gradient(ACTIVATIONS[name].function, zeros), torch.full((2,), slope))
    assert torch.equal(gradient(TORCH[name], zeros), torch.full((2,), slope))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_nan_stays_nan(name, dtype):
    x = torch.tensor([math.nan, 1.0], dtype=dtype)
    activation = ACTIVATIONS[name]
    results = [activation.function(x), activation.derivative(x)]
    if name in OURS:
        results.append(gradient(activation.function, x))
    for result in results:
        assert result.isnan().tolist() == [True, False]
        assert result.dtype is dtype


LIMITS = {
    "sign": (-1, 1, 0, 0),
    "sigmoid": (0, 1, 0, 0),
    "tanh": (-1, 1, 0, 0),
    "relu": (0, math.inf, 0, 1),
    "leaky_relu": (-math.inf, math.inf, 0.01, 1),
    "absolute": (math.inf, math.inf, -1, 1),
    "elu": (-1, math.inf, 0, 1),
    # torch gives NaN at minus infinity, and its kernel for some processors at plus infinity, too.
    "gelu": (None, None, 0, 1),
    "silu": (None, math.inf, 0, 1),
    "softplus": (0, math.inf, 0, 1),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_at_infinity_there_is_the_limit(name, dtype):
    x = torch.tensor([-math.inf, math.inf], dtype=dtype)
    left, right, *slopes = LIMITS[name]
    values = ACTIVATIONS[name].function(x)
    if left is not None:
        assert values[0] == left
    if right is not None:
        assert values[1] == right
    expected = torch.tensor(slopes, dtype=dtype)
    assert torch.equal(ACTIVATIONS[name].derivative(x), expected)


@pytest.mark.parametrize("name", ["gelu", "silu"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_large_numbers_stay_or_vanish(name, dtype):
    large = torch.finfo(dtype).max / 4  # torch doubles it on the way on some processors
    x = torch.tensor([-large, large], dtype=dtype)
    assert ACTIVATIONS[name].function(x).tolist() == [0, x[1]]


@given(alpha=st.floats(0, 1), x=points(st.one_of(st.floats(-1e4, 1e4), st.sampled_from(EXTREMES))))
def test_leaky_relu_is_torchs_for_every_slope(alpha, x):
    def ours(z):
        return dc.leaky_relu(z, alpha)

    def torchs(z):
        return F.leaky_relu(z, alpha)

    assert torch.equal(ours(x), torchs(x))
    assert torch.equal(gradient(ours, x), gradient(torchs, x))
    assert torch.equal(dc.leaky_relu_derivative(x, alpha=alpha), gradient(torchs, x))
    assert torch.equal(dc.leaky_relu(x=x, alpha=alpha), ours(x))


def test_without_a_leak_it_is_relu_and_with_a_full_one_the_identity():
    x = torch.tensor([-math.inf, -3.0, 0.0, 2.0, math.inf])
    assert torch.equal(dc.leaky_relu(x, 0), dc.relu(x))
    assert torch.equal(dc.leaky_relu(x, 1), x)


def test_where_relu_is_off_not_even_an_infinite_gradient_passes():
    x = torch.tensor([-1.0, 0.0, 4.0])
    expected = gradient(lambda z: torch.relu(z).sqrt(), x)
    assert torch.equal(gradient(lambda z: dc.relu(z).sqrt(), x), expected)
    assert expected.tolist() == [0.0, 0.0, 0.25]


@given(x=points())
def test_tanh_is_a_stretched_sigmoid(x):
    x = x.clamp(-1e300, 1e300)
    torch.testing.assert_close(dc.tanh(x), 2 * dc.sigmoid(2 * x) - 1, rtol=0, atol=5e-16)


ALPHAS = [
    (-0.1, ValueError),
    (1.5, ValueError),
    (math.nan, ValueError),
    (math.inf, ValueError),
    (True, TypeError),
    ("0.1", TypeError),
    (None, TypeError),
]


@pytest.mark.parametrize("f", [dc.leaky_relu, dc.leaky_relu_derivative])
@pytest.mark.parametrize(("alpha", "kind"), ALPHAS)
def test_a_wrong_slope_is_named(f, alpha, kind):
    with pytest.raises(kind, match=r"alpha must be .* from 0 to 1, got") as caught:
        f(torch.ones(2), alpha)
    assert repr(alpha) in str(caught.value)


@pytest.mark.parametrize(
    "f",
    [getattr(dc, name) for name in OURS]
    + [activation.derivative for activation in ACTIVATIONS.values()],
)
@pytest.mark.parametrize(
    ("x", "kind", "message"),
    [
        (torch.tensor([1, 2]), TypeError, "x must be a tensor of dtype .*got int64"),
        (torch.tensor([True]), TypeError, "x must be a tensor of dtype .*got bool"),
        (torch.tensor([1j]), TypeError, "x must be a tensor of dtype .*got complex64"),
        (0.5, TypeError, "x must be a tensor of dtype .*got 0.5"),
        ([1.0], TypeError, r"x must be a tensor of dtype .*got \[1.0\]"),
        (None, TypeError, "x must be a tensor of dtype .*got None"),
        ("x", TypeError, "x must be a tensor of dtype .*got 'x'"),
    ],
)
def test_what_is_no_tensor_of_floats_is_refused(f, x, kind, message):
    with pytest.raises(kind, match=message):
        f(x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("alpha", [0.0, 1e-320, 1e-46, 1e-45, 1e-30, 1e-6])
def test_a_tiny_slope_makes_no_nan_of_infinity(dtype, alpha):
    values = dc.leaky_relu(torch.tensor([-math.inf, -1.0, math.inf], dtype=dtype), alpha)
    assert not values.isnan().any()
    assert values[1].item() == pytest.approx(-alpha, rel=0.01, abs=1e-7)
