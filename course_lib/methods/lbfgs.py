"""L-BFGS: BFGS that remembers the last few steps in place of a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_flag, check_integer, check_number
from course_lib.methods.line_searching import StepSize
from course_lib.methods.point import Point
from course_lib.methods.quasi_newton import has_curvature
from course_lib.methods.restart import RestartingMethod, first_direction, is_descent
from course_lib.methods.step_sizes import StrongWolfe

__all__ = ["LBFGS", "LBFGSDirection", "two_loop_recursion"]


def two_loop_recursion(
    v: Tensor, s: Sequence[Tensor], y: Sequence[Tensor], *, scaling: bool = True
) -> Tensor:
    r"""Return :math:`Hv`, where :math:`H` is what the updates of BFGS make of pairs of vectors.

    .. math::

        H_i = (I - \rho_i s_i y_i^\top) H_{i-1} (I - \rho_i y_i s_i^\top) + \rho_i s_i s_i^\top,
        \qquad \rho_i = \frac1{s_i^\top y_i}, \qquad
        H_0 = \gamma I, \quad \gamma = \frac{s_m^\top y_m}{y_m^\top y_m}

    for :math:`i = 1, \dots, m`, without forming a matrix: :math:`4mn` multiplications. The first
    loop multiplies by the factors on the right, newest first; the second by those on the left.

    Args:
        v: vector of shape (n,).
        s: steps :math:`s_1, \dots, s_m`, oldest first, shape (n,) each.
        y: changes of gradient :math:`y_1, \dots, y_m`, with :math:`s_i^\top y_i > 0`.
        scaling: False starts with :math:`H_0 = I`.

    Example:
        >>> import torch
        >>> s, y = torch.tensor([1.0, 0.0]), torch.tensor([4.0, 0.0])
        >>> two_loop_recursion(torch.tensor([4.0, 4.0]), [s], [y])  # H y = s
        tensor([1., 1.])

    Source: Nocedal, *Updating quasi-Newton matrices with limited storage*, Math. Comp. 35 (1980).
    """
    rho = [1 / (y_i @ s_i) for s_i, y_i in zip(s, y, strict=True)]
    alpha = []
    q = v
    for s_i, y_i, rho_i in zip(reversed(s), reversed(y), reversed(rho), strict=True):
        alpha.append(rho_i * (s_i @ q))
        q = q - alpha[-1] * y_i
    r = (y[-1] @ s[-1]) / (y[-1] @ y[-1]) * q if scaling and s else q
    for s_i, y_i, rho_i, alpha_i in zip(s, y, rho, reversed(alpha), strict=True):
        beta = rho_i * (y_i @ r)
        r = r + (alpha_i - beta) * s_i
    return r


@dataclass(frozen=True)
class LBFGSDirection:
    r"""The direction :math:`d_k = -H_k g_k`, :math:`H_k` made of the last `history_size` pairs.

    The pairs are the steps :math:`s_i = x_i - x_{i-1}` and the changes of gradient
    :math:`y_i = g_i - g_{i-1}`; :func:`two_loop_recursion` says what :math:`H_k` is. A pair without
    curvature, :math:`s_i^\top y_i \le 0`, is left out. The first direction is
    :func:`~course_lib.methods.first_direction`; it is taken again, and all pairs are
    forgotten, where :math:`d_k` is no descent direction.

    Args:
        history_size: largest number of pairs.
        scaling: start from :math:`H_0 = \frac{s^\top y}{y^\top y} I` with the newest pair; False
            starts from :math:`I`.
        least_curvature: leave out pairs with :math:`s_i^\top y_i` up to here, too. torch has
            ``1e-10``, which forgets the steps close to a minimum.
    """

    history_size: int = 100
    scaling: bool = True
    least_curvature: float = 0.0

    def __post_init__(self) -> None:
        """Check the options."""
        check_integer("history_size", self.history_size, low=1)
        check_flag("scaling", self.scaling)
        check_number("least_curvature", self.least_curvature, low=0)

    def __call__(self, point: Point, memory: dict[str, Any], /) -> Tensor:
        """Return the direction at `point`, and keep `x`, `g` and the pairs in `memory`."""
        x, g = point.x, point.gradient
        first = "x" not in memory
        if not first:
            self._learn(memory, x - memory["x"], g - memory["g"])
        memory["x"], memory["g"] = x, g
        if not first:
            d = -two_loop_recursion(g, memory["s"], memory["y"], scaling=self.scaling)
            if is_descent(point, d):
                return d
        memory["s"], memory["y"] = [], []
        return first_direction(point)

    def restart(self, memory: dict[str, Any]) -> bool:
        """Forget what was learned; return whether there was anything."""
        learned = bool(memory.get("s"))
        for key in ("x", "g", "s", "y"):
            memory.pop(key, None)
        return learned

    def _learn(self, memory: dict[str, Any], s: Tensor, y: Tensor) -> None:
        if has_curvature(s, y, self.least_curvature):
            memory["s"] = [*memory["s"], s][-self.history_size :]
            memory["y"] = [*memory["y"], y][-self.history_size :]


class LBFGS(RestartingMethod):
    r"""BFGS with limited memory: a step costs :math:`O(mn)`, with :math:`m` pairs of vectors kept.

    .. math:: x_{k+1} = x_k - t_k H_k \nabla F(x_k)

    with the :math:`H_k` of :class:`LBFGSDirection`. It is the method of choice for smooth
    functions of many variables. Gradients of successive steps are compared, so they have to
    belong to one function: use it on all data, not on changing batches.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``.
        lr: The first step size that the search tries; the step size itself for ``FixedStep()``.
        history_size: Largest number :math:`m` of pairs: memory for :math:`2m` copies of the
            parameters. Fewer, such as 10, are often as good.
        step_size: How far to go. The strong Wolfe conditions see to :math:`s^\top y > 0`.
        scaling: Scale :math:`H_0` by the newest pair.
        least_curvature: Leave out pairs with :math:`s^\top y` up to here.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.

    Example:
        >>> import torch
        >>> w = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
        >>> lbfgs = LBFGS([w])
        >>> def closure():
        ...     lbfgs.zero_grad()
        ...     loss = 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
        ...     loss.backward()
        ...     return loss
        >>> for k in range(50):
        ...     _ = lbfgs.step(closure)
        >>> w.detach()
        tensor([1., 1.], dtype=torch.float64)

    Source: slide 3; Liu and Nocedal, *On the limited memory BFGS method for large scale
    optimization*, Math. Programming 45 (1989). In torch: ``torch.optim.LBFGS`` takes the same steps
    for ``least_curvature=1e-10``, ``max_iter`` of them in one ``step``, until its tolerances on the
    gradient and the change stop it; it takes one group only. Its step size is fixed by default,
    ``FixedStep()`` here. ``scipy.optimize.minimize(method="L-BFGS-B")`` keeps 10 pairs.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        *,
        history_size: int = 100,
        step_size: StepSize | None = None,
        scaling: bool = True,
        least_curvature: float = 0.0,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        direction = LBFGSDirection(history_size, scaling, least_curvature)
        super().__init__(
            params, direction, StrongWolfe() if step_size is None else step_size, lr=lr
        )
