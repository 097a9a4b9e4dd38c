"""What a rule may ask about the time of its step: the count, and whether it is the first."""

from collections.abc import Sequence
from typing import Any

States = list[dict[str, Any]]
"""``state[p]`` of each parameter."""

Moment = tuple[int | None, bool]
"""The number of steps taken, where it is counted, and whether there was no state before."""


def moments_of(
    states: States, keys: Sequence[str], *, counted: bool, asks_first: bool
) -> list[Moment]:
    """Count one more step of each parameter, if steps are `counted`, and return its moment.

    Args:
        states: ``state[p]`` of each parameter; the count is kept there as ``"step"``.
        keys: The states that the rule keeps.
        counted: Whether steps are counted.
        asks_first: Whether the rule asks if its tensors had no state before this step.

    Returns:
        The moment of each parameter, or one moment alone if it is that of all.

    Example:
        >>> states = [{"step": 3, "v": 0.5}, {}]
        >>> moments_of(states, ["v"], counted=True, asks_first=True)
        [(4, False), (1, True)]
        >>> states[1]
        {'step': 1}
    """
    counts: list[int | None] = [None]
    firsts = [False]
    if asks_first:
        firsts = [not keys or keys[0] not in state for state in states]
    if counted:
        counts = [int(state.get("step", 0)) + 1 for state in states]
        for state, k in zip(states, counts, strict=True):
            state["step"] = k
    if len(set(counts)) == len(set(firsts)) == 1:
        return [(counts[0], firsts[0])]
    return [(counts[i % len(counts)], firsts[i % len(firsts)]) for i in range(len(states))]
