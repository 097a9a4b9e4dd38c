"""Rules under ``torch.compile``."""

import functools
from collections.abc import Callable
from typing import Any

import torch


@functools.cache
def compiled(update: Callable[..., None]) -> Callable[..., None]:
    """Return the rule `update` under ``torch.compile``, for vectors of any length.

    Args:
        update: A rule on vectors, as :class:`~course_lib.methods.Method` wants it.

    Raises:
        RuntimeError: when the rule is first called, if it could not be compiled; the message says
            what is needed.
    """
    fast = torch.compile(update, dynamic=True)

    def run(*vectors: torch.Tensor, **letters: Any) -> None:
        try:
            fast(*vectors, **letters)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise RuntimeError(
                "compile=True could not compile the rule. It needs, on the CPU, a C++ compiler "
                "(g++ or clang++, found on PATH or named by CXX) and Python's headers; on a GPU, "
                "Triton. Leave compile=True out to run the same rule without a compiler."
            ) from error

    return run
