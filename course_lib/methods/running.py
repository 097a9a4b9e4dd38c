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
Moment = tuple[int | None, bool]
"""The number of steps taken, where it is counted, and whether there was no state before."""


class RuleRunner:
    """The part of :class:`~course_lib.methods.Method` that runs a rule on a group of parameters.

    What the class's variables mean is said there; ``update``, ``letters``, ``letters_at``,
    ``states_of`` and ``new_state`` are stated there.
    """

    states: ClassVar[Mapping[str, str]] = {}
    keeps_step: ClassVar[bool] = False
    coupled_weight_decay: ClassVar[bool] = True
    dense_gradients: ClassVar[bool] = True
    update: ClassVar[Rule]
    update_list: ClassVar[Rule | None] = None
    update_sparse: ClassVar[Rule | None] = None

    letters: Callable[[Group], Letters]
    letters_at: Callable[[Group, int], Letters]
    states_of: Callable[[Group], Mapping[str, str]]
    new_state: Callable[[Tensor, str, Group], Tensor]
    state: defaultdict[Tensor, Any]

    _counts: ClassVar[bool] = False
    _asks_k: ClassVar[bool] = False
    _asks_first: ClassVar[bool] = False
    _compile: bool
    _in_place: bool = False
    _buckets: dict[int, list[Bucket]]

    def rule_of(self, group: Group) -> type["RuleRunner"]:
        """Return the class whose rule a group with these options follows, most often this one."""
        return type(self)

    def _step_group(self, index: int, group: Group) -> None:
        params, grads, sparse = [], [], []
        for p in group["params"]:
            g = p.grad
            if g is None:
                continue
            if g.layout is not torch.strided:
                sparse.append((p, g))
                continue
            params.append(p)
            grads.append(g)
        update_sparse = self._sparse_rule(index, group, sparse) if sparse else None
        if params and not self.dense_gradients:
            raise RuntimeError(
                f"{type(self).__name__} does not take dense gradients (group {index}); use a "
                "method that does for these parameters"
            )
        letters = {letter: number(value) for letter, value in self.letters(group).items()}
        if update_sparse is not None:
            for p, g in sparse:
                self._step_sparse(update_sparse, group, letters, p, g)
        update_list = None if self._compile else self.rule_of(group).update_list
        used: list[Bucket] = []
        for moment, (xs, gs) in self._by_moment(group, params, grads).items():
            now = self._letters_now(group, letters, moment)
            if update_list is not None:
                self._step_list(update_list, group, now, xs, gs)
            else:
                self._step_flat(self._buckets.get(index, []), used, group, now, xs, gs)
        self._buckets[index] = used

    def _by_moment(
        self, group: Group, params: Tensors, grads: Tensors
    ) -> Mapping[Moment, tuple[Tensors, Tensors]]:
        """Count a step of each parameter, and sort them by what the rule asks of its time."""
        if not params:
            return {}
        rule = self.rule_of(group)
        if not (rule._counts or rule._asks_first):
            return {(None, False): (params, grads)}
        sorted_: dict[Moment, tuple[list[Tensor], list[Tensor]]] = {}
        for p, g in zip(params, grads, strict=True):
            moment = self._moment(p, group)
            if moment not in sorted_:
                sorted_[moment] = ([], [])
            sorted_[moment][0].append(p)
            sorted_[moment][1].append(g)
        return sorted_

    def _moment(self, p: Tensor, group: Group) -> Moment:
        """Count one more step of `p`; return the count, and whether it had no state before."""
        rule, keys, k = self.rule_of(group), self.states_of(group).values(), None
        first = rule._asks_first and not any(key in self.state[p] for key in keys)
        if rule._counts:
            k = self.state[p]["step"] = int(self.state[p].get("step", 0)) + 1
        return k, first

    def _letters_now(self, group: Group, letters: Letters, moment: Moment) -> Letters:
        """Return `letters` with those that depend on the time."""
        (k, first), rule = moment, self.rule_of(group)
        if k is not None:
            letters = {**letters, **self.letters_at(group, k)}
        if rule._asks_k:
            letters = {**letters, "k": k}
        return {**letters, "first": first} if rule._asks_first else letters

    def _step_list(
        self, update_list: Rule, group: Group, letters: Letters, params: Tensors, grads: Tensors
    ) -> None:
        """Run a rule that has a form for lists, on all tensors as they are."""
        if group.get("maximize", False):
            grads = torch._foreach_neg(grads)
        if decay := self.coupled_decay(group):
            grads = torch._foreach_add(grads, params, alpha=decay)
        version = self._version(params[0])
        lists = {
            letter: self._fitted(params, letter, key, group)
            for letter, key in self.states_of(group).items()
        }
        update_list(params, grads, **lists, **letters)
        self._check_in_place("update_list", params[0], version)

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
        self,
        buckets: list[Bucket],
        used: list[Bucket],
        group: Group,
        letters: Letters,
        params: Tensors,
        grads: Tensors,
    ) -> None:
        """Run a rule on vectors: large tensors in place, small ones by way of buckets.

        Args:
            buckets: Those of the last step, to be used again where they fit.
            used: Those of this step so far; the ones used here are added.
            group, letters, params, grads: What the rule is run on.
        """
        gathered: dict[tuple, tuple[list[Tensor], list[Tensor]]] = {}
        seen: defaultdict[Any, int] = defaultdict(int)
        for p, g in zip(params, grads, strict=True):
            limit = SMALL.get(p.device.type, SMALL_ELSEWHERE)
            if p.numel() < limit or not p.is_contiguous() or p.is_conj():
                # Parameters at one place in memory go into buckets of their own, one after the
                # other, since copying back two of them would lose the step of the first.
                place = p.untyped_storage()._cdata, p.storage_offset()
                key = (p.dtype, p.device, seen[place])
                seen[place] += 1
                if key not in gathered:
                    gathered[key] = ([], [])
                gathered[key][0].append(p)
                gathered[key][1].append(g)
            else:
                self._step_in_place(group, letters, p, g)
        for xs, gs in gathered.values():
            i = len(used)
            fits = i < len(buckets) and buckets[i].fits(xs)
            used.append(buckets[i] if fits else Bucket(xs))
            self._step_bucket(group, letters, used[i], gs)

    def _step_in_place(self, group: Group, letters: Letters, p: Tensor, g: Tensor) -> None:
        states = {}
        for letter, key in self.states_of(group).items():
            (held,) = self._fitted([p], letter, key, group)
            if not held.is_contiguous():
                held = self.state[p][key] = held.contiguous()
            states[letter] = held.view(-1)
        g = g.to(p.dtype).resolve_conj().reshape(-1)
        self._run(group, letters, p.view(-1), g, states)

    def _step_bucket(self, group: Group, letters: Letters, bucket: Bucket, grads: Tensors) -> None:
        states = {}
        for letter, key in self.states_of(group).items():
            states[letter] = bucket.state(key, self._with_states(bucket.params, letter, key, group))
        bucket.gather(grads)
        self._run(group, letters, bucket.x, bucket.g, states)
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
        x: Tensor,
        g: Tensor,
        states: dict[str, Tensor],
    ) -> None:
        """Run the rule on vectors, on the CPU by chunks that fit the cache."""
        whole_x, version = x, self._version(x)
        vectors = [x, g, *states.values()]
        if x.is_complex():
            vectors = [torch.view_as_real(v).view(-1) for v in vectors]
        update = self.rule_of(group).update
        rule = compiled(update) if self._compile else update
        whole = self._compile or x.device.type != "cpu"
        size = vectors[0].numel() if whole else CHUNK
        pieces: Iterable[Sequence[Tensor]] = [vectors]
        if vectors[0].numel() > size:
            pieces = zip(*(v.split(size) for v in vectors), strict=True)
        for x, g, *rest in pieces:
            if group.get("maximize", False):
                g = g.neg()
            if decay := self.coupled_decay(group):
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

    def coupled_decay(self, group: Group) -> float:
        """Return the λ with which the rule is given g + λx in place of g."""
        return number(group.get("weight_decay", 0.0)) if self.coupled_weight_decay else 0.0

    def _sparse_rule(self, index: int, group: Group, sparse: list[tuple[Tensor, Tensor]]) -> Rule:
        """Return the rule for gradients that are not dense; raise if the method takes none."""
        name, update_sparse = self.rule_of(group).__name__, self.rule_of(group).update_sparse
        layouts = {g.layout for _, g in sparse} - ({torch.sparse_coo} if update_sparse else set())
        if update_sparse is None or layouts:
            raise RuntimeError(
                f"{name} does not take gradients of layout {layouts.pop()} "
                f"(group {index}); use dense gradients, e.g. nn.Embedding(..., sparse=False)"
            )
        if self.coupled_decay(group):
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
        letters = self._letters_now(group, letters, self._moment(p, group))
        states = {
            letter: self._fitted([p], letter, key, group)[0]
            for letter, key in self.states_of(group).items()
        }
        update_sparse(p, g, **states, **letters)
