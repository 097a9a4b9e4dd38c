"""Rules on sparse gradients: on the entries that a gradient holds, and on these alone."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def on_entries(update: Callable[..., None]) -> Callable[..., None]:
    """Return the rule `update` for a parameter whose gradient is sparse.

    The parameter and its states are read where the gradient holds entries, `update` steps what was
    read as if it were all there is, and the result is written back. Everything else stays as it is:
    it neither moves nor fades.

    Args:
        update: A rule on vectors, as :class:`~course_lib.methods.Method` wants it.

    Example:
        >>> import torch
        >>> x, s = torch.ones(4), torch.zeros(4)
        >>> def update(x, g, s, *, t):
        ...     s += g * g
        ...     x -= t * g
        >>> g = torch.sparse_coo_tensor([[2, 0]], [1.0, 2.0], (4,), check_invariants=True)
        >>> on_entries(update)(x, g, s=s, t=0.25)
        >>> x, s
        (tensor([0.5000, 1.0000, 0.7500, 1.0000]), tensor([4., 0., 1., 0.]))
    """

    def update_sparse(x: Tensor, g: Tensor, **states_and_letters: Any) -> None:
        """Take the rule's step on the entries of `x` and of the states that `g` holds."""
        g = g.coalesce()
        at = tuple(g.indices())
        wholes = {"x": x}
        wholes |= {n: v for n, v in states_and_letters.items() if isinstance(v, Tensor)}
        parts = {name: whole[at] for name, whole in wholes.items()}
        vectors = {"g": g.values().to(x.dtype), **parts}
        if x.is_complex():
            vectors = {name: torch.view_as_real(v) for name, v in vectors.items()}
        update(**{**states_and_letters, **vectors})
        for name, whole in wholes.items():
            whole[at] = parts[name]

    return update_sparse
