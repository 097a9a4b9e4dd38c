"""Running a rule: on lists, on chunks of large tensors, on buckets of small ones."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor

from course_lib.methods.buckets import Bucket, check_shape
from course_lib.methods.hyperparameters import number
from course_lib.methods.layout import Layout, Wave
from course_lib.methods.moments import Moment, States, moments_of
from course_lib.methods.vector_rule import VectorRule, Vectors

CHUNK = 2**19
"""Elements in a chunk on the CPU: 2 MB in float32; what a rule works on then stays in the cache."""

MANY = 32
"""From so many small tensors on, gathering them is faster than operations on lists of them."""

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

    What the class's variables mean is said there; ``update``, ``letters``, ``letters_at``,
    ``states_of`` and ``new_state`` are stated there.
    """

    states: ClassVar[Mapping[str, str]] = {}
    keeps_step: ClassVar[bool] = False
    coupled_weight_decay: ClassVar[bool] = True
    dense_gradients: ClassVar[bool] = True
    update: ClassVar[Rule]
    update_in_place: ClassVar[Rule | None] = None
    update_list: ClassVar[Rule | None] = None
    gathers_small: ClassVar[bool] = False
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
    _layouts: dict[int, list[Layout]]
    _work: dict[torch.dtype, Tensor]

    def rule_of(self, group: Group) -> type["RuleRunner"]:
        """Return the class whose rule a group with these options follows, most often this one."""
        return type(self)

    def _step_group(self, index: int, group: Group) -> None:
        params, grads = group["params"], [p.grad for p in group["params"]]
        sparse: list[tuple[Tensor, Tensor]] = []
        if {None if g is None else g.layout for g in grads} != {torch.strided}:
            pairs = [(p, g) for p, g in zip(params, grads, strict=True) if g is not None]
            sparse = [(p, g) for p, g in pairs if g.layout is not torch.strided]
            pairs = [(p, g) for p, g in pairs if g.layout is torch.strided]
            params, grads = [p for p, _ in pairs], [g for _, g in pairs]
        rule = self.rule_of(group)
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
        layouts: list[Layout] = []
        for moment, (xs, gs, states) in self._by_moment(rule, group, params, grads).items():
            now = self._letters_now(rule, group, letters, moment)
            if rule.update_list is not None and not rule.gathers_small:
                self._step_list(rule, group, now, xs, gs, states)
                continue
            known = self._layouts.get(index, [])[len(layouts) :][:1]
            fits = known and known[0].fits(xs)
            layouts.append(known[0] if fits else Layout(xs, SMALL, SMALL_ELSEWHERE))
            self._step_sorted(rule, group, now, layouts[-1], gs, states)
        for gone in self._layouts.get(index, []):
            if gone not in layouts:
                gone.release(self.state)
        self._layouts[index] = layouts

    def _step_sorted(
        self,
        rule: type["RuleRunner"],
        group: Group,
        letters: Letters,
        layout: Layout,
        grads: Tensors,
        states: States,
    ) -> None:
        """Run a rule on vectors, or as a list what is faster so: see ``gathers_small``."""
        listed: Sequence[int] = []
        if rule.update_list is not None and not self._compile:
            listed = layout.large if layout.gathered >= MANY else range(len(grads))
        if listed:
            xs, gs = [layout.params[i] for i in listed], [grads[i] for i in listed]
            some = [states[i] for i in listed if states]
            self._step_list(rule, group, letters, xs, gs, some)
        if len(listed) == len(grads):
            return
        run = VectorRule(
            rule,
            letters,
            decay=self.coupled_decay(group),
            maximize=group.get("maximize", False),
            compile=self._compile,
            work=self._work,
        )
        for wave in layout.waves:
            rest = wave.without(set(listed)) if listed else wave
            self._run(run, self._vectors(group, layout, rest, grads, states))
            for _, bucket in rest.buckets:
                bucket.scatter()

    def _vectors(
        self, group: Group, layout: Layout, wave: Wave, grads: Tensors, states: States
    ) -> Iterator[Vectors]:
        """Yield a wave's vectors, each made when it is asked for."""
        for i in wave.large:
            yield self._worked_in_place(group, layout.params[i], grads[i], states[i : i + 1])
        for indices, bucket in wave.buckets:
            gs = [grads[i] for i in indices]
            yield self._gathered(group, bucket, gs, [states[i] for i in indices if states])

    def _run(self, run: VectorRule, vectors: Iterator[Vectors]) -> None:
        """Run a rule on vectors, and see from the first that it works in place."""
        first = next(vectors, None)
        if first is not None:
            version = self._version(first.x)
            run(chain([first], vectors), chunk=CHUNK)
            self._check_in_place("update", first.x, version)

    def _by_moment(
        self, rule: type["RuleRunner"], group: Group, params: Tensors, grads: Tensors
    ) -> Mapping[Moment, tuple[Tensors, Tensors, States]]:
        """Count a step of each parameter, and sort them by what the rule asks of its time."""
        keys = list(self.states_of(group).values())
        if not params:
            return {}
        if not (keys or rule._counts):
            return {(None, False): (params, grads, [])}
        states = [self.state[p] for p in params]
        moments = moments_of(states, keys, counted=rule._counts, asks_first=rule._asks_first)
        if len(moments) == 1:
            return {moments[0]: (params, grads, states)}
        sorted_: defaultdict[Moment, tuple[list, list, list]] = defaultdict(lambda: ([], [], []))
        for moment, *entry in zip(moments, params, grads, states, strict=True):
            for entries, one in zip(sorted_[moment], entry, strict=True):
                entries.append(one)
        return sorted_

    def _letters_now(
        self, rule: type["RuleRunner"], group: Group, letters: Letters, moment: Moment
    ) -> Letters:
        """Return `letters` with those that depend on the time."""
        k, first = moment
        if k is not None:
            letters = {**letters, **self.letters_at(group, k)}
        if rule._asks_k:
            letters = {**letters, "k": k}
        return {**letters, "first": first} if rule._asks_first else letters

    def _step_list(
        self,
        rule: type["RuleRunner"],
        group: Group,
        letters: Letters,
        params: Tensors,
        grads: Tensors,
        states: States,
    ) -> None:
        """Run a rule that has a form for lists, on all tensors as they are."""
        if group.get("maximize", False):
            grads = torch._foreach_neg(grads)
        if decay := self.coupled_decay(group):
            grads = torch._foreach_add(grads, params, alpha=decay)
        version = self._version(params[0])
        lists = {
            letter: self._fitted(params, states, letter, key, group)
            for letter, key in self.states_of(group).items()
        }
        assert rule.update_list is not None
        rule.update_list(params, grads, **lists, **letters)
        self._check_in_place("update_list", params[0], version)

    def _fitted(
        self, params: Tensors, states: States, letter: str, key: str, group: Group
    ) -> list[Tensor]:
        """Return the state `key` of each parameter, in its dtype and on its device."""
        self._make(params, states, letter, key, group)
        for p, state in zip(params, states, strict=True):
            held = state[key]
            if held.dtype != p.dtype or held.device != p.device:
                state[key] = held.to(p.device, p.dtype)
            check_shape(key, held, p)
        return [state[key] for state in states]

    def _make(self, params: Tensors, states: States, letter: str, key: str, group: Group) -> None:
        """Make the state `key` where it is new."""
        if False not in [key in state for state in states]:
            return
        for p, state in zip(params, states, strict=True):
            if key not in state:
                state[key] = self.new_state(p, letter, group)

    def _worked_in_place(self, group: Group, p: Tensor, g: Tensor, states: States) -> Vectors:
        """Return a parameter, its gradient and states as vectors, all but the gradient as views."""
        vectors = {}
        for letter, key in self.states_of(group).items():
            (held,) = self._fitted([p], states, letter, key, group)
            if not held.is_contiguous():
                held = states[0][key] = held.contiguous()
            vectors[letter] = held.view(-1)
        g = g.to(p.dtype).resolve_conj().resolve_neg()
        return Vectors(p.detach().view(-1), g.reshape(-1), vectors)

    def _gathered(self, group: Group, bucket: Bucket, grads: Tensors, states: States) -> Vectors:
        """Gather a bucket, and return its vectors."""
        vectors = {}
        for letter, key in self.states_of(group).items():
            self._make(bucket.params, states, letter, key, group)
            vectors[letter] = bucket.state(key, states)
        bucket.gather(grads)
        return Vectors(bucket.x, bucket.g, vectors)

    def _version(self, x: Tensor) -> int | None:
        """Return how often `x` was changed in place, while the rule has not been seen to do it.

        Not watched are a compiled rule, and tensors that need not count: those of inference mode
        and of subclasses, such as fake ones.
        """
        if self._in_place or self._compile or torch.compiler.is_compiling():
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
                f"{name} does not take gradients of layout {layouts.pop()} (group {index}); use "
                "dense gradients, e.g. nn.Embedding(..., sparse=False), or SparseAdam"
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
        rule = self.rule_of(group)
        if group.get("maximize", False):
            g = g.neg()
        keys = self.states_of(group)
        states = [self.state[p]] if keys or rule._counts else []
        if states:
            (moment,) = moments_of(
                states, list(keys.values()), counted=rule._counts, asks_first=rule._asks_first
            )
            letters = self._letters_now(rule, group, letters, moment)
        vectors = {
            letter: self._fitted([p], states, letter, key, group)[0] for letter, key in keys.items()
        }
        update_sparse(p, g, **vectors, **letters)
