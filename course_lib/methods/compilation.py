"""Rules under ``torch.compile``."""

import functools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import torch
import torch._functorch.config
from torch import Tensor

Runs = Sequence[tuple[Tensor, Tensor, dict[str, Tensor]]]
"""Parameters, gradients and states, these by the rule's letters: vectors of any length."""


@functools.cache
def compiled(
    update: Callable[..., None], count: int, decays: bool, maximize: bool, *variant: Any
) -> Callable[..., None]:
    """Return a function that runs the rule `update` on `count` vectors, under ``torch.compile``.

    It takes :data:`Runs`, the rule's other letters, and the λ with which the rule is given g + λx
    in place of g. The rule gets letters that are floats as tensors: torch would make a new graph
    for many a number that a schedule has changed.

    Args:
        update: A rule on vectors, as :class:`~course_lib.methods.Method` wants it.
        count: How many vectors are worked on in a call.
        decays: Whether λ is used at all.
        maximize: Whether the rule is given -g in place of g, before that.
        variant: What else asks for a graph of its own, such as the vectors' dtype. torch keeps few
            graphs of a function; so each set of arguments has its own.

    Raises:
        RuntimeError: when the function is first called, if the rule could not be compiled; the
            message says why, and what is needed.
    """

    def update_all(runs: Runs, letters: dict[str, Any], decay: Any) -> None:
        for x, g, states in runs:
            if maximize:
                g = -g
            if decays:
                g = g + decay * x
            # Copied, since a rule may work in its letters.
            own = {k: v.clone() if isinstance(v, Tensor) else v for k, v in letters.items()}
            update(x, g, **states, **own)

    # Graphs are kept, and limited in number, by code object.
    code = update_all.__code__.replace(co_name=f"update_{count}")
    own = FunctionType(code, globals(), code.co_name, None, update_all.__closure__)
    fast = torch.compile(own, dynamic=True)

    def run(runs: Runs, letters: dict[str, Any], decay: float) -> None:
        letters = {letter: _as_tensor(value) for letter, value in letters.items()}
        try:
            with _without_cache():
                fast(runs, letters, _as_tensor(decay))
        except torch._dynamo.exc.TorchDynamoException as error:
            why = (str(error).strip().splitlines() or [""])[0]
            raise RuntimeError(
                f"compile=True could not compile the rule ({type(error).__name__}: {why}). It "
                "needs, on the CPU, a C++ compiler (g++ or clang++, found on PATH or named by CXX) "
                "and Python's headers; on a GPU, Triton. Leave compile=True out to run the same "
                "rule without a compiler."
            ) from error

    return run


def _without_cache() -> Any:
    """Keep torch from taking a graph from its cache on the disk.

    Where a rule needs a letter as a number, as ``alpha=`` does, torch makes a graph for this number
    alone; but its cache forgets that and gives the graph to other numbers too (torch 2.13).
    """
    return torch._functorch.config.patch(enable_autograd_cache=False)


def _as_tensor(value: Any) -> Any:
    """Return a float as a tensor on the CPU, and anything else as it is."""
    if not isinstance(value, float):
        return value
    return torch.scalar_tensor(value, dtype=torch.float64, device="cpu")
