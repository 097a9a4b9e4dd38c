"""What is Adagrad's own; torch's steps and what all methods share are tested elsewhere."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import SGD, Adagrad
from tests.methods.parameters import leaf
from tests.methods.test_adam import scalars, steps_of, zero


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.floats(0.0, 2.0), st.booleans())
def test_its_state_is_the_sum_over_history_and_never_falls(values, start, eps_inside):
    p = zero()
    adagrad = Adagrad([p], 0.1, initial_accumulator_value=start, eps=0.1, eps_inside=eps_inside)
    last = start
    for k, g in enumerate(scalars(*values)):
        (step,) = steps_of(adagrad, p, [g])
        s = start + sum(v * v for v in values[: k + 1])
        assert adagrad.state[p]["sum"].item() == pytest.approx(s, rel=1e-12)
        assert adagrad.state[p]["sum"].item() >= last
        last = adagrad.state[p]["sum"].item()
        root = math.sqrt(s + 0.1) if eps_inside else math.sqrt(s) + 0.1
        assert step.item() == pytest.approx(-0.1 * values[k] / root, rel=1e-10, abs=1e-15)


def test_under_steady_gradients_its_steps_fade_like_one_over_the_root_of_k():
    p = zero()
    steps = steps_of(Adagrad([p], 0.5), p, scalars(*[3.0] * 100))[:, 0]
    k = torch.arange(1.0, 101.0, dtype=torch.float64)
    torch.testing.assert_close(steps, -0.5 / k.sqrt(), rtol=1e-9, atol=0)


def test_where_eps_stands_decides_about_gradients_of_its_size():
    for inside, share in ((False, 1e-6 / (1e-6 + 1e-8)), (True, 1e-6 / math.sqrt(1e-12 + 1e-8))):
        p = zero()
        steps = steps_of(Adagrad([p], 0.1, eps=1e-8, eps_inside=inside), p, scalars(1e-6))
        assert -steps[0].item() == pytest.approx(0.1 * share, rel=1e-6)


def test_the_axes_make_its_advantage_and_a_rotation_takes_it_away():
    """diag(1, 100), once as it is and once turned by 45 degrees; the best of 13 rates for each."""
    h = torch.tensor([1.0, 100.0], dtype=torch.float64)
    c = math.sqrt(0.5)
    turn = torch.tensor([[c, -c], [c, c]], dtype=torch.float64)
    left = {}
    start = torch.tensor([1.0, 1.0], dtype=torch.float64)
    for name, R in (("axes", torch.eye(2, dtype=torch.float64)), ("turned", turn)):
        H = R @ h.diag() @ R.T
        gaps = []
        for e in range(13):
            p = (R @ start).requires_grad_()
            adagrad = Adagrad([p], 10 ** (-2 + e / 4))
            for _ in range(100):
                p.grad = H @ p.detach()
                adagrad.step()
            gaps.append((0.5 * p.detach() @ H @ p.detach()).item())
        left[name] = min(gaps)
    assert left["axes"] < 1e-10
    assert left["turned"] > 1e-3


def test_without_history_it_is_a_step_of_the_sign():
    p, q = leaf(9, dtype=torch.float64), leaf(9, dtype=torch.float64)
    q.grad = q.grad.sign()
    Adagrad([p], 0.1, eps=0.0).step()
    SGD([q], 0.1).step()
    torch.testing.assert_close(p, q)


def test_each_group_may_start_its_sum_elsewhere():
    p, q = leaf(2), leaf(2)
    Adagrad([{"params": [p]}, {"params": [q], "initial_accumulator_value": 1.0}]).step()
    adagrad = Adagrad([{"params": [p]}, {"params": [q], "initial_accumulator_value": 1.0}])
    adagrad.step()
    torch.testing.assert_close(adagrad.state[p]["sum"], p.grad**2)
    torch.testing.assert_close(adagrad.state[q]["sum"], 1 + q.grad**2)


def test_its_accumulator_starts_in_both_parts_of_a_complex_number():
    p = leaf(3, dtype=torch.complex128)
    adagrad = Adagrad([p], initial_accumulator_value=0.5)
    adagrad.step()
    expected = torch.view_as_real(p.grad) ** 2 + 0.5
    torch.testing.assert_close(torch.view_as_real(adagrad.state[p]["sum"]), expected)


def test_dense_and_sparse_gradients_may_take_turns():
    p, q = leaf(6, 2, dtype=torch.float64), leaf(6, 2, dtype=torch.float64)
    a, b = Adagrad([p], 0.1), Adagrad([q], 0.1)
    for k in range(6):
        g = torch.zeros(6, 2, dtype=torch.float64)
        g[k % 3 :: 3] = k + 1.0
        p.grad = g.to_sparse(1) if k % 2 else g
        q.grad = g
        a.step()
        b.step()
    torch.testing.assert_close(p, q)


@pytest.mark.parametrize("name", ["lr_decay", "initial_accumulator_value", "eps"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_options_outside_their_range_are_refused(name, value):
    with pytest.raises(
        ValueError, match=f"{name} must be a non-negative finite number, got {value}"
    ):
        Adagrad([leaf(2)], **{name: value})
