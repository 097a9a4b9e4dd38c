"""The loss of a small net as a function of one vector, to look at its critical points."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from course_lib.arguments import check_floating_tensor, check_integer, check_number

__all__ = ["OneHiddenLayer"]


class OneHiddenLayer:
    r"""The loss of a net with one hidden layer of tanh, as a function of all its weights.

    .. math::

        F(w) = \frac1m \sum_{i=1}^m \ell\big(y_i,\, V \tanh(W x_i + b) + c\big)
        + \frac\rho2 \|w\|^2

    with the cross-entropy :math:`\ell`. The vector :math:`w` holds :math:`W, b, V, c` one after the
    other. With :math:`\rho > 0`, critical points are isolated but for exchanges and changes of sign
    of the hidden units; without, scores could grow for ever, and a shift of all of them changes
    nothing.

    Args:
        x: inputs, shape (m, d), floating-point.
        y: labels, shape (m,), int64, from 0 on.
        hidden: number :math:`h` of hidden units, at least 1.
        decay: :math:`\rho`, a finite number of at least 0.

    Attributes:
        hidden: as given.
        size: number of weights, :math:`h(d + 1) + K(h + 1)` for :math:`K` classes.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> loss = OneHiddenLayer(x, torch.tensor([0, 1]), hidden=3)
        >>> w = torch.zeros(loss.size)
        >>> loss.size, loss(w), loss.error(w)
        (17, tensor(0.6931), 0.5)
    """

    def __init__(self, x: Tensor, y: Tensor, hidden: int, *, decay: float = 0.01) -> None:
        check_floating_tensor("x", x)
        if x.dim() != 2 or x.numel() == 0:
            raise ValueError(f"x must have shape (m, d), got {tuple(x.shape)}")
        if not isinstance(y, Tensor) or y.dtype != torch.int64 or y.shape != x.shape[:1]:
            got = f"{tuple(y.shape)} and {y.dtype}" if isinstance(y, Tensor) else repr(y)
            raise ValueError(f"y must hold {len(x)} labels of dtype int64, got {got}")
        if bool((y < 0).any()):
            raise ValueError(f"y must hold labels from 0 on, got {int(y.min())}")
        self.hidden = check_integer("hidden", hidden, low=1)
        self.decay = check_number("decay", decay, low=0)
        self.x, self.y = x, y
        classes = int(y.max()) + 1
        self._shapes = [(hidden, x.shape[1]), (hidden,), (classes, hidden), (classes,)]
        self.size = sum(math.prod(shape) for shape in self._shapes)

    def split(self, w: Tensor) -> list[Tensor]:
        """Return the parts W, b, V and c of a weight vector, as views of it."""
        if not isinstance(w, Tensor):
            raise TypeError(f"w must be a tensor of shape {(self.size,)}, got {w!r}")
        if w.shape != (self.size,) or w.dtype != self.x.dtype:
            raise ValueError(
                f"w must have shape {(self.size,)} and the dtype of x, {self.x.dtype}, got "
                f"{tuple(w.shape)} and {w.dtype}"
            )
        parts = w.split([math.prod(shape) for shape in self._shapes])
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def scores(self, w: Tensor) -> Tensor:
        """Return the scores of all classes for all inputs, shape (m, K)."""
        W, b, V, c = self.split(w)
        return torch.tanh(self.x @ W.T + b) @ V.T + c

    def __call__(self, w: Tensor) -> Tensor:
        """Return F(w), shape (); w has shape (size,) and the dtype of the inputs."""
        return cross_entropy(self.scores(w), self.y) + self.decay / 2 * (w * w).sum()

    def error(self, w: Tensor) -> float:
        """Return the share of inputs whose largest score is not that of their label."""
        wrong = self.scores(w.detach()).argmax(dim=1) != self.y
        return float(wrong.double().mean())

    def widened(self, w: Tensor, hidden: int) -> tuple[OneHiddenLayer, Tensor]:
        r"""Return a net with more hidden units, and its weights: the new units are switched off.

        A unit without weights in and out computes :math:`\tanh(0) = 0`, which nobody listens to.
        The derivatives by its weights vanish. So a critical point of the small net becomes one of
        the large net, with the same value: the large net has all the plateaus of all smaller ones.

        Args:
            w: weights of this net.
            hidden: number of units of the other, at least as many as here.

        Source: Fukumizu and Amari, *Local minima and plateaus in hierarchical structures of
        multilayer perceptrons*, Neural Networks 13 (2000).
        """
        new = check_integer("hidden", hidden, low=self.hidden) - self.hidden
        W, b, V, c = self.split(w)
        parts = [pad(W, (0, 0, 0, new)), pad(b, (0, new)), pad(V, (0, new)), c]
        net = OneHiddenLayer(self.x, self.y, hidden, decay=self.decay)
        return net, torch.cat([part.reshape(-1) for part in parts])
