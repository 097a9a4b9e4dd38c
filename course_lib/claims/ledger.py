"""The ledger: every statement of the lecture that the course checks, with its verdict."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from course_lib.book_files import book_file

__all__ = ["Claim", "LedgerError", "load_ledger"]

HOLDS = "holds"
HOLDS_IF = "holds, if "
NOT_AS_STATED = "not as stated"

_ID = re.compile(r"s(\d\d)(-[a-z0-9]+)+")
_SLIDES = 50


class LedgerError(ValueError):
    """The ledger breaks one of its rules; the message names entry, key and rule."""


@dataclass(frozen=True)
class Claim:
    """One entry of the ledger. All texts are plain sentences, without formulas or marks.

    Attributes:
        id: ``sNN-name``, fixed once for all.
        slide: the slide of the lecture, the NN of the id.
        statement: what the lecture says, in a sentence.
        verdict: ``holds``, ``holds, if <condition>`` or ``not as stated``.
        shown: the notebook that checks it, as a path below ``book/``.
        right: the right statement; needed unless it holds as stated.
        source: where the right statement comes from; needed with it.
    """

    id: str
    slide: int
    statement: str
    verdict: str
    shown: str
    right: str = ""
    source: str = ""

    @property
    def judged(self) -> str:
        """The verdict without its condition, ``holds``, ``conditional`` or ``not-as-stated``."""
        if self.verdict.startswith(HOLDS_IF):
            return "conditional"
        return self.verdict.replace(" ", "-")


def load_ledger(path: str | Path | None = None) -> dict[str, Claim]:
    """Read and validate the ledger of claims.

    Args:
        path: the YAML file; by default the book's own.

    Returns:
        The claims by id, in the ledger's order.

    Raises:
        LedgerError: an entry breaks a rule: unknown, missing or repeated key, repeated id, id not
            of the form ``sNN-name``, slide that is not the id's, verdict outside the vocabulary,
            right statement or source missing (or superfluous), a formula in a text, a notebook
            path that is not one.

    Example:
        >>> all(claim.shown.endswith(".ipynb") for claim in load_ledger().values())
        True
    """
    path = book_file("claims.yml") if path is None else Path(path)
    return dict(_load(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=8)
def _load(path: Path, _modified: int) -> dict[str, Claim]:
    try:
        entries = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LedgerError(f"{path.name} is not YAML: {error}") from None
    if not isinstance(entries, list):
        raise LedgerError(f"{path.name} must be a list of entries, got {type(entries).__name__}")
    ledger: dict[str, Claim] = {}
    for number, entry in enumerate(entries, 1):
        claim = _claim(entry, number)
        if claim.id in ledger:
            raise LedgerError(f"id must be unique, got {claim.id!r} twice")
        ledger[claim.id] = claim
    return ledger


def _claim(entry: Any, number: int) -> Claim:
    name = entry.get("id", f"entry {number}") if isinstance(entry, dict) else f"entry {number}"
    if not isinstance(entry, dict):
        raise LedgerError(f"{name} must be a mapping, got {entry!r}")
    known = {field.name for field in fields(Claim)}
    if unknown := sorted(map(str, entry.keys() - known)):
        raise LedgerError(f"{name}: keys must be among {sorted(known)}, got also {unknown}")
    if missing := sorted({"id", "slide", "statement", "verdict", "shown"} - entry.keys()):
        raise LedgerError(f"{name}: {missing} must be given")
    for key in known & entry.keys() - {"slide"}:
        text = entry[key]
        if not isinstance(text, str) or not text.strip():
            raise LedgerError(f"{name}: {key} must be a text, got {text!r}")
        if marks := set(text) & set("$`|\\"):
            raise LedgerError(f"{name}: {key} must be plain text, got {sorted(marks)} in {text!r}")
    values: dict[str, Any] = {
        key: " ".join(v.split()) if isinstance(v, str) else v for key, v in entry.items()
    }
    claim = Claim(**values)
    _validate(claim)
    return claim


def _validate(claim: Claim) -> None:
    form = _ID.fullmatch(claim.id)
    if not form:
        raise LedgerError(f"id must have the form sNN-name, got {claim.id!r}")
    slide = int(form[1])
    if type(claim.slide) is not int or claim.slide != slide or not 1 <= slide <= _SLIDES:
        raise LedgerError(
            f"{claim.id}: slide must be the id's, from 1 to {_SLIDES}, got {claim.slide!r}"
        )
    conditional = claim.verdict.startswith(HOLDS_IF) and len(claim.verdict) > len(HOLDS_IF)
    if not conditional and claim.verdict not in (HOLDS, NOT_AS_STATED):
        raise LedgerError(
            f"{claim.id}: verdict must be {HOLDS!r}, '{HOLDS_IF}...' or {NOT_AS_STATED!r}, "
            f"got {claim.verdict!r}"
        )
    for key in ("right", "source"):
        if claim.verdict == HOLDS and key == "right" and claim.right:
            raise LedgerError(f"{claim.id}: right must be left out where the statement holds")
        if claim.verdict != HOLDS and not getattr(claim, key):
            raise LedgerError(f"{claim.id}: {key} must be given with verdict {claim.verdict!r}")
    if not re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+)*\.ipynb", claim.shown):
        raise LedgerError(
            f"{claim.id}: shown must be a notebook's path below book/, got {claim.shown!r}"
        )


class _UniqueKeys(yaml.SafeLoader):
    """A YAML loader that refuses a key given twice, of which YAML keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key) for key, _ in node.value]
        if repeated := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise LedgerError(f"keys must be given once, got {repeated} twice{node.start_mark}")
        return super().construct_mapping(node, deep)
