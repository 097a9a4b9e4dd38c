"""Rosenblatt's perceptron (slide 7): a subgradient method that stops on separable data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.arguments import check_flag, check_floating_tensor, check_integer
from course_lib.design_choices.activations import relu
from course_lib.design_choices.labelled_points import check_labels, signed_points
from course_lib.randomness import LARGEST_SEED, generator_of

__all__ = ["PerceptronRun", "perceptron", "perceptron_loss"]


@dataclass(frozen=True)
class PerceptronRun:
    """What the perceptron did.

    Attributes:
        w: the last weights, shape (n,).
        mistakes: number of mistakes, each of which changed the weights.
        passes: number of passes over the data, the last one without mistakes included.
        converged: whether the last pass was without mistakes: then ``w`` separates the data.
        reason: why it stopped, in words.
        mistaken: the samples mistaken, in order, shape (mistakes,); the weights after k mistakes
            are the sum of their :math:`y_ix_i`.
        seen: number of samples seen up to each mistake, shape (mistakes,).
        mistakes_per_pass: number of mistakes in each pass, shape (passes,).
    """

    w: Tensor
    mistakes: int
    passes: int
    converged: bool
    reason: str
    mistaken: Tensor
    seen: Tensor
    mistakes_per_pass: Tensor


def perceptron(
    x: Tensor,
    y: Tensor,
    *,
    max_passes: int = 1000,
    order: str = "cyclic",
    seed: int = 0,
) -> PerceptronRun:
    r"""Look for weights :math:`w` with :math:`y_iw^\top x_i>0` for all samples, from :math:`w=0`.

    .. math:: w \leftarrow w + y_i x_i \quad\text{if } y_i w^\top x_i \le 0

    The samples are looked at one after the other until a whole pass makes no mistake. This is a
    subgradient step of length 1 on :math:`\max(0,-y_iw^\top x_i)` (:func:`perceptron_loss`), not
    on the loss of the sign, whose gradient is zero. If some :math:`w^*` separates the data with
    margin :math:`\gamma`, it makes at most :math:`(R/\gamma)^2` mistakes (:func:`novikoff_bound`),
    in whatever order. If none does, it never stops by itself.

    There is no bias: for one, add a column of ones to ``x``. Finding the next mistake needs a look
    at numbers, so on a GPU each mistake waits for the device.

    Args:
        x: samples, shape (m, n), float32 or float64, finite.
        y: labels -1 or 1, shape (m,), of any real dtype, on the device of ``x``.
        max_passes: passes after which to give up, at least 1.
        order: ``"cyclic"``, as they stand, or ``"shuffled"``, anew in each pass.
        seed: non-negative integer; the shuffled orders are functions of it.

    Returns:
        The run; ``converged`` is False if it gave up, or if the weights came back to what they had
        been after an earlier pass in cyclic order, which shows that it would go on for ever.

    Raises:
        TypeError, ValueError: an argument is not as said.
        OverflowError: the weights leave the range of the dtype of ``x``.

    Example:
        >>> x = torch.tensor([[2.0, 1.0], [1.0, 3.0], [-1.0, 1.0]])
        >>> run = perceptron(x, torch.tensor([1, 1, -1]))
        >>> run.w, run.mistakes, run.passes, run.converged
        (tensor([2., 1.]), 1, 2, True)

    Source: slide 7; Rosenblatt, *The perceptron*, Psychological Review 65 (1958); Novikoff, *On
    convergence proofs on perceptrons*, 1962. Scikit-learn's ``Perceptron`` makes the same steps
    with ``fit_intercept=False, shuffle=False, tol=None``; it always makes ``max_iter`` passes.
    """
    points, scale = signed_points(x, y)
    check_integer("max_passes", max_passes, low=1)
    check_integer("seed", seed, low=0, high=LARGEST_SEED)
    if order not in ("cyclic", "shuffled"):
        raise ValueError(f"order must be 'cyclic' or 'shuffled', got {order!r}")
    generator = generator_of("order of the perceptron", seed)
    m = len(points)
    w = torch.zeros_like(points[0])
    mistaken: list[int] = []
    seen: list[int] = []
    per_pass: list[int] = []
    earlier: set[bytes] = set()
    reason = (
        f"gave up after max_passes={max_passes} passes: the data are not separable by a plane "
        "through 0, or their margin is too small for so few"
    )
    for number in range(max_passes):
        sequence = torch.randperm(m, generator=generator) if order == "shuffled" else None
        rows = points if sequence is None else points[sequence.to(points.device)]
        positions = _pass(rows, w)
        mistaken += positions if sequence is None else sequence[positions].tolist()
        seen += [number * m + position + 1 for position in positions]
        per_pass.append(len(positions))
        if not positions:
            reason = "a whole pass made no mistake"
            break
        state = (w + 0.0).cpu().numpy().tobytes()  # -0 is 0
        if sequence is None and state in earlier:
            reason = (
                "the weights are what they were after an earlier pass, so it would go on for ever: "
                "the data are not separable by a plane through 0, or round-off swallows the steps"
            )
            break
        earlier.add(state)
    w = w * scale
    if not bool(w.isfinite().all()):
        raise OverflowError(
            f"x must be so small that sums of its rows stay within {x.dtype}, got entries of the "
            f"order of {scale:.1g}"
        )
    return PerceptronRun(
        w=w,
        mistakes=len(mistaken),
        passes=len(per_pass),
        converged=per_pass[-1] == 0,
        reason=reason,
        mistaken=torch.tensor(mistaken, dtype=torch.int64),
        seen=torch.tensor(seen, dtype=torch.int64),
        mistakes_per_pass=torch.tensor(per_pass, dtype=torch.int64),
    )


def _pass(rows: Tensor, w: Tensor) -> list[int]:
    """Go once through the rows y_i x_i, change w at each mistake, and say where they were."""
    positions: list[int] = []
    start, block = 0, 32
    while start < len(rows):
        wrong = rows[start : start + block] @ w <= 0
        first = int(wrong.to(torch.uint8).argmax())
        if not wrong[first]:
            start, block = start + block, 2 * block  # none here: look further ahead
            continue
        w += rows[start + first]
        positions.append(start + first)
        start, block = start + first + 1, 32
    return positions


def perceptron_loss(outputs: Tensor, targets: Tensor, *, validate: bool = True) -> Tensor:
    r"""Return the loss that the perceptron reduces, :math:`\frac1m\sum_i\max(0,-y_io_i)`.

    It is 0 if all signs are right, and a sample that is wrong counts by how much. At
    :math:`o_i=0` it has a kink with subgradients from :math:`-y_i` to 0; autograd takes 0, so from
    :math:`w=0` gradient descent does not start, while the perceptron takes :math:`-y_i`.

    Args:
        outputs: :math:`o_i=w^\top x_i`, any non-empty shape, floating-point.
        targets: labels :math:`y_i`, -1 or 1, same shape and device, of any real dtype.
        validate: look at the labels, for which a GPU has to be waited for.

    Returns:
        A scalar of the dtype of ``outputs``.

    Raises:
        TypeError, ValueError: an argument is not as said.

    Example:
        >>> perceptron_loss(torch.tensor([2.0, -3.0]), torch.tensor([1, 1]))
        tensor(1.5000)

    Source: slide 7's question.
    """
    check_floating_tensor("outputs", outputs)
    check_labels(
        "targets", targets, outputs.shape, "outputs", values=check_flag("validate", validate)
    )
    if outputs.numel() == 0:
        raise ValueError(f"outputs must not be empty, got shape {tuple(outputs.shape)}")
    return relu(-targets.to(outputs.dtype) * outputs).mean()
