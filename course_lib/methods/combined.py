"""Several optimizers as one: each with parameters of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.optim import Optimizer

from course_lib.methods.closure_method import ClosureMethod

__all__ = ["CombinedOptimizer"]


class CombinedOptimizer(Optimizer):
    r"""Several optimizers, each for a part of the parameters, stepped as one.

    Some methods are not for all parameters: :class:`Muon` takes matrices, :class:`SparseAdam` takes
    sparse gradients. Another method has to take the rest. Together they are one optimizer to a
    training loop, to ``fit`` and to a scheduler: its groups are those of all parts, in order.

    Args:
        parts: Optimizers that step with the gradients at hand. No parameter may be in two of them.

    Attributes:
        parts: the optimizers, each with its own state; ``state`` here is empty.

    Raises:
        TypeError: a part is no ``torch.optim.Optimizer``, or it needs a closure of its own.
        ValueError: there is no part, or a parameter is in two of them.

    Example:
        >>> from course_lib.methods import AdamW, Muon
        >>> net = torch.nn.Linear(3, 2)
        >>> both = CombinedOptimizer([Muon([net.weight], lr=0.02), AdamW([net.bias], lr=0.001)])
        >>> net(torch.ones(3)).sum().backward()
        >>> both.step()
        >>> [group["lr"] for group in both.param_groups]
        [0.02, 0.001]
    """

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        """Check the parts and take in their groups, which stay theirs."""
        if not isinstance(parts, Iterable):
            raise TypeError(f"parts must be a sequence of optimizers, got {parts!r}")
        self.parts = tuple(parts)
        for i, part in enumerate(self.parts):
            if not isinstance(part, Optimizer):
                raise TypeError(
                    f"parts[{i}] must be a torch.optim.Optimizer, got {type(part).__name__}"
                )
            if isinstance(part, (ClosureMethod, torch.optim.LBFGS)):
                raise TypeError(
                    f"parts[{i}] must step with the gradients at hand, but {type(part).__name__} "
                    "asks a closure several times a step"
                )
        if not self.parts:
            raise ValueError("parts must hold at least one optimizer, got none")
        owners: dict[int, int] = {}
        for i, part in enumerate(self.parts):
            for p in (p for group in part.param_groups for p in group["params"]):
                if owners.setdefault(id(p), i) != i:
                    raise ValueError(
                        "parts must hold each parameter once, got one of shape "
                        f"{tuple(p.shape)} in parts[{owners[id(p)]}] and in parts[{i}]"
                    )
        super().__init__(self.param_groups, {})

    @property  # not a list of its own: a part may get another group, or load a state, by itself
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all parts, in order."""
        return [group for part in self.parts for group in part.param_groups]

    @param_groups.setter
    def param_groups(self, groups: list[dict[str, Any]]) -> None:
        """Keep the parts' own groups; torch's constructor sets an empty list."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of each part with the gradients at hand, or with those of `closure`.

        Args:
            closure: Computes the loss and its gradients, and returns the loss; called once.

        Returns:
            What `closure` returned, or None.

        Raises:
            RuntimeError: a part is not in training mode; nothing has moved then.
        """
        for i, part in enumerate(self.parts):
            if not all(group.get("train_mode", True) for group in part.param_groups):
                raise RuntimeError(
                    f"parts[{i}] must be in train mode to step, but the parameters of this "
                    f"{type(part).__name__} are those to evaluate; call train() before"
                )
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def eval(self) -> None:
        """Switch the parts that have modes, as :class:`ScheduleFreeSGD` has, to evaluation."""
        for part in self._parts_with_modes():
            part.eval()

    def train(self) -> None:
        """Switch the parts that have modes to training."""
        for part in self._parts_with_modes():
            part.train()

    @contextmanager
    def iterates(self) -> Iterator[None]:
        """Switch the parts that have modes to evaluation inside a ``with`` block."""
        with ExitStack() as stack:
            for part in self._parts_with_modes():
                if hasattr(part, "iterates"):
                    stack.enter_context(part.iterates())
                else:
                    part.eval()
                    stack.callback(part.train)
            yield

    def _parts_with_modes(self) -> list[Any]:
        return [part for part in self.parts if hasattr(part, "eval") and hasattr(part, "train")]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refuse a group: which part it is for must be said by adding it there.

        Raises:
            ValueError: the group belongs to no part.
        """
        if not any(param_group is group for group in self.param_groups):
            raise ValueError(
                "param_group must be added to one of parts, before they are combined, got one for "
                "all of them"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all parts, in order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let each part go on where its namesake stood.

        Raises:
            TypeError: that is no state.
            ValueError: the state is that of another number of parts; or a part refuses its own.
                The parts are as before then.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"state_dict must be a dict, got {state_dict!r}")
        saved = state_dict.get("parts")
        if not isinstance(saved, list) or len(saved) != len(self.parts):
            raise ValueError(
                f"state_dict must hold the states of {len(self.parts)} parts, got "
                f"{len(saved) if isinstance(saved, list) else sorted(map(str, state_dict))}"
            )
        before = [part.state_dict() for part in self.parts]
        try:
            for part, state in zip(self.parts, saved, strict=True):
                part.load_state_dict(state)
        except Exception:
            for part, state in zip(self.parts, before, strict=True):
                part.load_state_dict(state)
            raise

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what is pickled and deep-copied: the parts."""
        return type(self), (self.parts,)
