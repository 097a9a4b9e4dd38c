"""Stored records: what a script of the repository measured, and how."""

from __future__ import annotations

import json
from typing import Any

from course_lib.book_files import book_file

__all__ = ["load_record"]

_KEYS = {"command", "machine", "versions", "seeds", "results"}


def load_record(name: str) -> dict[str, Any]:
    """Read what a measuring script has stored.

    Seconds, and comparisons too long for a notebook, are measured by a script and stored with what
    is needed to measure them again. A record is made by
    ``python book/_pipeline/measure.py <name>`` from ``book/records/<name>.py``.

    Args:
        name: the record's name, without folder and ending.

    Returns:
        A dictionary with the keys ``command`` (that makes the record again), ``machine`` (CPU
        model, cores, threads, system), ``versions`` (of Python and the packages used), ``seeds``
        and ``results``; and ``date``, the day of the measurement (UTC), which older records lack.

    Raises:
        FileNotFoundError: there is no such record; the error lists those there are.
        ValueError: the file is not a record; the error names what is missing.
    """
    try:
        path = book_file(f"records/{name}.json")
    except FileNotFoundError:
        there = sorted(path.stem for path in book_file("records").glob("*.json"))
        raise FileNotFoundError(f"name must be one of the records {there}, got {name!r}") from None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is not a record: it is not JSON ({error})") from None
    if not isinstance(record, dict):
        raise ValueError(f"{path.name} is not a record: it is not a JSON object")
    if missing := sorted(_KEYS - record.keys()):
        raise ValueError(f"{path.name} is not a record: it lacks {missing}")
    return record
