import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Perceptron

from course_lib.design_choices import (
    margin,
    novikoff_bound,
    perceptron,
    perceptron_loss,
    sign,
)

XOR = torch.tensor([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]), torch.tensor([-1, 1, 1, -1])


@st.composite
def separable(draw, most=40):
    """Samples kept apart by a plane through 0, with a margin from comfortable to narrow."""
    seed, m, n = draw(st.integers(0, 2**20)), draw(st.integers(1, most)), draw(st.integers(1, 6))
    gap = draw(st.sampled_from([1.0, 0.3, 0.1]))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(m, n, generator=generator, dtype=torch.float64)
    w = torch.randn(n, generator=generator, dtype=torch.float64)
    w /= w.norm()
    y = torch.where(x @ w > 0, 1, -1)
    return (x + gap * y[:, None] * w).to(dtype), y, w.to(dtype)


def by_hand(x, y, passes):
    """The slide's rule, sample after sample, in float64."""
    x, y = x.double().numpy(), y.numpy()
    w, mistaken = np.zeros(x.shape[1]), []
    for _ in range(passes):
        for i in range(len(x)):
            if y[i] * (w @ x[i]) <= 0:
                w = w + y[i] * x[i]
                mistaken.append(i)
    return w, mistaken


@settings(max_examples=60)
@given(data=separable(), order=st.sampled_from(["cyclic", "shuffled"]))
def test_it_converges_within_novikoffs_bound_in_any_order(data, order):
    x, y, w = data
    run = perceptron(x, y, order=order, max_passes=5000)
    assert run.converged
    assert run.reason == "a whole pass made no mistake"
    assert (y * (x @ run.w) > 0).all()
    assert run.mistakes <= novikoff_bound(x, y).mistakes <= novikoff_bound(x, y, w).mistakes


@settings(max_examples=40)
@given(data=separable())
def test_its_record_is_that_of_the_rule_applied_by_hand(data):
    x, y, _ = data
    x = (8 * x).round()  # whole numbers: no rounding, no decision on a last bit
    run = perceptron(x, y, max_passes=30)
    w, mistaken = by_hand(x, y, run.passes)
    assert run.mistaken.tolist() == mistaken
    assert run.w.tolist() == w.tolist()
    assert run.w.dtype is x.dtype
    assert run.mistakes == len(mistaken) == run.mistakes_per_pass.sum() == len(run.seen)
    assert len(run.mistakes_per_pass) == run.passes
    assert ((run.seen - 1) % len(x)).tolist() == mistaken
    assert (run.seen.diff() > 0).all()
    rebuilt = (y[run.mistaken, None] * x[run.mistaken]).sum(0)
    assert torch.equal(rebuilt, run.w)


@pytest.mark.parametrize("seed", range(5))
def test_many_samples_are_seen_in_the_order_of_the_rule(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(-9, 10, (700, 4), generator=generator).double()
    y = torch.where(x @ torch.tensor([3.0, -2, 1, 5]).double() > 0, 1, -1)
    x[x @ torch.tensor([3.0, -2, 1, 5]).double() == 0, 3] -= 1  # y is -1 there
    run = perceptron(x, y)
    assert run.converged
    w, mistaken = by_hand(x, y, run.passes)
    assert run.mistaken.tolist() == mistaken
    assert run.w.tolist() == w.tolist()


@settings(max_examples=30)
@given(data=separable(), passes=st.integers(1, 4))
def test_scikit_learn_takes_the_same_steps(data, passes):
    x, y, _ = data
    if len(y.unique()) == 1:
        return  # scikit-learn wants two classes
    x = (8 * x).round()
    theirs = Perceptron(fit_intercept=False, shuffle=False, tol=None, max_iter=passes)
    theirs.fit(x.double().numpy(), y.numpy())
    run = perceptron(x, y, max_passes=passes)
    assert run.w.tolist() == theirs.coef_[0].tolist()


def test_a_shuffled_run_is_a_function_of_its_seed():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(50, 3, generator=generator)
    y = torch.where(x[:, 0] > 0, 1, -1)
    a, b, c = (perceptron(x, y, order="shuffled", seed=seed) for seed in (3, 3, 4))
    assert a.mistaken.tolist() == b.mistaken.tolist()
    assert a.mistaken.tolist() != c.mistaken.tolist()
    state = torch.get_rng_state()
    perceptron(x, y, order="shuffled")
    assert torch.equal(torch.get_rng_state(), state)
    rebuilt = (y[a.mistaken, None] * x[a.mistaken]).sum(0)
    torch.testing.assert_close(rebuilt, a.w)


def test_on_xor_it_never_stops_and_says_so():
    run = perceptron(*XOR)
    assert not run.converged
    assert run.passes < 1000
    assert "what they were after an earlier pass, so it would go on for ever" in run.reason
    shuffled = perceptron(*XOR, order="shuffled", max_passes=200)
    assert not shuffled.converged
    assert shuffled.passes == 200
    assert "gave up after max_passes=200 passes" in shuffled.reason
    assert (shuffled.mistakes_per_pass > 0).all()


def test_a_mistake_in_the_last_pass_allowed_is_no_convergence():
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([1])
    assert not perceptron(x, y, max_passes=1).converged
    assert perceptron(x, y, max_passes=2).converged


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign_of_power", [-1, 1])
def test_the_unit_of_the_samples_does_not_matter(dtype, sign_of_power):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(40, 3, generator=generator, dtype=dtype)
    y = torch.where(x.sum(1) > 0, 1, -1)
    x += 0.1 * y[:, None]
    factor = math.ldexp(1.0, sign_of_power * (100 if dtype is torch.float32 else 900))
    run, scaled = perceptron(x, y), perceptron(x * factor, y)
    assert scaled.mistaken.tolist() == run.mistaken.tolist()
    assert torch.equal(scaled.w, run.w * factor)


def test_samples_are_neither_changed_nor_differentiated():
    x = torch.tensor([[1.0, 2.0], [-1.0, 0.5]], requires_grad=True)
    y = torch.tensor([1, -1])
    before = x.detach().clone()
    run = perceptron(x, y)
    assert not run.w.requires_grad
    assert torch.equal(x.detach(), before)


@settings(max_examples=50)
@given(
    outputs=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=9),
    seed=st.integers(0, 1000),
)
def test_the_loss_is_the_mean_of_how_wrong_the_outputs_are(outputs, seed):
    rng = np.random.default_rng(seed)
    y = rng.choice([-1, 1], len(outputs))
    expected = np.mean(np.maximum(0, -y * np.array(outputs)))
    o = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
    for labels in (torch.tensor(y), torch.tensor(y, dtype=torch.float32)):
        loss = perceptron_loss(o, labels)
        assert loss.item() == pytest.approx(expected, rel=1e-14)
    (gradient,) = torch.autograd.grad(loss, o)
    subgradient = np.where(y * np.array(outputs) < 0, -y / len(y), 0)
    np.testing.assert_allclose(gradient.numpy(), subgradient, rtol=1e-15)


def test_a_mistake_is_a_subgradient_step_on_this_loss_and_none_on_that_of_the_sign():
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    y = torch.where(x[:, 1] > 0, 1, -1)
    w = torch.randn(4, generator=generator, dtype=torch.float64, requires_grad=True)
    wrong = (y * (x @ w) < 0).nonzero()[:, 0]
    assert len(wrong) > 3
    for i in wrong.tolist():
        (step,) = torch.autograd.grad(perceptron_loss(x[i] @ w, y[i]), w)
        torch.testing.assert_close(-step, y[i] * x[i])
        (none,) = torch.autograd.grad((sign(x[i] @ w) - y[i]).square(), w)
        assert torch.equal(none, torch.zeros(4, dtype=torch.float64))


X, Y = torch.ones(3, 2), torch.tensor([1, -1, 1])
WRONG_DATA = [
    ([[1.0]], Y, TypeError, r"x must be a torch.Tensor of shape \(m, n\), got \[\[1.0\]\]"),
    (X.long(), Y, ValueError, "x must be of dtype float32 or float64, got torch.int64"),
    (X.half(), Y, ValueError, "x must be of dtype float32 or float64, got torch.float16"),
    (X[0], Y, ValueError, r"x must have shape \(m, n\), neither of them 0, got \(2,\)"),
    (X[:0], Y[:0], ValueError, r"neither of them 0, got \(0, 2\)"),
    (X[:, :0], Y, ValueError, r"neither of them 0, got \(3, 0\)"),
    (X * math.nan, Y, ValueError, "x must be finite, got an entry of absolute value nan"),
    (X * math.inf, Y, ValueError, "x must be finite, got an entry of absolute value inf"),
    (X, [1, -1, 1], TypeError, "y must be a torch.Tensor of labels"),
    (X, Y[:2], ValueError, r"y must have shape \(3,\), one label for each of the rows of x, got"),
    (X, Y[:, None], ValueError, r"y must have shape \(3,\).*got \(3, 1\)"),
    (X, Y > 0, ValueError, "y must be labels -1 and 1 of a real dtype, got torch.bool"),
    (X, (Y > 0).long(), ValueError, "y must be labels -1 and 1, got 0"),
    (X, Y * math.nan, ValueError, "y must be labels -1 and 1, got nan"),
    (X, Y + 1j, ValueError, "y must be labels -1 and 1 of a real dtype, got torch.complex64"),
]


@pytest.mark.parametrize(("x", "y", "kind", "message"), WRONG_DATA)
@pytest.mark.parametrize("f", [perceptron, novikoff_bound, lambda x, y: margin(x, y, X[0])])
def test_wrong_data_are_named(f, x, y, kind, message):
    with pytest.raises(kind, match=message):
        f(x, y)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"max_passes": 0}, ValueError, "max_passes must be an integer of at least 1, got 0"),
        ({"max_passes": 2.0}, TypeError, "max_passes must be"),
        ({"order": "random"}, ValueError, "order must be 'cyclic' or 'shuffled', got 'random'"),
        ({"order": None}, ValueError, "order must be .*got None"),
        ({"seed": -1}, ValueError, "seed must be"),
    ],
)
def test_wrong_arguments_are_named(change, kind, message):
    with pytest.raises(kind, match=message):
        perceptron(X, Y, **change)


@pytest.mark.parametrize(
    ("outputs", "targets", "kind", "message"),
    [
        ([1.0], Y[:1], TypeError, r"outputs must be a tensor of dtype .*got \[1.0\]"),
        (Y, Y, TypeError, "outputs must be a tensor of dtype .*got int64"),
        (X, Y, ValueError, r"targets must have shape \(3, 2\).*got \(3,\)"),
        (X[:, :1], Y, ValueError, r"targets must have shape \(3, 1\).*got \(3,\)"),
        (X[:, 0], Y - 1, ValueError, "targets must be labels -1 and 1, got 0"),
        (X[:0, 0], Y[:0], ValueError, r"outputs must not be empty, got shape \(0,\)"),
    ],
)
def test_the_loss_refuses_what_it_cannot_take(outputs, targets, kind, message):
    with pytest.raises(kind, match=message):
        perceptron_loss(outputs, targets)


def test_looking_at_the_labels_can_be_left_out():
    loss = torch.func.vmap(lambda o, y: perceptron_loss(o, y, validate=False))
    assert loss(torch.tensor([-2.0, 2.0]), torch.tensor([1.0, 1.0])).tolist() == [2.0, 0.0]
    with pytest.raises(TypeError, match="validate must be True or False, got 1"):
        perceptron_loss(X, X, validate=1)


def test_weights_out_of_range_are_refused():
    x = torch.tensor([[3e38, -3e38], [3e38, 3e38], [-2e38, 3e38]])
    with pytest.raises(OverflowError, match="x must be so small that sums of its rows stay within"):
        perceptron(x, torch.ones(3))
