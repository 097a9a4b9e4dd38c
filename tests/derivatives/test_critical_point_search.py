"""The search for critical points: what it finds, and that it tells where it stalls."""

import math

import pytest
import torch

from course_lib.derivatives import critical_point, find_critical_points
from course_lib.problems import bounded_saddle, long_valley

DOUBLE = torch.float64


def himmelblau(x):
    u, v = x
    return (u**2 + v - 11) ** 2 + (u + v**2 - 7) ** 2


def starts(count, n, scale, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(count, n, generator=generator, dtype=DOUBLE)


def test_it_finds_the_nine_critical_points_of_himmelblaus_function_of_all_kinds():
    found = find_critical_points(himmelblau, starts(120, 2, 3.0))
    ends = found.x[found.critical]
    new = ~(torch.cdist(ends, ends) < 1e-5).tril(diagonal=-1).any(dim=1)
    kinds = (2 * found.index[found.critical][new]).tolist()
    assert sorted(kinds) == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    for x, kind in zip(ends[new], kinds, strict=True):
        verdict = critical_point(himmelblau, x).verdict
        expected = ["strict local minimum", "strict saddle", "strict local maximum"]
        assert verdict == expected[int(kind)]


@pytest.mark.parametrize("surface", [long_valley(), bounded_saddle()], ids=repr)
def test_it_finds_both_minima_and_the_saddle_and_tells_the_right_numbers(surface):
    found = find_critical_points(surface.value, surface.grid(7).reshape(-1, 2) + 0.01)
    assert set(found.index[found.critical].tolist()) == {0.0, 0.5}
    for x, value, eigenvalues in zip(found.x, found.values, found.eigenvalues, strict=True):
        H = torch.func.hessian(surface.value)(x)
        torch.testing.assert_close(value, surface.value(x))
        torch.testing.assert_close(eigenvalues, torch.linalg.eigvalsh(H))


def test_where_the_gradients_norm_has_a_minimum_of_its_own_it_says_that_it_stalls():
    """As at u = 0, where the slope along u is least, but not zero."""

    def f(x):
        return x[0] + x[0] ** 3 / 3 + x[1] ** 2  # the slope along u is 1 + u²

    found = find_critical_points(f, torch.tensor([[0.5, 1.0]], dtype=DOUBLE))
    assert not bool(found.critical)
    assert bool(found.gradient_flat)
    torch.testing.assert_close(found.gradients, torch.tensor([[1.0, 0.0]], dtype=DOUBLE))


def test_the_norm_of_the_gradient_never_grows_and_starts_are_independent():
    x = starts(6, 2, 3.0)
    before = find_critical_points(himmelblau, x, steps=0).gradients.norm(dim=1)
    for steps in (1, 3, 10):
        after = find_critical_points(himmelblau, x, steps=steps)
        assert bool((after.gradients.norm(dim=1) <= before).all())
        before = after.gradients.norm(dim=1)
    alone = find_critical_points(himmelblau, x[2:3], steps=10)
    torch.testing.assert_close(alone.x, after.x[2:3])


def test_a_search_that_is_still_on_its_way_is_neither_critical_nor_flat():
    found = find_critical_points(himmelblau, torch.tensor([[1.0, 2.0]], dtype=DOUBLE), steps=1)
    assert not bool(found.critical)
    assert not bool(found.gradient_flat)
    assert float(found.flatness) > 0.01


def test_the_starts_stay_as_they_are_and_their_dtype_is_kept():
    x = starts(3, 2, 3.0).float()
    before = x.clone()
    found = find_critical_points(himmelblau, x, steps=5)
    assert torch.equal(x, before)
    assert found.x.dtype == found.eigenvalues.dtype == torch.float32


def test_a_plane_has_no_critical_point():
    found = find_critical_points(lambda x: x.sum(), starts(2, 3, 1.0), steps=5)
    assert not bool(found.critical.any())
    assert bool(found.gradient_flat.all())


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"f": 3}, TypeError, "f must be a function"),
        ({"starts": torch.zeros(2)}, ValueError, r"starts must be .*shape \(starts, n\)"),
        ({"starts": torch.zeros(2, 2).half()}, ValueError, "starts must be .*got shape"),
        ({"starts": [[1.0]]}, TypeError, "starts must be"),
        ({"steps": -1}, ValueError, "steps must be .*got -1"),
        ({"damping": 0}, ValueError, "damping must be .*above 0, got 0"),
        ({"damping": math.nan}, ValueError, "damping must be .*got nan"),
    ],
)
def test_wrong_arguments_are_named(change, kind, message):
    right = {"f": himmelblau, "starts": torch.ones(2, 2, dtype=DOUBLE), "steps": 1}
    with pytest.raises(kind, match=message):
        find_critical_points(**{**right, **change})
