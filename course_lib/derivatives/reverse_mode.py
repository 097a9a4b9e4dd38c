"""Reverse mode: record every operation on a tape, then walk the tape backwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_lib.arguments import check_callable
from course_lib.derivatives.elementary import Elementary
from course_lib.derivatives.points import basis, check_point, check_same_form, check_tensor
from course_lib.derivatives.traced import Path, Traced, new_level

__all__ = ["Node", "Tape", "Variable", "gradient", "jacobian_by_rows", "value_and_gradient", "vjp"]


class Node(NamedTuple):
    """A line of the tape: an operation, its value, and the ways back to what it was made from.

    Attributes:
        name: of the operation, or "input".
        value: its result.
        sources: for each argument on the tape, its line and the map that pulls derivatives back.
        version: how often the tensor had been changed in place when it was recorded.
    """

    name: str
    value: Any
    sources: tuple[tuple[int, Callable[[Any], Any]], ...]
    version: int | None


class Variable(Elementary):
    """A value on a tape. It computes like a tensor, and each operation is recorded.

    Made by :meth:`Tape.input` and by computing with other variables; what it can do is in
    :class:`~course_lib.derivatives.Elementary`.

    Attributes:
        tape: the tape.
        line: its place on the tape.
    """

    def __init__(self, tape: Tape, value: Any, line: int) -> None:
        self.tape, self.value, self.line, self.level = tape, value, line, tape.level

    def result(self, name: str, value: Any, *paths: Path) -> Variable:
        """Record an operation on the tape."""
        return self.tape.record(name, value, *paths)

    def __repr__(self) -> str:
        return f"Variable({self.value!r}, line={self.line})"


class Tape:
    r"""The list of all operations of a computation, in the order in which they were made.

    For an output :math:`y` the derivative :math:`\bar v=\partial y/\partial v` of a value :math:`v`
    is called its adjoint. If :math:`v` was used to make :math:`u_1,u_2,\dots`, the chain rule says
    :math:`\bar v=\sum_i\big(\tfrac{\partial u_i}{\partial v}\big)^\top\bar u_i`. All :math:`u_i`
    were recorded after :math:`v`. So one walk from the end to the start has every
    :math:`\bar u_i` complete before it needs it.

    Nothing is kept between two walks, and no walk uses the tape up: where torch adds to ``.grad``
    and frees its graph, :meth:`backward` may be called as often as you like and returns the same.

    Attributes:
        nodes: the lines.
        level: the derivative that the tape is for.

    Example:
        >>> tape = Tape()
        >>> x = tape.input(torch.tensor([1.0, 2.0]))
        >>> y = (x * x).sum()
        >>> tape.backward(y)[x.line]
        tensor([2., 4.])
        >>> [node.name for node in tape.nodes]
        ['input', '*', 'sum']

    Source: Linnainmaa 1970; slide 4 and Baydin et al. 2018, section 3.2.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.level = new_level()

    def input(self, value: Any) -> Variable:
        """Put a tensor on the tape with respect to which derivatives are wanted.

        Args:
            value: a floating-point tensor of any shape; it must not change while the tape is used.

        Raises:
            TypeError, ValueError: ``value`` is no such tensor, or torch follows it already.
        """
        return self.record("input", check_point("value", value))

    def record(self, name: str, value: Any, *paths: Path) -> Variable:
        """Append an operation; arguments that are not on this tape are constants."""
        sources = tuple(
            (path.argument.line, path.pull or path.push)
            for path in paths
            if isinstance(path.argument, Variable) and path.argument.tape is self
        )
        self.nodes.append(Node(name, value, sources, _version(value)))
        return Variable(self, value, len(self.nodes) - 1)

    def backward(self, output: Variable, seed: Any = None) -> list[Any]:
        r"""Walk back from ``output`` and return the adjoint of every line of the tape.

        Args:
            output: a variable of this tape.
            seed: :math:`\bar y`, of the shape and dtype of ``output``: the result belongs to the
                scalar :math:`\langle\bar y,y\rangle`. By default 1, for an output of one entry.

        Returns:
            A list as long as the tape: :math:`\bar v` in the shape of :math:`v`, or None where
            ``output`` does not depend on :math:`v`.

        Raises:
            TypeError, ValueError: ``output`` is not on this tape; ``seed`` is missing for an output
                of several entries or has another shape or dtype.
            RuntimeError: a value was changed in place after it was recorded.
        """
        if not isinstance(output, Variable) or output.tape is not self:
            raise ValueError(f"output must be a variable of this tape, got {output!r}")
        adjoints: list[Any] = [None] * len(self.nodes)
        adjoints[output.line] = _check_seed(seed, output)
        for line in range(output.line, -1, -1):
            adjoint, node = adjoints[line], self.nodes[line]
            if adjoint is None:
                continue
            if _version(node.value) != node.version:
                raise RuntimeError(
                    f"values on the tape must stay as they were recorded, got line {line} "
                    f"({node.name}) changed in place"
                )
            for source, pull in node.sources:
                share = _sum_to(pull(adjoint), self.nodes[source].value.shape)
                known = adjoints[source]
                adjoints[source] = share if known is None else known + share
        return adjoints

    @property
    def numbers_kept(self) -> int:
        """The memory of the tape, as how many numbers its values hold together."""
        return sum(node.value.shape.numel() for node in self.nodes)


def _sum_to(share: Any, shape: torch.Size) -> Any:
    """Undo broadcasting: an entry that was used many times collects from all its copies."""
    if share.shape == shape:
        return share
    new = len(share.shape) - len(shape)
    copied = [i for i, size in enumerate(shape, new) if size == 1 and share.shape[i] != 1]
    return share.sum((*range(new), *copied), keepdim=True).reshape(shape)


def _check_seed(seed: Any, output: Variable) -> Any:
    """Return ``seed``, or a single 1."""
    if seed is not None:
        return check_same_form("seed", seed, output)
    if output.shape.numel() != 1:
        raise ValueError(
            f"seed must be given for an output that has not one entry, got None for shape "
            f"{tuple(output.shape)}"
        )
    return torch.ones(output.shape, dtype=output.dtype, device=output.device)


def _version(value: Any) -> int | None:
    """How often a tensor was changed in place; None where nobody counts."""
    return None if isinstance(value, Traced) or value.is_inference() else value._version


def vjp(f: Callable[..., Any], *inputs: Any) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
    r"""Return :math:`f(x)` and a function for vector–Jacobian products :math:`J_f(x)^\top u`.

    Args:
        f: a function of tensors, written with what :class:`Variable` can do.
        *inputs: floating-point tensors of any shapes.

    Returns:
        The value, and a function that takes :math:`u` in the form of the value (1 by default, if
        it has one entry) and returns one tensor for each input. It may be called repeatedly.

    Raises:
        TypeError, ValueError: an argument, or what ``f`` returns, is not as stated.

    Example:
        >>> value, pull = vjp(lambda x: x * x, torch.tensor([1.0, 2.0]))
        >>> pull(torch.tensor([0.0, 1.0]))
        (tensor([0., 4.]),)
    """
    check_callable("f", f, "a function of tensors")
    tape = Tape()
    variables = [tape.input(value) for value in inputs]
    output = f(*variables)
    if not (isinstance(output, Variable) and output.tape is tape):
        check_point("what f returns", output)  # a constant
        output = tape.record("constant", output)

    def pull(seed: Any = None) -> tuple[Any, ...]:
        adjoints = tape.backward(output, seed)
        return tuple(
            torch.zeros(v.shape, dtype=v.dtype, device=v.device)
            if adjoints[v.line] is None
            else adjoints[v.line]
            for v in variables
        )

    return output.value, pull


def value_and_gradient(f: Callable[..., Any], *inputs: Any) -> tuple[Any, tuple[Any, ...]]:
    r"""Return :math:`f` and its gradient with respect to every input, in one walk there and back.

    Args:
        f: a function of tensors with a single number as value.
        *inputs: floating-point tensors of any shapes.

    Raises:
        TypeError, ValueError: an argument, or what ``f`` returns, is not as stated.

    Example:
        >>> a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
        >>> value_and_gradient(lambda a, b: a @ b, a, b)
        (tensor(11.), (tensor([3., 4.]), tensor([1., 2.])))
    """
    value, pull = vjp(f, *inputs)
    if value.shape.numel() != 1:
        raise ValueError(f"f must return a single number, got shape {tuple(value.shape)}")
    return value, pull()


def gradient(f: Callable[..., Any], x: Any) -> Any:
    """Return the gradient of ``f`` at ``x``, in the shape of ``x``.

    Args:
        f: a function of one tensor with a single number as value, written with the operations and
            methods of :class:`Elementary`: ``x.sin()``, not ``torch.sin(x)``.
        x: a floating-point tensor of any shape.

    Raises:
        TypeError, ValueError: an argument, or what ``f`` returns, is not as stated.

    Example:
        >>> gradient(lambda x: (x * x).sum(), torch.tensor([1.0, 2.0]))
        tensor([2., 4.])
    """
    return value_and_gradient(f, check_point("x", x))[1][0]


def jacobian_by_rows(f: Callable[..., Any], x: Tensor) -> Any:
    r"""Return the Jacobian of ``f`` at ``x``, one row a backward walk: m walks for m outputs.

    Entry :math:`(i,j)` is :math:`\partial f_i/\partial x_j`; the shape is that of ``f(x)`` followed
    by that of ``x``. For a scalar ``f`` it is the gradient.

    Args:
        f: a function of one tensor, written with what :class:`Variable` can do.
        x: a floating-point tensor of any shape.

    Raises:
        TypeError, ValueError: an argument, or what ``f`` returns, is not as stated.

    Example:
        >>> jacobian_by_rows(lambda x: x * x, torch.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    value, pull = vjp(f, check_tensor("x", x))
    rows = [pull(seed)[0] for seed in basis(value)]
    if not rows:
        return value.new_zeros(value.shape + x.shape)
    return torch.stack(rows).reshape(value.shape + x.shape)
