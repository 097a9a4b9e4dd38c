"""Products with the Hessian of a loss in any parameters, by differentiating its gradient again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["HessianOperator"]


class HessianOperator:
    r"""The map :math:`v \mapsto \nabla^2F(x)\,v` at the place where a gradient was computed.

    The gradient :math:`g(x)` was computed by autograd with its graph kept
    (``torch.autograd.grad(..., create_graph=True)``). Then :math:`\nabla^2F(x)\,v` is the gradient
    of the number :math:`g(x)^\top v`, for about the price of another gradient. No matrix is formed.

    Args:
        gradients: the gradient in each parameter, with its graph; None where the loss does not
            depend on the parameter.
        parameters: the leaf tensors in which the gradient was taken. They must not be changed as
            long as products are asked for.
        count: called at each product, for instance to count it.

    Raises:
        ValueError: there are not as many gradients as parameters.

    Example:
        >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> loss = w[0] ** 2 * w[1]
        >>> operator = HessianOperator(torch.autograd.grad(loss, w, create_graph=True), [w])
        >>> operator([torch.tensor([1.0, 0.0])])
        [tensor([4., 2.])]

    Source: Pearlmutter 1994. :func:`course_lib.derivatives.hessian_vector_product` does the same
    with the course's own tape.
    """

    def __init__(
        self,
        gradients: Sequence[Tensor | None],
        parameters: Sequence[Tensor],
        *,
        count: Callable[[], None] | None = None,
    ) -> None:
        if len(gradients) != len(parameters):
            raise ValueError(
                f"gradients must hold one entry for each of the {len(parameters)} parameters, got "
                f"{len(gradients)}"
            )
        self._gradients, self._parameters, self._count = list(gradients), list(parameters), count

    def __call__(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Return the product, one tensor for each parameter.

        Args:
            vectors: one tensor for each parameter, of its shape, dtype and device.

        Raises:
            ValueError: `vectors` do not have the shapes of the parameters.
        """
        given = [tuple(v.shape) for v in vectors]
        shapes = [tuple(p.shape) for p in self._parameters]
        if given != shapes:
            raise ValueError(f"vectors must have the shapes {shapes}, got {given}")
        if self._count is not None:
            self._count()
        products = [torch.zeros_like(p) for p in self._parameters]
        # A gradient without a graph is constant, and a frozen parameter does not move.
        pairs = [
            (g, v)
            for g, v in zip(self._gradients, vectors, strict=True)
            if g is not None and g.requires_grad
        ]
        free = [i for i, p in enumerate(self._parameters) if p.requires_grad]
        if not pairs or not free:
            return products
        found = torch.autograd.grad(
            [g for g, _ in pairs],
            [self._parameters[i] for i in free],
            [v for _, v in pairs],
            retain_graph=True,
            allow_unused=True,
        )
        for i, product in zip(free, found, strict=True):
            if product is not None:
                products[i] = product.detach()
        return products
