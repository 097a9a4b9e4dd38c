"""What a source's way of writing a method is, and which method of the course takes its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from course_lib.methods.base import Method

__all__ = ["REQUIRED", "Convention", "Equivalent"]

REQUIRED = "required"
"""Stands in :attr:`Convention.defaults` for an option without a default."""


@dataclass(frozen=True)
class Equivalent:
    """A method of the course, with options for which it takes the steps asked for.

    :meth:`make` gives the optimizer. ``method(params, **options)`` takes the same steps only where
    ``at_step`` is None.

    Attributes:
        method: the class.
        options: its options at the first step, by the names it has for them.
        remark: under which condition the steps are the same; empty if they always are.
        at_step: options that change from step to step, as a function of the step's number.
    """

    method: type[Method]
    options: dict[str, Any]
    remark: str = ""
    at_step: Callable[[int], dict[str, Any]] | None = None

    def make(self, params: Iterable[Tensor]) -> Method:
        """Return the optimizer of these parameters, to be used as any other.

        Where options change from step to step, it sets them itself before each step, by a hook.
        torch leaves hooks out of copies and pickles of an optimizer: make a new one, and load the
        state dict of the old.
        """
        optimizer = self.method(params, **self.options)
        if self.at_step is not None:
            optimizer.register_step_pre_hook(self._set_options)
        return optimizer

    def _set_options(self, optimizer: Optimizer, *_: Any) -> None:
        assert self.at_step is not None
        for group in optimizer.param_groups:
            made = [optimizer.state[p].get("step", 0) for p in group["params"]]
            group.update(self.at_step(1 + int(max(made, default=0))))


@dataclass(frozen=True)
class Convention:
    r"""How a source writes a method.

    Attributes:
        source: ``lecture``, ``torch``, ``Keras``, ``optax`` or ``paper``.
        method: the name it has there.
        defaults: its options by their names there, each with its default or ``REQUIRED``.
        step: the step it takes, in LaTeX, with the lecture's letters.
        translate: function of the options that gives the :class:`Equivalent`.
        trap: what goes wrong if one takes it for another source's, in a sentence; may be empty.
    """

    source: str
    method: str
    defaults: Mapping[str, Any]
    step: str
    translate: Callable[..., Equivalent] = field(repr=False)
    trap: str = ""

    def equivalent(self, **options: Any) -> Equivalent:
        """Return the method of the course that takes the steps of this one with these options.

        Raises:
            TypeError: an option is not known here, or one without a default is missing.
            ValueError: no method of the course takes these steps.
        """
        name = f"{self.source}'s {self.method}"
        for option in options:
            if option not in self.defaults:
                raise TypeError(f"{name} has the options {list(self.defaults)}, got {option!r}")
        given = {**self.defaults, **options}
        missing = [option for option, value in given.items() if value is REQUIRED]
        if missing:
            raise TypeError(f"{name} needs {missing}, which have no default")
        return self.translate(**given)
