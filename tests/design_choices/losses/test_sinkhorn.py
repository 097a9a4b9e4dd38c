import re

import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from course_lib.design_choices.losses import sinkhorn, wasserstein_1d
from tests.design_choices.drawn_tensors import HALF, distributions, tensors

inf, nan = float("inf"), float("nan")
costs = tensors(st.floats(-3, 3), shapes=((3, 4),))


def problem(seed=0, n=5, m=4, batch=()):
    generator = torch.Generator().manual_seed(seed)
    options = {"generator": generator, "dtype": torch.float64}
    p = torch.softmax(torch.randn(*batch, n, **options), -1)
    q = torch.softmax(torch.randn(*batch, m, **options), -1)
    return p, q, torch.rand(*batch, n, m, **options)


@settings(max_examples=40)
@given(
    p=distributions((3,)),
    q=distributions((4,)),
    cost=costs,
    epsilon=st.sampled_from([0.3, 1.0, 20.0]),
)
def test_the_plan_has_the_marginals_and_the_value_is_the_regularised_cost(p, q, cost, epsilon):
    found = sinkhorn(p, q, cost, epsilon)
    assert found.converged
    torch.testing.assert_close(found.plan.sum(-1), p, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found.plan.sum(-2), q)
    assert (found.plan >= 0).all()
    product = p[:, None] * q[None, :]
    kl = torch.special.xlogy(found.plan, found.plan / product).nansum()
    torch.testing.assert_close(found.transport_cost, (found.plan * cost).sum())
    torch.testing.assert_close(
        found.value, found.transport_cost + epsilon * kl, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("epsilon", [0.05, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_pots(seed, epsilon):
    p, q, cost = problem(seed)
    ours = sinkhorn(p, q, cost, epsilon, tolerance=1e-12)
    theirs = ot.solve(cost, p, q, reg=epsilon, reg_type="KL", tol=1e-12, max_iter=20_000)
    assert ours.value.item() == pytest.approx(theirs.value.item(), rel=1e-9)
    assert ours.transport_cost.item() == pytest.approx(theirs.value_linear.item(), rel=1e-9)
    torch.testing.assert_close(ours.plan, theirs.plan, rtol=1e-7, atol=1e-10)


def test_as_epsilon_falls_the_value_falls_to_the_exact_cost():
    p, q, cost = problem()
    exact = ot.emd2(p.numpy(), q.numpy(), cost.numpy())
    values = [sinkhorn(p, q, cost, epsilon).value.item() for epsilon in (1.0, 0.1, 0.01)]
    assert values == sorted(values, reverse=True)
    assert exact <= values[-1] <= exact + 0.01 * 3  # KL(P‖p⊗q) is at most the entropy of p or q


def test_on_the_line_it_tends_to_the_wasserstein_distance():
    x = torch.tensor([0.0, 1.0, 2.5, 4.0], dtype=torch.float64)
    p, q, _ = problem(n=4, m=4)
    exact = wasserstein_1d(x, x, p, q).item()
    found = sinkhorn(p, q, (x[:, None] - x).abs(), 0.02)
    assert found.converged
    assert found.value.item() == pytest.approx(exact, rel=0.05)


def test_the_plan_is_that_of_the_potentials():
    p, q, cost = problem()
    found = sinkhorn(p, q, cost, 0.2)
    scaled = (found.f[:, None] + found.g[None, :] - cost) / 0.2
    torch.testing.assert_close(found.plan, p[:, None] * q[None, :] * scaled.exp())


def test_gradients_of_the_value_pass_gradcheck():
    p, q, cost = problem()

    def value(a, b, c):
        # Through a softmax, so that the step stays on the simplex.
        return sinkhorn(torch.softmax(a, -1), torch.softmax(b, -1), c, 0.3, tolerance=1e-13).value

    leaves = [x.clone().requires_grad_() for x in (p.log(), q.log(), cost)]
    assert torch.autograd.gradcheck(value, leaves)
    batch = [torch.stack([x, x.flip(-1)]).detach().requires_grad_() for x in leaves[:2]]
    assert torch.autograd.gradcheck(value, [*batch, leaves[2]])


def test_gradients_are_potentials_and_plan_and_those_of_pot():
    p, q, cost = (x.requires_grad_() for x in problem())
    found = sinkhorn(p, q, cost, 0.3, tolerance=1e-13)
    ours = torch.autograd.grad(found.value, (p, q, cost))
    for gradient, expected in zip(ours, (found.f, found.g, found.plan), strict=True):
        torch.testing.assert_close(gradient, expected)
    plan = ot.sinkhorn(p, q, cost, 0.3, method="sinkhorn_log", stopThr=1e-13, numItermax=10_000)
    torch.testing.assert_close(ours[2], plan)


def test_a_second_derivative_is_refused_and_not_wrong():
    p, q, cost = problem()
    cost.requires_grad_()
    value = sinkhorn(p, q, cost, 0.3).value
    for loss in (value, value.square(), value + cost.square().sum()):
        (gradient,) = torch.autograd.grad(loss, cost, create_graph=True)
        with pytest.raises(RuntimeError, match="differentiated only once"):
            gradient.sum().backward()


def test_only_the_value_carries_a_gradient():
    p, q, cost = (x.requires_grad_() for x in problem())
    found = sinkhorn(p, q, cost, 0.3)
    assert found.value.requires_grad
    for other in (found.plan, found.transport_cost, found.f, found.g, found.marginal_error):
        assert not other.requires_grad


def test_a_batch_is_a_plan_for_each_pair():
    p, q, cost = problem(batch=(2, 3))
    each = sinkhorn(p, q, cost, 0.2, tolerance=1e-12)
    shared = sinkhorn(p, q, cost[0, 0], 0.2, tolerance=1e-12)
    assert each.value.shape == shared.value.shape == each.marginal_error.shape == (2, 3)
    assert each.plan.shape == (2, 3, 5, 4)
    single = sinkhorn(p[1, 2], q[1, 2], cost[1, 2], 0.2, tolerance=1e-12)
    torch.testing.assert_close(each.plan[1, 2], single.plan)
    single = sinkhorn(p[1, 2], q[1, 2], cost[0, 0], 0.2, tolerance=1e-12)
    torch.testing.assert_close(shared.value[1, 2], single.value)


def test_a_tiny_epsilon_overflows_nothing():
    p, q, cost = problem()
    found = sinkhorn(p, q, 100 * cost, 1e-3, max_iterations=50)
    assert found.value.isfinite()
    assert found.plan.isfinite().all()
    assert found.iterations == 50
    assert not found.converged
    assert found.marginal_error > found.tolerance


def test_outcomes_without_mass_get_none():
    p = torch.tensor([0.0, 1.0], dtype=torch.float64)
    q = torch.tensor([0.5, 0.0, 0.5], dtype=torch.float64)
    cost = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], dtype=torch.float64, requires_grad=True)
    found = sinkhorn(p, q, cost, 0.1)
    torch.testing.assert_close(found.plan, torch.outer(p, q))
    assert found.value.item() == pytest.approx(4)
    (gradient,) = torch.autograd.grad(found.value, cost)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [*HALF, torch.float32])
def test_each_dtype_is_kept(dtype):
    p, q, cost = (x.to(dtype) for x in problem())
    p, q, cost = (x.requires_grad_() for x in (p, q, cost))
    found = sinkhorn(p, q, cost, 0.3)
    assert found.converged
    for tensor in (found.value, found.plan, found.f, found.g, found.transport_cost):
        assert tensor.dtype == dtype
    p64, q64 = (x.double() / x.double().sum() for x in (p, q))
    exact = sinkhorn(p64, q64, cost.double(), 0.3).value
    assert found.value.item() == pytest.approx(exact.item(), rel=4 * torch.finfo(dtype).eps)
    for leaf, gradient in zip(
        (p, q, cost), torch.autograd.grad(found.value, (p, q, cost)), strict=True
    ):
        assert gradient.dtype == leaf.dtype


P, Q, C = torch.tensor([0.5, 0.5]), torch.tensor([0.2, 0.3, 0.5]), torch.ones(2, 3)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"p": P + 1}, ValueError, "p must be probabilities from 0 to 1"),
        ({"q": Q / 2}, ValueError, "q must sum to 1 along dim 0"),
        ({"p": P.double()}, TypeError, "q must have the dtype torch.float64 of p"),
        ({"p": [0.5, 0.5]}, TypeError, "p must be a tensor of dtype float16"),
        ({"p": P[None]}, ValueError, "q must have the leading dimensions (1,) of p"),
        ({"p": P[0]}, ValueError, "p must have a dimension of outcomes, got shape ()"),
        ({"cost": C.T}, ValueError, "cost must have shape (2, 3), got (3, 2)"),
        ({"cost": C[0]}, ValueError, "cost must have shape (2, 3), got (3,)"),
        ({"cost": C.double()}, TypeError, "cost must have the dtype torch.float32 of p"),
        ({"cost": C.long()}, TypeError, "cost must be a tensor of dtype float16"),
        ({"cost": C.to("meta")}, ValueError, "cost must be on the device cpu of p, got meta"),
        ({"cost": C * inf}, ValueError, "cost must be finite numbers"),
        ({"cost": C * nan}, ValueError, "cost must be finite numbers"),
        ({"epsilon": 0.0}, ValueError, "epsilon must be a finite number above 0, got 0.0"),
        ({"epsilon": "1"}, TypeError, "epsilon must be a finite number above 0, got '1'"),
        ({"tolerance": -1}, ValueError, "tolerance must be a finite number of at least 0, got -1"),
        ({"max_iterations": 0}, ValueError, "max_iterations must be an integer of at least 1"),
        ({"validate": "no"}, TypeError, "validate must be True or False, got 'no'"),
    ],
)
def test_what_is_no_transport_problem_is_refused(change, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        sinkhorn(**{"p": P, "q": Q, "cost": C, "epsilon": 0.1, **change})


def test_nothing_leaves_the_device_and_without_checks_nothing_is_read():
    with FakeTensorMode():
        p, q = torch.ones(4, 2, device="cuda"), torch.ones(4, 3, device="cuda")
        cost = torch.ones(2, 3, device="cuda")
        found = sinkhorn(p, q, cost, 0.1, tolerance=0, max_iterations=3, validate=False)
        assert found.iterations == 3
        assert found.value.device.type == found.plan.device.type == "cuda"


@pytest.mark.parametrize("epsilon", [1e-38, 1e-300, 1e38, 1e300])
def test_an_epsilon_that_overflows_is_refused(epsilon):
    with pytest.raises(ValueError, match=r"epsilon must be such that .*, got 1e"):
        sinkhorn(P.float(), Q.float(), C.float(), epsilon)


@pytest.mark.parametrize("epsilon", [1e-36, 1e36])
def test_an_epsilon_that_just_does_not_overflow_gives_numbers(epsilon):
    found = sinkhorn(P.float(), Q.float(), C.float(), epsilon, max_iterations=50)
    assert all(x.isfinite().all() for x in (found.value, found.plan, found.f, found.g))
