"""A figure in words, made from its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from course_lib.plotting.artists import Panel, Series
from course_lib.plotting.telling import PLURALS, tell_group, tell_place, tell_series

__all__ = ["LONGEST", "describe"]

LONGEST = 250
"""The greatest length of a description, in characters."""


def describe(message: str, panels: list[Panel]) -> str:
    """Describe a figure: the message first, then what the data say.

    The text goes into as much detail as :data:`LONGEST` characters allow: each curve by name, or
    the ranges of all curves of a panel, or of all panels. A text is only good if it depends on the
    data: each kind of thing drawn in each panel is moved, in thought, and the text must change.

    Args:
        message: what the reader should see in the figure, in a short sentence.
        panels: the data, from :func:`course_lib.plotting.artists.read_panels`.

    Returns:
        The description.

    Raises:
        ValueError: there are no data, or no text of the allowed length depends on all of them.
    """
    if not any(np.isfinite(values).any() for _, _, values in _components(panels)):
        raise ValueError("the figure shows no data, so that nothing can be said about it")
    for tell in (_by_series, _by_series_briefly, _by_panel, _altogether):
        text = f"{message} {tell(panels)}"
        if len(text) <= LONGEST and _unheard(tell, panels) is None:
            return text
    shortest = f"{message} {_altogether(panels)}"
    if len(shortest) > LONGEST:
        raise ValueError(
            f"message must leave room for the data in {LONGEST} characters, got {message!r}: "
            f"the shortest description has {len(shortest)}"
        )
    unheard = _unheard(_altogether, panels)
    raise ValueError(f"the description does not change with {unheard}: {shortest!r}")


def _components(panels: list[Panel]) -> Iterator[tuple[int, Series, np.ndarray]]:
    for number, panel in enumerate(panels):
        for series in panel.series:
            for values in series.data.values():
                yield number, series, values


def _unheard(tell: Callable, panels: list[Panel]) -> str | None:
    """The first kind of data that may change without a change of the text."""
    text = tell(panels)
    largest = max(
        (np.abs(v[np.isfinite(v)]).max(initial=0) for _, _, v in _components(panels)), default=0
    )
    for number, panel in enumerate(panels):
        for kind in sorted({series.kind for series in panel.series}):
            names = {n for series in panel.series if series.kind == kind for n in series.data}
            for name in sorted(names):
                moved = [
                    replace(s, data={**s.data, name: 3 * s.data[name] + 7 * largest + 1})
                    if s.kind == kind
                    else s
                    for s in panel.series
                ]
                changed = [*panels[:number], replace(panel, series=moved), *panels[number + 1 :]]
                if tell(changed) == text:
                    return f"the {name} of the {PLURALS.get(kind, kind)} in panel {number + 1}"
    return None


def _by_series(panels: list[Panel]) -> str:
    return _joined(panels, thorough=True)


def _by_series_briefly(panels: list[Panel]) -> str:
    return _joined(panels, thorough=False)


def _joined(panels: list[Panel], *, thorough: bool) -> str:
    """Each panel a sentence, each named series a part of it."""
    sentences = []
    for panel in panels:
        parts = []
        for crowd in _crowds(panel.series):
            if len(crowd) == 1:
                parts.append(tell_series(crowd[0], panel, thorough=thorough))
            else:
                parts.append(tell_group([(series, panel) for series in crowd]))
        sentences.append(f"{tell_place([panel], named=True)}: {'; '.join(parts)}.")
    return " ".join(sentences)


def _crowds(series: list[Series]) -> Iterator[list[Series]]:
    """Named series one by one; three or more nameless ones of a kind together."""
    nameless: dict[str, list[Series]] = {}
    for one in series:
        if not one.label:
            nameless.setdefault(one.kind, []).append(one)
    told = set()
    for one in series:
        crowd = nameless.get(one.kind, [])
        if one.label or len(crowd) < 3:
            yield [one]
        elif one.kind not in told:
            told.add(one.kind)
            yield crowd


def _by_panel(panels: list[Panel]) -> str:
    return " ".join(_ranges([panel]) for panel in panels)


def _altogether(panels: list[Panel]) -> str:
    return _ranges(panels)


def _ranges(panels: list[Panel]) -> str:
    """All series of a kind together, as ranges."""
    kinds = dict.fromkeys(series.kind for panel in panels for series in panel.series)
    parts = [
        tell_group([(s, panel) for panel in panels for s in panel.series if s.kind == kind])
        for kind in kinds
    ]
    return f"{tell_place(panels, named=len(panels) == 1)}: {'; '.join(parts)}."
