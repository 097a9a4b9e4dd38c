"""Which pages the website has, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml
from bs4 import BeautifulSoup

REPOSITORY = Path(__file__).parents[2]
HTML = REPOSITORY / "_build" / "html"


def documents() -> list[str]:
    """The documents of the table of contents, in its order, without their endings."""
    toc = yaml.safe_load((REPOSITORY / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *_files(toc)]


def _files(node) -> Iterator[str]:
    if isinstance(node, dict):
        if "file" in node:
            yield node["file"]
        for value in node.values():
            yield from _files(value)
    elif isinstance(node, list):
        for one in node:
            yield from _files(one)


PAGES = [f"{document}.html" for document in [*documents(), "genindex", "search"]]


@cache
def parsed(path: Path) -> BeautifulSoup:
    """The page's elements."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
