"""Finite differences: derivatives from values alone, with a step that is neither long nor short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import check_callable, check_floating, check_number
from course_lib.derivatives.points import basis, check_same_form, check_tensor

__all__ = ["best_step", "central_difference", "complex_step", "forward_difference"]

_KINDS = ("forward", "central", "complex")


def best_step(
    kind: str,
    dtype: torch.dtype,
    scale: float | Tensor = 1.0,
    *,
    noise: float | None = None,
) -> Any:
    r"""Return the step :math:`h` for which truncation and round-off together are smallest.

    The values of :math:`f` carry an error of at most :math:`\eta|f|`, where :math:`\eta` is
    ``noise``. So the errors of the two differences are at most

    .. math::
        \text{forward: } \frac h2|f''|+\frac{2\eta|f|}h,\qquad
        \text{central: } \frac{h^2}6|f'''|+\frac{\eta|f|}h,

    and they are smallest at :math:`h=2\sqrt\eta\,s` with :math:`s=\sqrt{|f/f''|}`, and at
    :math:`h=\sqrt[3]{3\eta}\,s` with :math:`s=\sqrt[3]{|f/f'''|}`. The scale :math:`s` is the
    length over which :math:`f` changes markedly. The complex step subtracts nothing, so its step
    may be as short as one likes; here it is :math:`\epsilon^2s`, with :math:`\epsilon` the distance
    from 1 to the next number.

    Args:
        kind: "forward", "central" or "complex".
        dtype: floating-point type of the computation.
        scale: :math:`s`, a positive number or a tensor of such; the size of :math:`x` is the usual
            guess when nothing is known of the derivatives.
        noise: :math:`\eta`, from :math:`\epsilon/2` to below 1; by default :math:`\epsilon`. Larger
            for a function that is itself computed only approximately.

    Returns:
        The step, a number or a tensor like ``scale``.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Example:
        >>> [f"{best_step(kind, torch.float64):.0e}" for kind in ("forward", "central", "complex")]
        ['3e-08', '9e-06', '5e-32']

    Source: Press et al. 2007, section 5.7; Squire and Trapp 1998 for the complex step.
    """
    if kind not in _KINDS:
        raise ValueError(f"kind must be one of {', '.join(_KINDS)}, got {kind!r}")
    eps = torch.finfo(check_floating("dtype", dtype)).eps
    eta = eps if noise is None else check_number("noise", noise, low=eps / 2, below=1)
    if isinstance(scale, Tensor):
        check_tensor("scale", scale)
        if not bool(((scale > 0) & scale.isfinite()).all()):
            raise ValueError(f"scale must be positive and finite, got {scale}")
    else:
        scale = check_number("scale", scale, above=0)
    return (
        scale * {"forward": 2 * eta**0.5, "central": (3 * eta) ** (1 / 3), "complex": eps**2}[kind]
    )


def forward_difference(
    f: Callable[[Tensor], Tensor],
    x: Tensor,
    h: float | Tensor | None = None,
    *,
    direction: Tensor | None = None,
) -> Tensor:
    r"""Return :math:`\frac{f(x+he_j)-f(x)}h` for all :math:`j`: n + 1 values for n inputs.

    Args:
        f: a function of a tensor like ``x``, with a tensor of the same dtype as value. It is called
            without torch's tape, and may change the tensor it gets, which is a copy.
        x: where: a finite floating-point tensor of any shape.
        h: step: a positive number, or a tensor of them like ``x``, for each coordinate its own. By
            default :func:`best_step` with the scale :math:`\max(|x_j|,1)`. What is divided by is
            the step really made, after rounding.
        direction: a tensor like ``x``: the derivative along it alone, from two values. The step is
            then one number, by default for the scale :math:`\max(\|x\|,1)/\|direction\|` with
            the norm of the largest entry. Entries of the direction so small beside its largest that
            rounding swallows their part of the move pass for 0.

    Returns:
        The Jacobian, of the shape of ``f(x)`` followed by that of ``x``; for a scalar function its
        gradient. Along a direction: of the shape of ``f(x)``.

    Raises:
        TypeError, ValueError: an argument, or what ``f`` returns, is not as stated; ``h`` is so
            short that ``x`` does not change.

    Example:
        >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64)
        >>> gradient = forward_difference(lambda x: (x * x).sum(), x)
        >>> bool((gradient - 2 * x).abs().max() < 1e-7)
        True
    """
    start = _value(f, check_finite("x", x).clone())

    def along(move: Tensor) -> Tensor:
        return _value(f, x + move) - start

    return _differences(f, along, "forward", x, h, direction, start)


def central_difference(
    f: Callable[[Tensor], Tensor],
    x: Tensor,
    h: float | Tensor | None = None,
    *,
    direction: Tensor | None = None,
) -> Tensor:
    r"""Return :math:`\frac{f(x+he_j)-f(x-he_j)}{2h}` for all :math:`j`: 2n values for n inputs.

    Arguments, result and errors are those of :func:`forward_difference`.

    Example:
        >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64)
        >>> gradient = central_difference(lambda x: (x * x).sum(), x)
        >>> bool((gradient - 2 * x).abs().max() < 1e-10)
        True
    """

    def along(move: Tensor) -> Tensor:
        return (_value(f, x + move) - _value(f, x - move)) / 2

    return _differences(f, along, "central", x, h, direction)


def complex_step(
    f: Callable[[Tensor], Tensor],
    x: Tensor,
    h: float | Tensor | None = None,
    *,
    direction: Tensor | None = None,
) -> Tensor:
    r"""Return :math:`\operatorname{Im} f(x+ihe_j)/h` for all :math:`j`: n complex values.

    By Taylor :math:`f(x+ih)=f(x)+ihf'(x)-\frac{h^2}2f''(x)-\dots`: nothing is subtracted, so
    nothing cancels. It needs an analytic ``f`` that computes with complex tensors. Torch refuses
    complex numbers in ``relu`` or in comparisons. **It does not refuse** ``abs``, ``conj`` or
    ``real``, which are not analytic: if the result is real an error is raised, but inside a longer
    formula they give a wrong derivative.

    Arguments, result and errors are those of :func:`forward_difference`; ``x`` must be float32 or
    float64.

    Example:
        >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64)
        >>> complex_step(lambda x: (x * x).sum(), x)
        tensor([2., 4.], dtype=torch.float64)

    Source: Squire and Trapp 1998.
    """
    if check_tensor("x", x).dtype not in (torch.float32, torch.float64):
        raise TypeError(f"x must have dtype torch.float32 or torch.float64, got {x.dtype}")

    def along(move: Tensor) -> Tensor:
        value = _value(f, torch.complex(x, move), of=x.dtype.to_complex())
        return value.imag

    return _differences(f, along, "complex", x, h, direction)


def check_finite(name: str, value: Tensor) -> Tensor:
    """Return ``value`` if it is a tensor of finite floating-point numbers."""
    if not bool(check_tensor(name, value).isfinite().all()):
        raise ValueError(f"{name} must be finite, got {value}")
    return value


def _differences(
    f: Callable[[Tensor], Tensor],
    along: Callable[[Tensor], Tensor],
    kind: str,
    x: Tensor,
    h: float | Tensor | None,
    direction: Tensor | None,
    start: Tensor | None = None,
) -> Tensor:
    """Divide the differences of f by the steps, along a direction or along every coordinate."""
    check_callable("f", f, "a function of a tensor")
    check_finite("x", x)
    if direction is not None:
        check_finite("direction", check_same_form("direction", direction, x))
        step = _step_along(kind, x, h, direction)
        move = _moved(kind, x, step * direction)
        return along(move) / (step if kind == "complex" else _length(move, direction, step))
    steps = _steps(kind, x, h)
    columns = []
    for unit in basis(x):
        move = _moved(kind, x, steps * unit)
        columns.append(along(move) / move.sum())
    if columns:
        return torch.stack(columns, dim=-1).reshape(columns[0].shape + x.shape)
    value = _value(f, x) if start is None else start
    return value.new_zeros(value.shape + x.shape)


def _moved(kind: str, x: Tensor, move: Tensor) -> Tensor:
    """Return the move as the numbers can make it: what x + move really differs from x by."""
    if kind == "complex":
        return move
    real = (x + move) - x
    lost = (real == 0) & (move != 0)
    if bool(lost.any()):
        lost &= move.abs() > torch.finfo(x.dtype).eps ** 0.5 * move.abs().max()
    if bool(lost.any()):
        raise ValueError(
            f"h must be long enough to change x, got a move of {move[lost][0]:.1e} at "
            f"{x[lost][0]:.1e}"
        )
    return real


def _length(move: Tensor, direction: Tensor, step: float) -> Tensor | float:
    """Return how many times the direction the move is, after rounding: the step really made."""
    if not bool(direction.any()):
        return step
    unit = direction / direction.abs().max()
    return (move * unit).sum() / (direction * unit).sum()


def _steps(kind: str, x: Tensor, h: float | Tensor | None) -> Tensor:
    """Return a step for each coordinate."""
    if h is None:
        return best_step(kind, x.dtype, x.abs().clamp(min=1))
    if isinstance(h, Tensor):
        check_same_form("h", h, x)
        if not bool(((h > 0) & h.isfinite()).all()):
            raise ValueError(f"h must be positive and finite, got {h}")
        return h
    return torch.full_like(x, check_number("h", h, above=0))


def _step_along(kind: str, x: Tensor, h: float | Tensor | None, direction: Tensor) -> float:
    """Return the one step along a direction."""
    if isinstance(h, Tensor):
        raise TypeError(f"h must be a number where a direction is given, got {h!r}")
    if h is not None:
        return check_number("h", h, above=0)
    length = float(direction.abs().max()) if direction.numel() else 0.0
    size = max(float(x.abs().max()), 1.0) if x.numel() else 1.0
    return best_step(kind, x.dtype, size / (length or 1.0))


def _value(f: Callable[[Tensor], Tensor], x: Tensor, of: torch.dtype | None = None) -> Tensor:
    """Return f(x) without torch's tape, if it is a tensor of the right dtype."""
    with torch.no_grad():
        value = check_callable("f", f, "a function of a tensor")(x)
    if not isinstance(value, Tensor):
        raise TypeError(f"f must return a tensor, got {value!r}")
    if value.dtype != (of or x.dtype):
        raise TypeError(f"f must return dtype {of or x.dtype}, got {value.dtype}")
    return value.clone()  # f may write its next value into the same tensor
