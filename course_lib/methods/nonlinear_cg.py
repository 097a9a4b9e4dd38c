"""The conjugate gradient method for functions that are no quadratics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.arguments import check_integer
from course_lib.methods.line_searching import StepSize
from course_lib.methods.point import Point
from course_lib.methods.restart import RestartingMethod, steepest
from course_lib.methods.step_sizes import StrongWolfe

__all__ = ["ConjugateDirection", "NonlinearCG"]

SUFFICIENT_DESCENT = 0.01
"""A direction falls enough if its slope is below this share of that of the negative gradient."""


@dataclass(frozen=True)
class ConjugateDirection:
    r"""The direction :math:`d_k = -g_k + \beta_k d_{k-1}` of nonlinear conjugate gradients.

    .. math::

        \beta_k^{FR} = \frac{g_k^\top g_k}{g_{k-1}^\top g_{k-1}}, \qquad
        \beta_k^{PR+} = \max\Bigl\{\frac{g_k^\top (g_k - g_{k-1})}{g_{k-1}^\top g_{k-1}}, 0\Bigr\}

    On a convex quadratic with exact steps both are linear CG, since the gradients are orthogonal
    there. Elsewhere Polak and Ribière's has the merit that it forgets: after a step that hardly
    changed the gradient, :math:`\beta` is near 0. Fletcher and Reeves's keeps a bad direction, and
    may take thousands of tiny steps along such ones unless `restart_every` ends them.

    The method starts again from :math:`-g_k` where :math:`d_k` is no direction of sufficient
    descent, :math:`g_k^\top d_k > -0.01\,\|g_k\|^2`, where :math:`\beta_k` is 0, and every
    `restart_every` steps.

    Args:
        beta: ``"PR+"`` or ``"FR"``.
        restart_every: number of steps, such as :math:`n`, after which :math:`n` conjugate
            directions of a quadratic are used up; None for never.

    Source: Nocedal and Wright, *Numerical Optimization* (2006), section 5.2; Gilbert and Nocedal,
    *Global convergence properties of conjugate gradient methods for optimization*, SIAM J. Optim. 2
    (1992).
    """

    beta: Literal["PR+", "FR"] = "PR+"
    restart_every: int | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        if self.beta not in ("PR+", "FR"):
            raise ValueError(f'beta must be "PR+" or "FR", got {self.beta!r}')
        if self.restart_every is not None:
            check_integer("restart_every", self.restart_every, low=1)

    def __call__(self, point: Point, memory: dict[str, Any], /) -> Tensor:
        """Return the direction at `point`, and keep `g`, `d` and the steps made in `memory`."""
        g, d, made = point.gradient, steepest(point), 0
        if "d" in memory and memory["made"] != self.restart_every:
            beta = self._beta(g, memory["g"])
            conjugate = d + beta * memory["d"]
            falls = point.slope(conjugate) <= SUFFICIENT_DESCENT * point.slope(d)
            if falls and beta > 0:
                d, made = conjugate, memory["made"]
        memory["g"], memory["d"], memory["made"] = g, d, made + 1
        return d

    def restart(self, memory: dict[str, Any]) -> bool:
        """Forget the last direction; return whether it made a difference."""
        conjugate = memory.get("made", 0) > 1
        memory.clear()
        return conjugate

    def _beta(self, g: Tensor, g_old: Tensor) -> float:
        if self.beta == "FR":
            return float((g @ g) / (g_old @ g_old))
        return float(g @ (g - g_old) / (g_old @ g_old))


class NonlinearCG(RestartingMethod):
    r"""Conjugate gradients for any smooth function: :math:`x_{k+1} = x_k + t_k d_k`.

    The directions are those of :class:`ConjugateDirection`. Three vectors are all it keeps, so it
    is the method of choice where even a few pairs of L-BFGS are too many. It needs a fairly exact
    search; otherwise the directions lose what makes them conjugate.

    Args:
        params: Parameters, named parameters, or groups of them, as for ``torch.optim``.
        lr: The first step size that the search tries; the step size itself for ``FixedStep()``.
        beta: ``"PR+"`` (Polak and Ribière's, not below 0) or ``"FR"`` (Fletcher and Reeves's).
        restart_every: Start again from the gradient after so many steps; None for never.
        step_size: How far to go. With the strong Wolfe conditions and ``c2`` below 1/2 the
            directions of ``"FR"`` are descent directions.

    Raises:
        ValueError: a hyper-parameter is outside its range, here or in a group.
        TypeError: an argument is of the wrong type.

    Example:
        >>> import torch
        >>> w = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
        >>> cg = NonlinearCG([w])
        >>> def closure():
        ...     cg.zero_grad()
        ...     loss = 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
        ...     loss.backward()
        ...     return loss
        >>> for k in range(50):
        ...     _ = cg.step(closure)
        >>> w.detach()
        tensor([1., 1.], dtype=torch.float64)

    Source: slide 3; Fletcher and Reeves 1964; Polak and Ribière 1969; Nocedal and Wright,
    *Numerical Optimization* (2006), Algorithm 5.4. torch has none;
    ``scipy.optimize.minimize(method="CG")`` is ``"PR+"``.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        *,
        beta: Literal["PR+", "FR"] = "PR+",
        restart_every: int | None = None,
        step_size: StepSize | None = None,
    ) -> None:
        """Check the hyper-parameters and take in the parameters."""
        search = StrongWolfe(c2=0.1, first_trial="decrease") if step_size is None else step_size
        super().__init__(params, ConjugateDirection(beta, restart_every), search, lr=lr)
