"""A rule with the letters of one step, run on vectors."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from course_lib.methods.compilation import compiled

TOGETHER = 8
"""Vectors in a compiled graph at most: a call has its price, and so has compiling a long graph."""

Rule = Callable[..., None]


class HasRule(Protocol):
    """A class that states a rule, and perhaps a second form of it without temporaries."""

    update: Rule
    update_in_place: Rule | None


class Vectors(NamedTuple):
    """What a rule works on: parameters, gradients, and state vectors by the rule's letters."""

    x: Tensor
    g: Tensor
    states: dict[str, Tensor]


class VectorRule:
    """Runs a rule on vectors: on the CPU by chunks that fit the cache, elsewhere on all at once.

    Args:
        rule: Whose ``update`` is run, or ``update_in_place`` where there is one, unless compiled.
        letters: The rule's letters but for its vectors.
        decay: The λ with which the rule is given g + λx in place of g.
        maximize: Whether it is given -g in place of g, before that.
        compile: Whether to run the rule under ``torch.compile``, on whole vectors, some together.
        work: Keeps the memory to work in from step to step, by dtype.
    """

    def __init__(
        self,
        rule: HasRule,
        letters: dict[str, Any],
        *,
        decay: float,
        maximize: bool,
        compile: bool,
        work: dict[torch.dtype, Tensor],
    ) -> None:
        """Choose the form of the rule."""
        self._letters, self._decay, self._maximize = letters, decay, maximize
        self._rule, self._compile, self._work = rule, compile, work

    def __call__(self, runs: Iterable[Vectors], *, chunk: int) -> None:
        """Change the parameters and states of all `runs` in place.

        Args:
            runs: Vectors, of which no two share memory. Unless compiled, each is done with before
                the next one is asked for.
            chunk: Elements of a chunk on the CPU, unless compiled.
        """
        runs = (_real(vectors) if vectors.x.is_complex() else vectors for vectors in runs)
        if not self._compile:
            for vectors in runs:
                for piece in _pieces(vectors, chunk):
                    self._run(*piece)
            return
        of_dtype: defaultdict[torch.dtype, list[Vectors]] = defaultdict(list)
        for vectors in runs:
            of_dtype[vectors.x.dtype].append(vectors)
        flags = tuple(v for v in self._letters.values() if isinstance(v, bool))
        for dtype, alike in of_dtype.items():
            for start in range(0, len(alike), TOGETHER):
                some = alike[start : start + TOGETHER]
                options = bool(self._decay), self._maximize, dtype, *flags
                fast = compiled(self._rule.update, len(some), *options)
                fast(some, self._letters, self._decay)

    def _run(self, x: Tensor, g: Tensor, states: dict[str, Tensor]) -> None:
        if self._maximize:
            g = g.neg()
        if self._decay:
            g = g.add(x, alpha=self._decay)
        if self._rule.update_in_place is None:
            self._rule.update(x, g, **states, **self._letters)
        else:
            self._rule.update_in_place(x, g, **states, w=self._workplace(x), **self._letters)

    def _workplace(self, x: Tensor) -> Tensor:
        """Return a vector like `x` to work in, on the CPU always the same memory."""
        if x.device.type != "cpu" or type(x) is not Tensor:
            return torch.empty_like(x)
        w = self._work.get(x.dtype)
        if w is None or w.numel() < x.numel():
            w = self._work[x.dtype] = torch.empty_like(x)
        return w[: x.numel()]


def _real(vectors: Vectors) -> Vectors:
    """Return complex vectors as real ones of twice the length."""
    x, g, states = vectors
    g = torch.view_as_real(g).reshape(-1)
    return Vectors(_view(x), g, {letter: _view(s) for letter, s in states.items()})


def _view(v: Tensor) -> Tensor:
    return torch.view_as_real(v).view(-1)


def _pieces(vectors: Vectors, chunk: int) -> Iterable[Vectors]:
    """Cut vectors on the CPU into chunks."""
    x, g, states = vectors
    if x.numel() <= chunk or x.device.type != "cpu":
        return [vectors]
    pieces = zip(*(v.split(chunk) for v in (x, g, *states.values())), strict=True)
    return (Vectors(x, g, dict(zip(states, rest, strict=True))) for x, g, *rest in pieces)
