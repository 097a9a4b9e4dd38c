import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.problems import largest_curvature, modulus_of_continuity
from course_lib.problems.smoothness import evenly_spaced


@given(st.floats(0.1, 20), st.floats(-1e3, 1e3), st.floats(0.5, 10))
@settings(max_examples=40, deadline=None)
def test_the_curvature_of_a_wave_is_found_from_below(frequency, a, width):
    found = largest_curvature(lambda x: torch.sin(frequency * x), a, a + width)
    ends = frequency * torch.tensor([a, a + width], dtype=torch.float64)
    peaks = math.floor(ends[1] / math.pi - 0.5) - math.ceil(ends[0] / math.pi - 0.5)
    largest = 1.0 if peaks >= 0 else ends.sin().abs().max().item()
    exact = frequency**2 * largest
    round_off = 1e-14 * (1e4 / width) ** 2 * (1 + frequency * abs(a) / 10)
    nearest = 2 * frequency**3 * width / 1e4  # how much f'' changes to the next samples
    assert exact - nearest - round_off <= found <= exact + round_off


def test_the_curvature_is_that_of_a_polynomial_and_needs_no_gradient():
    far = largest_curvature(lambda x: 3 * x.square() - x, 1e3, 1e3 + 4, samples=101)
    assert far == pytest.approx(6, rel=1e-5)
    assert largest_curvature(lambda x: torch.full_like(x, 5.0), 0, 1) == 0
    assert largest_curvature(lambda x: x.detach() ** 3, -1, 2, samples=2001) == pytest.approx(
        12, rel=1e-3
    )


@given(st.floats(0.01, math.pi), st.floats(-1e3, 1e3))
@settings(max_examples=40, deadline=None)
def test_the_modulus_of_sine(delta, a):
    found = modulus_of_continuity(torch.sin, a, a + 4 * math.pi, delta)
    exact = 2 * math.sin(delta / 2)
    spacing = 4 * math.pi / 10_000
    assert exact - 2 * spacing <= found <= exact + 1e-9


def test_the_modulus_of_a_line_a_root_and_a_constant():
    assert modulus_of_continuity(lambda x: -3 * x, 0, 2, 0.1) == pytest.approx(0.3)
    assert modulus_of_continuity(torch.sqrt, 0, 1, 0.01) == pytest.approx(0.1)
    assert modulus_of_continuity(torch.ones_like, 0, 1, 0.5) == 0
    assert modulus_of_continuity(torch.exp, 0, 1, 99) == pytest.approx(math.e - 1)


def test_it_grows_with_the_distance_and_is_subadditive():
    def f(x):
        return torch.sin(7 * x) + (3 * x).abs()

    w = [modulus_of_continuity(f, -1, 1, 0.1 * k) for k in range(1, 11)]
    assert all(a <= b for a, b in pairwise(w))
    assert all(w[i + j + 1] <= w[i] + w[j] + 1e-9 for i in range(5) for j in range(4))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: largest_curvature(torch.sin, 1, 0), ValueError, "a must be below b"),
        (lambda: largest_curvature(torch.sin, 0, 1, samples=2), ValueError, "samples must be"),
        (lambda: largest_curvature(torch.log, 0, 1), ValueError, "f must be finite .*-inf at 0.0"),
        (lambda: largest_curvature("sin", 0, 1), TypeError, "f must be a function .*'sin'"),
        (
            lambda: largest_curvature(lambda x: 1e308 * (5 * x).cos(), 0, 9),
            ValueError,
            "f must have",
        ),
        (lambda: modulus_of_continuity(torch.sin, 0, 1, 0), ValueError, "delta must be"),
        (lambda: modulus_of_continuity(torch.sin, 0, 1, 1e-6), ValueError, "delta .*more samples"),
        (lambda: modulus_of_continuity(torch.sin, 0, 1, "1"), TypeError, "delta must be"),
        (lambda: modulus_of_continuity(torch.sin, 0, 1, 0.5, samples=1), ValueError, "samples"),
        (
            lambda: modulus_of_continuity(torch.sin, 1e12, 1e12 + 1, 0.5, samples=100_000),
            ValueError,
            "samples must be so few .*got 100000",
        ),
    ],
)
def test_wrong_arguments_are_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@given(st.floats(-1e4, 1e4), st.floats(1, 100), st.integers(1, 200))
def test_points_are_evenly_spaced_numbers_of_their_type(a, width, pieces):
    x = evenly_spaced(a, a + width, pieces, torch.float32)
    assert x.dtype == torch.float64
    assert torch.equal(x, x.float().double())
    assert len(x) == pieces + 1
    step = width / pieces
    assert (x.diff() - step).abs().max() <= 2 * torch.finfo(torch.float32).eps * (1e2 + abs(a))


def test_a_huge_distance_is_the_whole_interval():
    assert modulus_of_continuity(torch.sin, 0, 1, 1e308) == pytest.approx(math.sin(1))
