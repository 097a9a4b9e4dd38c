"""What is Adam's and AdamW's own; torch's steps and what all methods share are tested elsewhere."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.methods import Adam, AdamW
from tests.methods.parameters import leaf

betas_drawn = st.tuples(st.floats(0.0, 0.95), st.floats(0.0, 0.999))


def steps_of(optimizer, p, gradients):
    """Return the steps x_{k+1} - x_k that `optimizer` takes for `gradients`."""
    steps = []
    for g in gradients:
        before = p.detach().clone()
        p.grad = g.to(p.dtype).expand_as(p).clone()
        optimizer.step()
        steps.append(p.detach() - before)
    return torch.stack(steps)


def scalars(*values):
    return [torch.tensor([v], dtype=torch.float64) for v in values]


def zero(n=1):
    return torch.zeros(n, dtype=torch.float64, requires_grad=True)


def moments(gradients, b1, b2):
    """m_k and s_k as the sums that the recursions stand for."""
    G = torch.stack(gradients)
    m, s = [], []
    for k in range(1, len(G) + 1):
        ages = torch.arange(k - 1, -1, -1, dtype=G.dtype).view(-1, 1)
        m.append(((1 - b1) * b1**ages * G[:k]).sum(0))
        s.append(((1 - b2) * b2**ages * G[:k] ** 2).sum(0))
    return torch.stack(m), torch.stack(s)


@given(betas_drawn, st.booleans(), st.booleans(), st.integers(0, 1000))
def test_all_four_forms_are_their_formulas(betas, bias_correction, eps_inside, seed):
    generator = torch.Generator().manual_seed(seed)
    gradients = list(torch.randn(12, 5, generator=generator, dtype=torch.float64))
    b1, b2 = betas
    lr, eps = 0.1, 0.01
    m, s = moments(gradients, b1, b2)
    if bias_correction:
        k = torch.arange(1.0, 13.0, dtype=torch.float64).view(-1, 1)
        m, s = m / (1 - b1**k), s / (1 - b2**k)
    root = (s + eps).sqrt() if eps_inside else s.sqrt() + eps
    p = zero(5)
    adam = Adam([p], lr, betas, eps, bias_correction=bias_correction, eps_inside=eps_inside)
    steps = steps_of(adam, p, gradients)
    torch.testing.assert_close(steps, -lr * m / root, rtol=1e-10, atol=1e-12)


def longest(k, b1, b2):
    """The longest step k for lr = 1, whatever the gradients: sqrt(sum w^2 / v).

    The step is sum w g / sqrt(sum v g^2) with weights w, v of sum 1; by Cauchy and Schwarz.
    """
    r = b1**2 / b2
    sums = (1 - b2**k) / (1 - b2) * (k if r == 1 else (1 - r**k) / (1 - r))
    return (1 - b1) / (1 - b1**k) * math.sqrt(sums)


@given(
    st.floats(0.0, 0.95),
    st.floats(0.1, 0.999),
    st.lists(st.floats(-10, 10), min_size=1, max_size=40),
)
def test_no_step_is_longer_than_the_bound(b1, b2, values):
    p = zero()
    steps = steps_of(Adam([p], 0.5, (b1, b2), eps=1e-30), p, scalars(*values))[:, 0]
    for k, step in enumerate(steps, 1):
        assert abs(step.item()) <= 0.5 * longest(k, b1, b2) * (1 + 1e-9)


def test_growing_gradients_reach_the_bound_beyond_the_one_of_the_paper():
    """Kingma and Ba give lr max{1, (1 - b1) / sqrt(1 - b2)}, 3.16 lr: true of a single spike."""
    growing = [(0.999 / 0.9) ** j for j in range(300)]
    p, q = zero(), zero()
    steps = -steps_of(Adam([p], 1.0), p, scalars(*growing))[:, 0]
    assert steps.tolist() == pytest.approx([longest(k, 0.9, 0.999) for k in range(1, 301)])
    late = -steps_of(Adam([q], 1.0), q, scalars(*[0.0] * 20_000, *growing))[-1].item()
    assert late == pytest.approx(longest(20_300, 0.9, 0.999))
    assert late > 2 * math.sqrt(10)


def test_a_spike_after_long_zeros_reaches_the_bound_of_the_paper():
    """3.16 lr with the default betas, where steady gradients give lr."""
    p = zero()
    steps = steps_of(Adam([p], 0.5), p, scalars(*[0.0] * 20_000, 1.0))
    bound = 0.5 * (1 - 0.9) / math.sqrt(1 - 0.999)
    assert -steps[-1].item() == pytest.approx(bound, rel=1e-6)
    assert bound == pytest.approx(3.16 * 0.5, rel=1e-3)


def test_steady_gradients_give_steps_of_the_learning_rate():
    for g in (1e-3, 1.0, -1e3):
        p = zero()
        steps = steps_of(Adam([p], 0.5), p, scalars(*[g] * 50))
        torch.testing.assert_close(
            steps, torch.full_like(steps, math.copysign(0.5, -g)), rtol=2e-5, atol=0
        )


def too_large(k, b1=0.9, b2=0.999):
    """By how much a step without correction is longer than one with it, for steady gradients."""
    return (1 - b1**k) / math.sqrt(1 - b2**k)


def test_without_bias_correction_the_first_steps_are_too_long_by_the_factor_derived():
    p = zero()
    steps = steps_of(Adam([p], 1.0, bias_correction=False), p, scalars(*[2.0] * 100))[:, 0]
    factors = [too_large(k) for k in range(1, 101)]
    assert (-steps).tolist() == pytest.approx(factors, rel=1e-5)
    assert factors[0] == pytest.approx(math.sqrt(10))
    assert max(factors) == factors[11] == pytest.approx(6.57, abs=0.01)  # at step 12


@given(st.floats(1e-6, 1e6), st.integers(0, 1000), st.booleans(), st.booleans())
def test_without_eps_it_does_not_see_the_scale_of_the_gradient(c, seed, amsgrad, bias_correction):
    generator = torch.Generator().manual_seed(seed)
    gradients = list(torch.randn(20, 6, generator=generator, dtype=torch.float64))
    paths = []
    for scale in (1.0, c):
        p = zero(6)
        adam = Adam([p], 0.1, eps=0.0, amsgrad=amsgrad, bias_correction=bias_correction)
        paths.append(steps_of(adam, p, [scale * g for g in gradients]))
    torch.testing.assert_close(*paths, rtol=1e-9, atol=1e-12)


def test_where_eps_stands_decides_about_gradients_of_its_size():
    """A steady gradient of 1e-6 with eps 1e-8: 0.99 lr outside the root, 0.01 lr inside."""
    for inside, share in ((False, 1e-6 / (1e-6 + 1e-8)), (True, 1e-6 / math.sqrt(1e-12 + 1e-8))):
        p = zero()
        steps = steps_of(Adam([p], 0.1, eps_inside=inside), p, scalars(*[1e-6] * 30))
        assert -steps[-1].item() == pytest.approx(0.1 * share, rel=1e-6)
        assert share == pytest.approx(0.01 if inside else 0.99, rel=1e-3)


def test_reddis_example_leads_adam_astray_and_not_amsgrad():
    """Gradient 3 at every third step, else -1, on [-1, 1]: on average it is 1/3, the best x -1."""
    ends = {}
    for amsgrad in (False, True):
        p = zero()
        adam = Adam([p], betas=(0.0, 0.1), amsgrad=amsgrad)
        for k in range(1, 6001):
            adam.param_groups[0]["lr"] = 0.1 / math.sqrt(k)
            p.grad = torch.full_like(p, 3.0 if k % 3 == 1 else -1.0)
            adam.step()
            p.data.clamp_(-1, 1)
        ends[amsgrad] = p.item()
    assert ends[False] > 0.99
    assert ends[True] < -0.99


def test_amsgrad_divides_by_a_root_that_never_falls():
    p = zero(4)
    adam = Adam([p], betas=(0.9, 0.9), amsgrad=True)
    generator = torch.Generator().manual_seed(0)
    largest = torch.zeros(4, dtype=torch.float64)
    for k in range(50):
        steps_of(adam, p, [torch.randn(4, generator=generator, dtype=torch.float64) / (k + 1)])
        assert (adam.state[p]["max_exp_avg_sq"] >= largest).all()
        largest = adam.state[p]["max_exp_avg_sq"].clone()
    assert (largest > adam.state[p]["exp_avg_sq"]).all()


def test_adamw_decays_all_weights_at_one_rate_and_adam_does_not():
    """Without a loss of its own; Adam's decay is divided by its own size."""
    start = torch.tensor([1.0, 100.0], dtype=torch.float64)
    shares = {}
    for method in (Adam, AdamW):
        p = start.clone().requires_grad_()
        optimizer = method([p], lr=0.01, weight_decay=0.5)
        p.grad = torch.zeros_like(p)
        optimizer.step()
        shares[method] = (1 - p.detach() / start).tolist()
    assert shares[AdamW] == pytest.approx([0.005, 0.005])
    assert shares[Adam] == pytest.approx([0.01, 0.0001], rel=1e-6)


def test_adam_with_decoupled_weight_decay_is_adamw():
    p, q = leaf(7), leaf(7)
    a, b = Adam([p], weight_decay=0.1, decoupled_weight_decay=True), AdamW([q], weight_decay=0.1)
    for _ in range(5):
        a.step()
        b.step()
    assert torch.equal(p, q)


def test_a_state_of_adam_loaded_into_adamw_decays_apart_from_the_gradient():
    p, q = leaf(3), leaf(3)
    adam, adamw = Adam([p], weight_decay=0.1), AdamW([q])
    adam.step()
    for saved in (adam.state_dict(), torch.optim.Adam([p], weight_decay=0.1).state_dict()):
        adamw.load_state_dict(saved)
        assert adamw.param_groups[0]["decoupled_weight_decay"] is True
        assert adamw.param_groups[0]["weight_decay"] == 0.1


def test_amsgrad_switched_on_in_mid_run_starts_from_what_is_known():
    p, q = leaf(5, dtype=torch.float64), leaf(5, dtype=torch.float64)
    a, b = Adam([p]), Adam([q])
    a.step()
    b.step()
    a.param_groups[0]["amsgrad"] = True
    a.step()
    b.step()
    torch.testing.assert_close(p, q)
    assert torch.equal(a.state[p]["max_exp_avg_sq"], a.state[p]["exp_avg_sq"])


@pytest.mark.parametrize(
    ("betas", "error", "message"),
    [
        ((0.9, 1.0), ValueError, r"betas\[1\] must be a number in \[0, 1\), got 1.0"),
        ((-0.1, 0.9), ValueError, r"betas\[0\] must be a number in \[0, 1\), got -0.1"),
        ((math.nan, 0.9), ValueError, r"betas\[0\] must be a number in \[0, 1\), got nan"),
        ((0.9,), ValueError, r"betas must be a pair of numbers in \[0, 1\), got \(0.9,\)"),
        (0.9, TypeError, r"betas must be a pair of numbers in \[0, 1\), got 0.9"),
        (("a", 0.9), TypeError, r"betas\[0\] must be a number in \[0, 1\), got 'a'"),
        ((torch.ones(2), torch.ones(2)), ValueError, r"Tensor betas\[0\] must be 1-element"),
        ((torch.tensor(0.9), 0.99), ValueError, "betas must be either both floats or both Tens"),
    ],
)
def test_bad_betas_are_refused(betas, error, message):
    for method in (Adam, AdamW):
        with pytest.raises(error, match=message):
            method([leaf(2)], betas=betas)
        with pytest.raises(error, match=message):
            method([{"params": [leaf(2)], "betas": betas}])


@pytest.mark.parametrize(
    "option", ["amsgrad", "decoupled_weight_decay", "bias_correction", "eps_inside"]
)
def test_flags_must_be_flags(option):
    with pytest.raises(TypeError, match=f"{option} must be True or False, got 1"):
        Adam([leaf(2)], **{option: 1})
