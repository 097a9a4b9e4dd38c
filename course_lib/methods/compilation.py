"""Rules under ``torch.compile``."""

import functools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

Runs = Sequence[tuple[Tensor, Tensor, dict[str, Tensor]]]
"""Parameters, gradients and states, these by the rule's letters: vectors of any length."""


@functools.cache
def compiled(update: Callable[..., None], count: int) -> Callable[..., None]:
    """Return a function that runs the rule `update` on `count` vectors, under ``torch.compile``.

    It takes :data:`Runs`, the rule's other letters, the λ with which the rule is given g + λx in
    place of g, and whether it is given -g before that. The rule gets letters that are floats as
    tensors: torch would make a new graph for many a number that a schedule has changed.

    Args:
        update: A rule on vectors, as :class:`~course_lib.methods.Method` wants it.
        count: How many vectors are worked on in a call; each count has a graph of its own.

    Raises:
        RuntimeError: when the function is first called, if the rule could not be compiled; the
            message says what is needed.
    """

    def update_all(
        runs: Runs, letters: dict[str, Any], decay: Any, decays: bool, maximize: bool
    ) -> None:
        for x, g, states in runs:
            if maximize:
                g = -g
            if decays:
                g = g + decay * x
            update(x, g, **states, **letters)

    # Graphs are kept, and limited in number, by code object: each rule and count has its own.
    code = update_all.__code__.replace(co_name=f"update_{count}")
    own = FunctionType(code, globals(), code.co_name, None, update_all.__closure__)
    fast = torch.compile(own, dynamic=True)

    def run(runs: Runs, letters: dict[str, Any], *, decay: float, maximize: bool) -> None:
        letters = {letter: _as_tensor(value) for letter, value in letters.items()}
        try:
            fast(runs, letters, _as_tensor(decay), bool(decay), maximize)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise RuntimeError(
                "compile=True could not compile the rule. It needs, on the CPU, a C++ compiler "
                "(g++ or clang++, found on PATH or named by CXX) and Python's headers; on a GPU, "
                "Triton. Leave compile=True out to run the same rule without a compiler."
            ) from error

    return run


def _as_tensor(value: Any) -> Any:
    """Return a float as a tensor on the CPU, and anything else as it is."""
    if not isinstance(value, float):
        return value
    return torch.scalar_tensor(value, dtype=torch.float64, device="cpu")
