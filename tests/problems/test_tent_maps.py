from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.problems import interpolating_net, squaring_bound, squaring_net, tent_net

PLACES = {torch.float32: 23, torch.float64: 52}


def tent(x):
    return 2 * x if 2 * x < 1 else 2 - 2 * x


def on_grid(net, points):
    x = torch.linspace(0, 1, points, dtype=torch.float64)
    with torch.no_grad():
        return x.numpy(), net(x[:, None])[:, 0].numpy()


@pytest.mark.parametrize("dtype", PLACES)
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_folding_is_exact(dtype, data):
    width = 32 if dtype == torch.float32 else 64
    x = data.draw(st.floats(0, 1, width=width, allow_subnormal=False))
    depth = data.draw(st.integers(1, PLACES[dtype]))
    expected = Fraction(x)
    for _ in range(depth):
        expected = tent(expected)
    with torch.no_grad():
        found = tent_net(depth, dtype=dtype)(torch.tensor([[x]], dtype=dtype))
    assert found.dtype == dtype
    assert found.item() == float(expected)


@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_it_has_two_to_the_depth_pieces(depth):
    x, y = on_grid(tent_net(depth), 2 ** (depth + 2) + 1)
    slopes = np.diff(y) / np.diff(x)
    assert set(np.abs(slopes)) == {2.0**depth}
    assert 1 + np.count_nonzero(np.diff(slopes)) == 2**depth
    corners = y[::4]
    assert corners.tolist() == [float(k % 2) for k in range(2**depth + 1)]


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 10])
def test_squaring_is_the_interpolation_of_a_parabola(depth):
    x, y = on_grid(squaring_net(depth), 3 * 2 ** (depth + 1) + 1)
    shallow = on_grid(interpolating_net(torch.square, 0, 1, 2**depth), len(x))[1]
    np.testing.assert_allclose(y, shallow, rtol=0, atol=1e-13)
    error = y - x**2
    assert error.max() == pytest.approx(squaring_bound(depth))
    assert error.min() >= -1e-15
    assert squaring_bound(depth) == 2.0 ** (-2 * depth - 2)


def test_the_deepest_squares_to_round_off():
    for dtype, places in PLACES.items():
        x = torch.rand(500, 1, dtype=dtype, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            error = squaring_net(places, dtype=dtype)(x) - x.square()
        assert error.abs().max() <= 8 * torch.finfo(dtype).eps


@pytest.mark.parametrize(("make", "width"), [(tent_net, 2), (squaring_net, 3)])
def test_each_layer_is_narrow(make, width):
    net = make(4)
    sizes = [(layer.in_features, layer.out_features) for layer in net[::2]]
    assert sizes == [(1, width), (width, width), (width, width), (width, width), (width, 1)]
    assert [type(module).__name__ for module in net[1::2]] == ["ReLU"] * 4
    with torch.device("meta"):
        assert all(p.device.type == "cpu" and p.requires_grad for p in make(4).parameters())


@pytest.mark.parametrize("make", [tent_net, squaring_net])
@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"depth": 0}, ValueError, "depth must be an integer from 1 to 52, got 0"),
        ({"depth": 53}, ValueError, "depth must be an integer from 1 to 52, got 53"),
        ({"depth": 24, "dtype": torch.float32}, ValueError, "depth must be .*to 23, got 24"),
        ({"depth": 2.0}, TypeError, "depth must be .*got 2.0"),
        ({"depth": True}, TypeError, "depth must be .*got True"),
        ({"dtype": torch.bfloat16}, ValueError, "dtype must be .*got torch.bfloat16"),
        ({"dtype": torch.int32}, ValueError, "dtype must be .*got torch.int32"),
        ({"dtype": float}, TypeError, "dtype must be .*got <class 'float'>"),
    ],
)
def test_wrong_arguments_are_named(make, change, kind, message):
    with pytest.raises(kind, match=message):
        make(**{"depth": 3, **change})


@pytest.mark.parametrize("depth", [0, -1, 1.5, "2", True])
def test_the_bound_needs_a_depth(depth):
    with pytest.raises((TypeError, ValueError), match="depth must be"):
        squaring_bound(depth)
