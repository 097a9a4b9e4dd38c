"""Running a rule: on lists, on chunks of large tensors, on buckets of small ones."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from course_lib.methods.buckets import Bucket, check_shape
from course_lib.methods.compilation import compiled
from course_lib.methods.hyperparameters import number

CHUNK = 2**17
"""Elements in a chunk on the CPU: a rule's temporaries then stay in the cache."""

SMALL = {"cpu": 2**14}
"""Tensors of fewer elements are gathered into a bucket, by type of device."""

SMALL_ELSEWHERE = 2**20
"""The same on all other devices. Chosen by reckoning (a launch against a copy), not measured."""

Group = dict[str, Any]
Letters = dict[str, Any]
Rule = Callable[..., None]
Tensors = list[Tensor] | tuple[Tensor, ...]


class RuleRunner:
    """The part of :class:`~course_lib.methods.Method` that runs a rule on a group of parameters.

    What ``states``, ``coupled_weight_decay``, ``update_list`` and ``update_sparse`` mean is said
    there; ``update``, ``letters``, ``states_of`` and ``new_state`` are stated there.
    """

    states: ClassVar[Mapping[str, str]] = {}
    coupled_weight_decay: ClassVar[bool] = True
    update: ClassVar[Rule]
    update_list: ClassVar[Rule | None] = None
    update_sparse: ClassVar[Rule | None] = None

    letters: Callable[[Group], Letters]
    states_of: Callable[[Group], Mapping[str, str]]
    new_state: Callable[[Tensor, str, Group], Tensor]
    state: defaultdict[Tensor, Any]

    _counts: ClassVar[bool] = False
    _compile: bool
    _in_place: bool = False
    _buckets: dict[int, list[Bucket]]

    def _step_group(self, index: int, group: Group) -> None:
        params, grads, sparse = [], [], []
        for p in group["params"]:
            g = p.grad
            if g is None:
                continue
            if g.is_sparse:
                sparse.append((p, g))
                continue
            params.append(p)
            grads.append(g)
        letters = {letter: number(value) for letter, value in self.letters(group).items()}
        if sparse:
            update_sparse = self._sparse_rule(index, group, sparse)
            for p, g in sparse:
                self._step_sparse(update_sparse, group, letters, p, g)
        if not params:
            return
        update_list = type(self).update_list
        if update_list is not None and not self._compile:
            self._step_list(update_list, group, letters, params, grads)
        else:
            self._step_flat(index, group, letters, params, grads)

    def _step_list(
        self, update_list: Rule, group: Group, letters: Letters, params: Tensors, grads: Tensors
    ) -> None:
        """Run a rule that has a form for lists, on all tensors as they are."""
        if group.get("maximize", False):
            grads = torch._foreach_neg(grads)
        if decay := self._coupled_decay(group):
            grads = torch._foreach_add(grads, params, alpha=decay)
        version = self._version(params[0])
        if not self._counts and not self.states_of(group):
            update_list(params, grads, **letters)
            self._check_in_place("update_list", params[0], version)
            return
        for k, (xs, gs) in self._by_count(params, grads).items():
            counted = letters if k is None else {**letters, "k": k}
            lists = {
                letter: self._fitted(xs, letter, key, group)
                for letter, key in self.states_of(group).items()
            }
            update_list(xs, gs, **lists, **counted)
        self._check_in_place("update_list", params[0], version)

    def _by_count(
        self, params: Tensors, grads: Tensors
    ) -> Mapping[int | None, tuple[Tensors, Tensors]]:
        """Count a step of each parameter, and sort them by their counts."""
        if not self._counts:
            return {None: (params, grads)}
        sorted_: dict[int | None, tuple[list[Tensor], list[Tensor]]] = {}
        for p, g in zip(params, grads, strict=True):
            k = self._count(p)
            if k not in sorted_:
                sorted_[k] = ([], [])
            sorted_[k][0].append(p)
            sorted_[k][1].append(g)
        return sorted_

    def _fitted(self, params: Tensors, letter: str, key: str, group: Group) -> list[Tensor]:
        """Return the state `key` of each parameter, in its dtype and on its device."""
        states = self._with_states(params, letter, key, group)
        for p, state in zip(params, states, strict=True):
            held = state[key]
            if held.dtype != p.dtype or held.device != p.device:
                state[key] = held.to(p.device, p.dtype)
            if held.shape != p.shape:
                check_shape(key, held, p)
        return [state[key] for state in states]

    def _step_flat(
        self, index: int, group: Group, letters: Letters, params: Tensors, grads: Tensors
    ) -> None:
        """Run a rule on vectors: large tensors in place, small ones by way of buckets."""
        gathered: dict[tuple, tuple[list[Tensor], list[Tensor]]] = {}
        seen: defaultdict[Any, int] = defaultdict(int)
        for p, g in zip(params, grads, strict=True):
            k = self._count(p) if self._counts else None
            limit = SMALL.get(p.device.type, SMALL_ELSEWHERE)
            if p.numel() < limit or not p.is_contiguous() or p.is_conj():
                # Parameters at one place in memory go into buckets of their own, one after the
                # other, since copying back two of them would lose the step of the first.
                place = p.untyped_storage()._cdata, p.storage_offset()
                key = (p.dtype, p.device, k, seen[place])
                seen[place] += 1
                if key not in gathered:
                    gathered[key] = ([], [])
                gathered[key][0].append(p)
                gathered[key][1].append(g)
            else:
                self._step_in_place(group, letters, k, p, g)
        buckets = self._buckets.setdefault(index, [])
        for i, ((_, _, k, _), (xs, gs)) in enumerate(gathered.items()):
            if i == len(buckets) or not buckets[i].fits(xs):
                buckets[i : i + 1] = [Bucket(xs)]
            self._step_bucket(group, letters, k, buckets[i], gs)
        del buckets[len(gathered) :]

    def _step_in_place(
        self, group: Group, letters: Letters, k: int | None, p: Tensor, g: Tensor
    ) -> None:
        states = {}
        for letter, key in self.states_of(group).items():
            (held,) = self._fitted([p], letter, key, group)
            if not held.is_contiguous():
                held = self.state[p][key] = held.contiguous()
            states[letter] = held.view(-1)
        g = g.to(p.dtype).resolve_conj().reshape(-1)
        self._run(group, letters, k, p.view(-1), g, states)

    def _step_bucket(
        self, group: Group, letters: Letters, k: int | None, bucket: Bucket, grads: Tensors
    ) -> None:
        states = {}
        for letter, key in self.states_of(group).items():
            states[letter] = bucket.state(key, self._with_states(bucket.params, letter, key, group))
        bucket.gather(grads)
        self._run(group, letters, k, bucket.x, bucket.g, states)
        bucket.scatter()

    def _with_states(
        self, params: Tensors, letter: str, key: str, group: Group
    ) -> list[dict[str, Any]]:
        """Return ``state[p]`` of each parameter, with the state `key` made where it is new."""
        states = [self.state[p] for p in params]
        for p, state in zip(params, states, strict=True):
            if key not in state:
                state[key] = self.new_state(p, letter, group)
        return states

    def _run(
        self,
        group: Group,
        letters: Letters,
        k: int | None,
        x: Tensor,
        g: Tensor,
        states: dict[str, Tensor],
    ) -> None:
        """Run the rule on vectors, on the CPU by chunks that fit the cache."""
        if k is not None:
            letters = {**letters, "k": k}
        whole_x, version = x, self._version(x)
        vectors = [x, g, *states.values()]
        if x.is_complex():
            vectors = [torch.view_as_real(v).view(-1) for v in vectors]
        rule = compiled(type(self).update) if self._compile else self.update
        whole = self._compile or x.device.type != "cpu"
        size = vectors[0].numel() if whole else CHUNK
        pieces: Iterable[Sequence[Tensor]] = [vectors]
        if vectors[0].numel() > size:
            pieces = zip(*(v.split(size) for v in vectors), strict=True)
        for x, g, *rest in pieces:
            if group.get("maximize", False):
                g = g.neg()
            if decay := self._coupled_decay(group):
                g = g.add(x, alpha=decay)
            rule(x, g, **dict(zip(states, rest, strict=True)), **letters)
        self._check_in_place("update", whole_x, version)

    def _version(self, x: Tensor) -> int | None:
        """Return how often `x` was changed in place, while the rule has not been seen to do it.

        Not watched are a compiled rule, and tensors that need not count: those of inference mode
        and of subclasses, such as fake ones.
        """
        if self._in_place or self._compile:
            return None
        if type(x) not in (Tensor, torch.nn.Parameter) or x.is_inference():
            return None
        return x._version

    def _check_in_place(self, rule: str, x: Tensor, version: int | None) -> None:
        """Raise if the rule has left `x` as it was at `version`; once is enough."""
        if version is None:
            return
        if x._version == version:
            raise RuntimeError(
                f"{type(self).__name__}.{rule} must change x in place, as `x -= t * g` does; it "
                "left x as it was, as `x = x - t * g` would"
            )
        self._in_place = True

    def _count(self, p: Tensor) -> int:
        """Count one more step of `p`."""
        state = self.state[p]
        k = state["step"] = int(state.get("step", 0)) + 1
        return k

    def _coupled_decay(self, group: Group) -> float:
        return number(group.get("weight_decay", 0.0)) if self.coupled_weight_decay else 0.0

    def _sparse_rule(self, index: int, group: Group, sparse: list[tuple[Tensor, Tensor]]) -> Rule:
        """Return the rule for gradients that are not dense; raise if the method takes none."""
        name = type(self).__name__
        update_sparse = type(self).update_sparse
        if update_sparse is None:
            raise RuntimeError(
                f"{name} does not take gradients of layout {sparse[0][1].layout} "
                f"(group {index}); use dense gradients, e.g. nn.Embedding(..., sparse=False)"
            )
        if self._coupled_decay(group):
            raise RuntimeError(
                f"{name} takes sparse gradients only with weight_decay=0, "
                f"got {group['weight_decay']!r} (group {index})"
            )
        return update_sparse

    def _step_sparse(
        self, update_sparse: Rule, group: Group, letters: Letters, p: Tensor, g: Tensor
    ) -> None:
        if group.get("maximize", False):
            g = g.neg()
        if self._counts:
            letters = {**letters, "k": self._count(p)}
        keys = self.states_of(group)
        states = {letter: self._fitted([p], letter, key, group)[0] for letter, key in keys.items()}
        update_sparse(p, g, **states, **letters)
