"""Where the book's data files are: in the repository, or in the installed package."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath

__all__ = ["book_file", "project_url"]

_PACKAGE = Path(__file__).resolve().parent
_REPOSITORY = _PACKAGE.parent


def _in_repository() -> bool:
    return (_REPOSITORY / "book" / "claims.yml").is_file()


def book_file(relative: str) -> Path:
    """Find a data file of the book, such as the ledger of claims.

    In a checkout of the repository the file below ``book/`` is meant, so that an edit is seen at
    once; in an installed package the copy that travels in the wheel.

    Args:
        relative: the path below ``book/``, with forward slashes.

    Returns:
        The path of an existing file or folder.

    Raises:
        ValueError: ``relative`` is absolute or leads out of ``book/``.
        FileNotFoundError: there is no such file; the error names the folder searched.

    Example:
        >>> book_file("claims.yml").name
        'claims.yml'
    """
    parts = PurePosixPath(relative)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"relative must be a path below book/, got {relative!r}")
    folder = _REPOSITORY / "book" if _in_repository() else _PACKAGE / "_book"
    path = folder / parts
    if not path.exists():
        raise FileNotFoundError(f"the book has no file {relative!r}: looked in {folder}")
    return path


@cache
def project_url(label: str) -> str:
    """Give one of the project's addresses, as ``pyproject.toml`` states it.

    Args:
        label: a key of ``[project.urls]``: ``"Repository"`` or ``"Documentation"``.

    Returns:
        The address without a slash at its end.

    Raises:
        KeyError: there is no such label; the error lists those there are.

    Example:
        >>> project_url("Documentation").startswith("https://")
        True
    """
    if _in_repository():
        project = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
        urls = project["project"]["urls"]
    else:
        stated = metadata.metadata("course-lib").get_all("Project-URL") or []
        urls = dict(entry.split(", ", 1) for entry in stated)
    if label not in urls:
        raise KeyError(f"label must be one of {sorted(urls)}, got {label!r}")
    return urls[label].rstrip("/")
