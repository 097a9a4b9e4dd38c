"""A method's operations and nothing else."""

import torch

from course_lib.methods import Method


class OperationsAlone:
    """Runs a method's rule in place on each tensor as it is: no groups, states by name or checks.

    A method made of torch's operations takes less than this only where it gathers small tensors or
    cuts large ones into chunks.
    """

    def __init__(self, params: list[torch.Tensor], method: type[Method]) -> None:
        """Make flat states, and room to work in for the largest tensor."""
        self._method = method(params)
        (self._group,) = self._method.param_groups
        self._rule = self._method.rule_of(self._group).update_in_place
        self._k = 0
        w = torch.empty(max(p.numel() for p in params))
        self._vectors = [
            (
                p.detach().view(-1),
                p.grad.view(-1),
                *(torch.zeros(p.numel()) for _ in self._method.states_of(self._group)),
                w[: p.numel()],
            )
            for p in params
        ]

    def step(self) -> None:
        """Take one step of each tensor."""
        self._k += 1
        group, method = self._group, self._method
        letters = {**method.letters(group), **method.letters_at(group, self._k)}
        for *vectors, w in self._vectors:
            self._rule(*vectors, w=w, **letters)
