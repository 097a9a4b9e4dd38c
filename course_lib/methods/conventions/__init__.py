"""How the lecture, torch, Keras, optax and the papers write the methods, and how to convert.

Each entry of :data:`CONVENTIONS` names a source's options and defaults, and gives the method of the
course that takes the same steps; the tests run both side by side.
"""

from __future__ import annotations

from typing import Any

from course_lib.methods.conventions.entry import REQUIRED, Convention, Equivalent
from course_lib.methods.conventions.keras import KERAS
from course_lib.methods.conventions.lecture import LECTURE
from course_lib.methods.conventions.optax import OPTAX
from course_lib.methods.conventions.papers import PAPERS
from course_lib.methods.conventions.torch import TORCH

__all__ = ["CONVENTIONS", "REQUIRED", "Convention", "Equivalent", "convention", "equivalent"]

CONVENTIONS: tuple[Convention, ...] = LECTURE + TORCH + KERAS + OPTAX + PAPERS
"""All conventions, by source."""


def convention(source: str, method: str) -> Convention:
    """Return how ``source`` writes ``method``.

    Args:
        source: ``lecture``, ``torch``, ``Keras``, ``optax`` or ``paper``.
        method: the name it has there.

    Raises:
        ValueError: there is no such entry; the error lists those there are.

    Example:
        >>> convention("Keras", "RMSprop").defaults["rho"]
        0.9
    """
    sources = dict.fromkeys(entry.source for entry in CONVENTIONS)
    if source not in sources:
        raise ValueError(f"source must be one of {list(sources)}, got {source!r}")
    entries = {entry.method: entry for entry in CONVENTIONS if entry.source == source}
    if method not in entries:
        raise ValueError(f"method must be one of {list(entries)} for {source}, got {method!r}")
    return entries[method]


def equivalent(source: str, method: str, **options: Any) -> Equivalent:
    """Return the method of the course that takes the steps of another source's.

    Args:
        source: ``lecture``, ``torch``, ``Keras``, ``optax`` or ``paper``.
        method: the name it has there.
        **options: its options, by their names there; the others have the source's defaults.

    Raises:
        ValueError: there is no such entry, or no method of the course takes these steps.
        TypeError: an option is not known there, or one without a default is missing.

    Example:
        >>> same = equivalent("Keras", "RMSprop", learning_rate=0.01)
        >>> same.method.__name__, same.options["alpha"], same.options["eps_inside"]
        ('RMSprop', 0.9, True)
        >>> import torch
        >>> optimizer = same.make([torch.zeros(2, requires_grad=True)])
        >>> equivalent("paper", "AdamW", lambda_=1e-4).options["weight_decay"]
        0.1
    """
    return convention(source, method).equivalent(**options)
