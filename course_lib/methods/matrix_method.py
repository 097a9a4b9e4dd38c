"""The base of the methods whose rule is about a whole matrix, not about its elements."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from torch.optim.optimizer import ParamsT

from course_lib.methods.base import Method

__all__ = ["MatrixMethod"]


class MatrixMethod(Method):
    r"""Base of the methods whose rule acts on matrices; a ``torch.optim.Optimizer``.

    Such a rule cannot be run on chunks or on several parameters at once: an element of the step
    depends on all elements of the gradient. Everything else is as in
    :class:`~course_lib.methods.Method`, with two differences: ``update`` is given each parameter
    in its shape, and parameters that are no real matrices are refused.

    Example: the longest way down within a ball of radius `lr` in the spectral norm is
    :math:`-t\, U V^\top`, if :math:`g = U \Sigma V^\top`.

        >>> import torch
        >>> class SpectralDescent(MatrixMethod):
        ...     @staticmethod
        ...     def update(x, g, *, t):
        ...         u, _, v = torch.linalg.svd(g, full_matrices=False)
        ...         x -= t * u @ v
        >>> w = torch.zeros(2, 2, requires_grad=True)
        >>> descent = SpectralDescent([w], {"lr": 0.5})
        >>> w.grad = torch.tensor([[4.0, 0.0], [0.0, -1.0]])
        >>> descent.step()
        >>> w.detach().round(decimals=6) + 0.0
        tensor([[-0.5000,  0.0000],
                [ 0.0000,  0.5000]])

    What a subclass states is said in :class:`~course_lib.methods.Method`; beside it

    - ``for_the_rest``, the method that the refusal of a vector names.

    Args:
        params: Matrices, named or in groups, as for ``torch.optim``.
        defaults: Hyper-parameters of the groups that do not set their own.

    Raises:
        ValueError: a parameter has not two dimensions or is complex, or a hyper-parameter is
            outside its range.
        TypeError: an argument is of the wrong type.
    """

    for_the_rest: ClassVar[str] = "AdamW"

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        """Check the hyper-parameters and the shapes, and take in the parameters."""
        super().__init__(params, defaults)

    @classmethod
    def update_list(cls, xs: list[Tensor], gs: list[Tensor], **named: Any) -> None:
        """Run the rule on one matrix after the other."""
        for i, (x, g) in enumerate(zip(xs, gs, strict=True)):
            own = {name: v[i] if name in cls.states else v for name, v in named.items()}
            cls.update(x, g, **own)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of matrices with hyper-parameters of its own.

        Args:
            param_group: ``{"params": ...}`` and the hyper-parameters that differ from the defaults.

        Raises:
            ValueError: a parameter has not two dimensions or is complex; or as in ``torch.optim``.
        """
        before = len(self.param_groups)
        super().add_param_group(param_group)
        try:
            for group in self.param_groups[before:]:
                self._check_matrices(group)
        except ValueError:
            del self.param_groups[before:]
            raise

    def _check_matrices(self, group: dict[str, Any]) -> None:
        names = group.get("param_names", [None] * len(group["params"]))
        for i, (name, p) in enumerate(zip(names, group["params"], strict=True)):
            if p.dim() == 2 and not p.is_complex():
                continue
            which = f"parameter {i}" if name is None else f"parameter {name!r}"
            raise ValueError(
                f"params of {type(self).__name__} must be real matrices, of two dimensions, got "
                f"{which} of shape {tuple(p.shape)} and dtype {p.dtype}; give such parameters "
                f"(biases, gains, stacks of filters) to a second optimizer, e.g. "
                f"{self.for_the_rest}"
            )
