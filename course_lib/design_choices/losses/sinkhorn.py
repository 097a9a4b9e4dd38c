"""Entropic optimal transport for general costs, by Sinkhorn's iteration in the log domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_flag, check_integer, check_number
from course_lib.design_choices.tensor_checks import (
    check_distributions,
    check_same_place,
    check_tensor,
    in_working_precision,
)

__all__ = ["SinkhornPlan", "sinkhorn"]


@dataclass(frozen=True)
class SinkhornPlan:
    r"""What :func:`sinkhorn` found.

    Attributes:
        value: the regularised cost
            :math:`\langle P,C\rangle+\epsilon\,\mathrm{KL}(P\,\|\,p\otimes q)`, shape (…), once
            differentiable in p, q and the cost.
        plan: :math:`P`, shape (…, n, m): how much goes from i to j. No gradient.
        transport_cost: :math:`\langle P,C\rangle`, shape (…). No gradient.
        f: potential of p, shape (…, n): the derivative of the value in p.
        g: potential of q, shape (…, m).
        marginal_error: :math:`\sum_i|\sum_j P_{ij}-p_i|`, shape (…). The other marginal is met.
        tolerance: the error asked for.
        iterations: how many were made.
    """

    value: Tensor
    plan: Tensor
    transport_cost: Tensor
    f: Tensor
    g: Tensor
    marginal_error: Tensor
    tolerance: float
    iterations: int

    @property
    def converged(self) -> bool:
        """Whether the marginal error is within the tolerance, everywhere in the batch."""
        return bool((self.marginal_error <= self.tolerance).all())


def sinkhorn(
    p: Tensor,
    q: Tensor,
    cost: Tensor,
    epsilon: float,
    *,
    tolerance: float | None = None,
    max_iterations: int = 10_000,
    validate: bool = True,
) -> SinkhornPlan:
    r"""Return the cheapest plan to carry distribution p into q, blurred by an entropy,

    .. math::

        \min_{P\ge0,\;P\mathbf1=p,\;P^\top\mathbf1=q}\;
        \langle P,C\rangle + \epsilon\,\mathrm{KL}(P\,\|\,p\otimes q).

    Its solution is :math:`P_{ij}=p_i\,q_j\,e^{(f_i+g_j-C_{ij})/\epsilon}`. Sinkhorn's iteration
    makes the rows of P sum to p by choice of f, then the columns to q by choice of g, in turn,

    .. math::

        f_i = -\epsilon\ln\sum_j q_j\,e^{(g_j-C_{ij})/\epsilon}, \qquad
        g_j = -\epsilon\ln\sum_i p_i\,e^{(f_i-C_{ij})/\epsilon},

    until both hold. In this form, on logarithms, nothing overflows however small
    :math:`\epsilon` is; but the smaller it is, the more iterations are needed. As
    :math:`\epsilon\to0` the value tends to the Wasserstein distance of cost C, from above.

    Args:
        p: probabilities, shape (…, n), summing to 1 along the last dimension.
        q: probabilities, shape (…, m), with the same leading dimensions.
        cost: :math:`C_{ij}`, finite, what a unit of mass pays from i to j: shape (n, m) for all
            pairs alike, or (…, n, m).
        epsilon: :math:`\epsilon`, positive, in units of the cost. The value's round-off is that of
            numbers as large as the costs and as :math:`\epsilon`.
        tolerance: on the marginal error; None for the square root of the machine epsilon. With 0
            all iterations are made and no error is read on the host.
        max_iterations: at least 1. If they do not suffice, ``converged`` is False.
        validate: refuse what is no distribution, and infinite costs. Needs a look at the values on
            the host.

    Returns:
        A :class:`SinkhornPlan`. The derivatives of its value are those of the solution: f in p, g
        in q (each up to a constant, which means nothing on the simplex), P in the cost.

    Raises:
        TypeError, ValueError: no floating-point tensors; shapes, dtypes or devices that do not fit;
            a number out of its range; or (with ``validate``) wrong values, or costs so many
            :math:`\epsilon` large that the exponents overflow.

    Example:
        >>> p, q = torch.tensor([1.0, 0.0]), torch.tensor([0.25, 0.75])
        >>> cost = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
        >>> plan = sinkhorn(p, q, cost, epsilon=0.1)
        >>> plan.value, plan.converged
        (tensor(1.5000), True)

    Source: slide 12 ("Wasserstein"); Cuturi, *Sinkhorn distances*, NeurIPS 2013; Peyré and Cuturi,
    *Computational optimal transport*, 2019, section 4.4. In POT: ``ot.solve(C, p, q, reg=epsilon,
    reg_type="KL")``.
    """
    _check_shapes(p, q, cost)
    epsilon = check_number("epsilon", epsilon, above=0)
    if tolerance is None:
        tolerance = torch.finfo(in_working_precision(p).dtype).eps ** 0.5
    check_number("tolerance", tolerance, low=0)
    check_integer("max_iterations", max_iterations, low=1)
    if check_flag("validate", validate):
        check_distributions("p", p, p.dim() - 1)
        check_distributions("q", q, q.dim() - 1)
        _check_cost(cost, epsilon)
    exact_p, exact_q, exact_cost = (in_working_precision(x.detach()) for x in (p, q, cost))
    # What rounding took from the sums could not be carried anywhere.
    exact_p = exact_p / exact_p.sum(-1, keepdim=True)
    exact_q = exact_q / exact_q.sum(-1, keepdim=True)
    f, g, plan, error, iterations = _iterate(
        exact_p, exact_q, exact_cost, epsilon, tolerance, max_iterations
    )
    dual = (f * exact_p).sum(-1) + (g * exact_q).sum(-1)
    transport_cost = (plan * exact_cost).sum((-2, -1))
    value = _Value.apply(p, q, cost, f, g, plan, dual)
    return SinkhornPlan(
        value=value.to(p.dtype),
        plan=plan.to(p.dtype),
        transport_cost=transport_cost.to(p.dtype),
        f=f.to(p.dtype),
        g=g.to(p.dtype),
        marginal_error=error.to(p.dtype),
        tolerance=tolerance,
        iterations=iterations,
    )


def _iterate(
    p: Tensor, q: Tensor, cost: Tensor, epsilon: float, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    log_p, log_q = p.log().unsqueeze(-1), q.log().unsqueeze(-2)
    scaled = -cost / epsilon
    f, g = torch.zeros_like(p), torch.zeros_like(q)
    iteration, error = 0, None
    while error is None or (iteration < max_iterations and _above(error, tolerance)):
        f = -epsilon * (log_q + g.unsqueeze(-2) / epsilon + scaled).logsumexp(-1)
        g = -epsilon * (log_p + f.unsqueeze(-1) / epsilon + scaled).logsumexp(-2)
        potentials = (f.unsqueeze(-1) + g.unsqueeze(-2)) / epsilon
        plan = (log_p + log_q + potentials + scaled).exp()
        error = (plan.sum(-1) - p).abs().sum(-1)
        iteration += 1
    return f, g, plan, error, iteration


def _above(error: Tensor, tolerance: float) -> bool:
    return tolerance == 0 or bool((error > tolerance).any())


class _Value(torch.autograd.Function):
    """The optimal value; its derivatives treat the potentials as fixed (envelope theorem)."""

    @staticmethod
    def forward(*tensors: Tensor) -> Tensor:
        return tensors[-1].clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:-1])

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        p, q, cost, f, g, plan = ctx.saved_tensors
        by_cost = slope.unsqueeze(-1).unsqueeze(-1) * plan
        if cost.dim() < plan.dim():
            by_cost = by_cost.flatten(0, -3).sum(0)
        gradients = (slope.unsqueeze(-1) * f, slope.unsqueeze(-1) * g, by_cost)
        once = (_Once.apply(gradient, p, q, cost) for gradient in gradients)
        return (*once, None, None, None, None)


class _Once(torch.autograd.Function):
    """Hands a first derivative on and refuses to make a second one of it, which would be wrong."""

    @staticmethod
    def forward(gradient: Tensor, *depends_on: Tensor) -> Tensor:
        return gradient.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> None:
        raise RuntimeError("the value of sinkhorn can be differentiated only once")


def _check_cost(cost: Tensor, epsilon: float) -> None:
    if not bool(cost.isfinite().all()):
        raise ValueError("cost must be finite numbers, got NaN or an infinite one")
    # A potential is at most a few times as large as the largest cost.
    largest, limit = float(cost.detach().abs().max()), torch.finfo(cost.dtype).max / 16
    if cost.dtype in (torch.float16, torch.bfloat16):
        limit = torch.finfo(torch.float32).max / 16
    if epsilon > limit or largest > limit * min(epsilon, 1.0):
        raise ValueError(
            f"epsilon must be such that cost / epsilon and epsilon are at most {limit:.2g}, "
            f"got {epsilon!r} for a cost of {largest:.6g}"
        )


def _check_shapes(p: Tensor, q: Tensor, cost: Tensor) -> None:
    for name, value in (("p", p), ("q", q)):
        if check_tensor(name, value).dim() == 0:
            raise ValueError(f"{name} must have a dimension of outcomes, got shape ()")
    if p.shape[:-1] != q.shape[:-1]:
        raise ValueError(
            f"q must have the leading dimensions {tuple(p.shape[:-1])} of p, "
            f"got shape {tuple(q.shape)}"
        )
    check_same_place("q", q, "p", p)
    check_same_place("cost", check_tensor("cost", cost), "p", p)
    one, each = (p.shape[-1], q.shape[-1]), (*p.shape, q.shape[-1])
    if tuple(cost.shape) not in (one, each):
        allowed = f"{one}" if one == each else f"{one} or {each}"
        raise ValueError(f"cost must have shape {allowed}, got {tuple(cost.shape)}")
