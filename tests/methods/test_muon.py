"""Muon beside torch's in each of its options, its iteration, and what it refuses."""

import math

import pytest
import torch

from course_lib.methods import MatrixMethod, Muon, orthogonalized
from course_lib.methods.muon import NEWTON_SCHULZ

DOUBLE = torch.float64
SHAPES = [(5, 3), (3, 5), (60, 100), (1, 7), (7, 1), (1, 1), (40, 40)]
OPTIONS = [
    {},
    {"nesterov": False},
    {"momentum": 0.0},
    {"weight_decay": 0.0, "lr": 0.1},
    {"adjust_lr_fn": "original", "lr": 0.02},
    {"adjust_lr_fn": "match_rms_adamw"},
    {"ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5), "eps": 1e-3},
    {"ns_steps": 0},
    {"lr": torch.tensor(0.01, dtype=DOUBLE)},
]


def matrix(*shape, seed=0, dtype=DOUBLE):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=DOUBLE).to(dtype)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_takes_torchs_steps_in_every_option(options):
    ours = [matrix(*shape, seed=i).requires_grad_() for i, shape in enumerate(SHAPES)]
    theirs = [p.detach().clone().requires_grad_() for p in ours]
    a, b = Muon(ours, **options), torch.optim.Muon(theirs, **options)
    for k in range(200):
        for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            p.grad = None if (i + k) % 5 == 0 else matrix(*p.shape, seed=1000 * k + i)
            q.grad = p.grad
        a.step()
        b.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_the_iteration_is_its_polynomial_on_the_singular_values(shape, steps):
    b = matrix(*shape)
    u, s, v = torch.linalg.svd(b, full_matrices=False)
    s = s / torch.linalg.matrix_norm(b)
    a1, a3, a5 = NEWTON_SCHULZ
    for _ in range(steps):
        s = a1 * s + a3 * s**3 + a5 * s**5
    got = orthogonalized(b, steps=steps, dtype=None)
    torch.testing.assert_close(got, u @ torch.diag(s) @ v, rtol=1e-9, atol=1e-9)


def test_five_steps_bring_all_but_tiny_singular_values_near_1():
    u, _, v = torch.linalg.svd(matrix(30, 40), full_matrices=False)
    s = torch.logspace(-1.8, 0, 30, dtype=DOUBLE)
    got = torch.linalg.svdvals(orthogonalized(u @ torch.diag(s) @ v, dtype=None))
    assert got.min() > 0.68
    assert got.max() < 1.14


def test_coefficients_that_are_exact_at_1_converge():
    b = matrix(20, 30)
    u, _, v = torch.linalg.svd(b, full_matrices=False)
    got = orthogonalized(b, (2.0, -1.5, 0.5), steps=40, dtype=None)
    torch.testing.assert_close(got, u @ v, rtol=1e-10, atol=1e-10)


def test_rotating_the_gradients_rotates_the_steps():
    """No preferred coordinates, on either side of the matrix; in exact arithmetic."""
    q = torch.linalg.qr(matrix(6, 6, seed=1))[0]
    r = torch.linalg.qr(matrix(4, 4, seed=2))[0]
    b = matrix(6, 4)
    straight = orthogonalized(b, dtype=None)
    turned = orthogonalized(q @ b @ r, dtype=None)
    torch.testing.assert_close(turned, q @ straight @ r, rtol=1e-10, atol=1e-10)


def test_the_elements_of_a_step_are_as_large_as_adamws_if_asked_for():
    for shape in [(100, 50), (50, 100), (80, 80)]:
        w = torch.zeros(shape, dtype=DOUBLE, requires_grad=True)
        muon = Muon([w], lr=1.0, adjust_lr_fn="match_rms_adamw")
        w.grad = matrix(*shape)
        muon.step()
        rms = w.detach().square().mean().sqrt().item()
        assert 0.1 < rms < 0.25


def test_in_double_precision_a_step_has_the_singular_vectors_of_the_momentum():
    w = torch.zeros(6, 4, dtype=DOUBLE, requires_grad=True)
    muon = Muon([w], lr=0.5, weight_decay=0.0, nesterov=False, ns_dtype=None)
    w.grad = matrix(6, 4)
    muon.step()
    want = 0.5 * math.sqrt(6 / 4) * orthogonalized(0.05 * matrix(6, 4), dtype=None)
    torch.testing.assert_close(w.detach(), -want, rtol=1e-12, atol=1e-12)
    rounded = orthogonalized(matrix(6, 4))
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(
        rounded.double(), orthogonalized(matrix(6, 4), dtype=None), rtol=0, atol=0.1
    )


def test_a_zero_gradient_is_no_step():
    w = matrix(3, 4).requires_grad_()
    before = w.detach().clone()
    muon = Muon([w], weight_decay=0.0)
    w.grad = torch.zeros_like(w)
    muon.step()
    assert torch.equal(w, before)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (2, 3, 1, 1)], ids=str)
def test_other_than_matrices_are_refused_with_advice(shape):
    p = torch.ones(shape, requires_grad=True)
    with pytest.raises(ValueError, match=r"parameter 0 of shape .*e\.g\. AdamW") as refusal:
        Muon([p])
    assert str(shape) in str(refusal.value)
    with pytest.raises(ValueError, match="parameter 'gain' of shape"):
        Muon([("gain", p)])
    muon = Muon([torch.ones(2, 2, requires_grad=True)])
    with pytest.raises(ValueError, match="Muon must be real matrices"):
        muon.add_param_group({"params": [p]})
    assert len(muon.param_groups) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"momentum": -1.0}, "momentum must be a non-negative finite number, got -1.0"),
        ({"ns_steps": 100}, "ns_steps must be an integer from 0 to 99, got 100"),
        ({"ns_coefficients": (1.0, 2.0)}, "ns_coefficients must be three finite numbers"),
        ({"ns_coefficients": (1.0, 2.0, math.nan)}, r"ns_coefficients\[2\] must be a finite"),
        ({"eps": -1e-7}, "eps must be a non-negative finite number"),
        ({"ns_dtype": torch.int64}, "ns_dtype must be a floating-point type of torch"),
        ({"adjust_lr_fn": "rms"}, "adjust_lr_fn must be one of .*match_rms_adamw.*got 'rms'"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_wrong_options_are_refused_by_name_and_value(options, message):
    with pytest.raises(ValueError, match=message):
        Muon([torch.ones(2, 2, requires_grad=True)], **options)


def test_what_is_no_matrix_cannot_be_orthogonalised():
    with pytest.raises(ValueError, match=r"matrix must have two dimensions, got shape \(3,\)"):
        orthogonalized(torch.ones(3))
    with pytest.raises(TypeError, match=r"matrix must be a tensor of dtype float16.*got int64"):
        orthogonalized(torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="steps must be an integer from 0 to 99, got -1"):
        orthogonalized(torch.ones(2, 2), steps=-1)
    assert orthogonalized(torch.ones(0, 3)).shape == (0, 3)


def test_a_rule_for_matrices_sees_them_one_by_one_with_their_states():
    class Counting(MatrixMethod):
        states = {"s": "sum"}  # noqa: RUF012

        @staticmethod
        def update(x, g, s, *, t):
            s += g
            x -= t * s @ s.T @ x

    shapes = [(2, 3), (3, 2), (2, 3)]
    ws = [matrix(*shape, seed=i).requires_grad_() for i, shape in enumerate(shapes)]
    want = [w.detach().clone() for w in ws]
    sums = [torch.zeros_like(w) for w in want]
    method = Counting(ws, {"lr": 0.1})
    for k in range(3):
        for i, w in enumerate(ws):
            w.grad = matrix(*w.shape, seed=10 * k + i + 5)
            sums[i] += w.grad
            want[i] -= 0.1 * sums[i] @ sums[i].T @ want[i]
        method.step()
    for w, x in zip(ws, want, strict=True):
        torch.testing.assert_close(w.detach(), x, rtol=1e-12, atol=1e-12)
