"""A rule with the letters of one step, run on vectors."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from course_lib.methods.compilation import compiled


class HasRule(Protocol):
    """A class that states a rule, and perhaps a second form of it without temporaries."""

    update: Callable[..., None]
    update_in_place: Callable[..., None] | None


class VectorRule:
    """Runs a rule on vectors: on the CPU by chunks that fit the cache, elsewhere on all at once.

    Args:
        rule: Whose ``update`` is run, or ``update_in_place`` where there is one, unless compiled.
        letters: The rule's letters but for its vectors.
        decay: The λ with which the rule is given g + λx in place of g.
        maximize: Whether it is given -g in place of g, before that.
        compile: Whether to run the rule under ``torch.compile``, on all at once.
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
        self._compile, self._work = compile, work
        self._update = compiled(rule.update) if compile else rule.update_in_place or rule.update
        self._works = not compile and rule.update_in_place is not None

    def __call__(self, x: Tensor, g: Tensor, states: dict[str, Tensor], *, chunk: int) -> None:
        """Change `x` and `states` in place.

        Args:
            x: Parameters.
            g: Gradients.
            states: State vectors, by the rule's letters.
            chunk: Elements of a chunk on the CPU.
        """
        vectors: Sequence[Tensor] = [x, g, *states.values()]
        if x.is_complex():
            vectors = [torch.view_as_real(v).view(-1) for v in vectors]
        size = vectors[0].numel()
        pieces: Iterable[Sequence[Tensor]] = [vectors]
        if size > chunk and x.device.type == "cpu" and not self._compile:
            pieces = zip(*(v.split(chunk) for v in vectors), strict=True)
        for x, g, *rest in pieces:
            if self._maximize:
                g = g.neg()
            if self._decay:
                g = g.add(x, alpha=self._decay)
            named = dict(zip(states, rest, strict=True))
            if self._works:
                named["w"] = self._workplace(x)
            self._update(x, g, **named, **self._letters)

    def _workplace(self, x: Tensor) -> Tensor:
        """Return a vector like `x` to work in, on the CPU always the same memory."""
        if x.device.type != "cpu" or type(x) is not Tensor:
            return torch.empty_like(x)
        w = self._work.get(x.dtype)
        if w is None or w.numel() < x.numel():
            w = self._work[x.dtype] = torch.empty_like(x)
        return w[: x.numel()]
