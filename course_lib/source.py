"""The library's own code, shown in a notebook as it stands."""

from __future__ import annotations

import ast
import inspect
from typing import Any

__all__ = ["Source", "show_source"]


class Source:
    """Code to be shown: plain text in a terminal, highlighted Python in a notebook and on a page.

    Args:
        code: the text of the code.
    """

    def __init__(self, code: str) -> None:
        """Keep ``code``."""
        self.code = code

    def __repr__(self) -> str:
        """Give the code itself."""
        return self.code

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.code}\n```"


def show_source(obj: Any, *, docstring: bool = False, decorators: bool = True) -> Source:
    """Show the code of a function or class as it stands in the library.

    Make it the last expression of a cell: what the reader sees is then what runs, and a test
    compares the two.

    Args:
        obj: a function, method, property or class written in Python.
        docstring: keep the docstrings of ``obj`` and of what is defined inside it.
        decorators: keep the lines of decorators above ``obj``.

    Returns:
        The code, dedented.

    Raises:
        TypeError: ``obj`` has no Python source, for instance because it is built in.

    Example:
        >>> from course_lib.book_files import project_url
        >>> print(str(show_source(project_url)).splitlines()[1])
        def project_url(label: str) -> str:
    """
    if isinstance(obj, property):
        obj = obj.fget
    try:
        text = inspect.getsource(obj)
        definition = _definition(text)
    except (TypeError, OSError, SyntaxError) as error:
        raise TypeError(
            f"obj must be a function or class written in Python, got {obj!r}: {error}"
        ) from None
    # Not dedented in common: a text of several lines may stand at the margin.
    indent = text[: len(text) - len(text.lstrip())]
    lines = [line.removeprefix(indent) for line in text.splitlines()]
    dropped: set[int] = set()
    if not docstring:
        for node in ast.walk(definition):
            dropped |= _docstring_lines(node, lines)
    first = 1
    if not decorators and isinstance(definition, ast.FunctionDef | ast.ClassDef):
        first = definition.lineno
    kept = [
        line for number, line in enumerate(lines, 1) if number >= first and number not in dropped
    ]
    return Source("\n".join(kept).rstrip())


def _definition(text: str) -> ast.stmt:
    """The first statement of ``text``, which may be indented, with its own line numbers."""
    if not text[:1].isspace():
        return ast.parse(text).body[0]
    block = ast.parse(f"if True:\n{text}").body[0]
    ast.increment_lineno(block, -1)
    return block.body[0]  # type: ignore[attr-defined]


def _docstring_lines(node: ast.AST, lines: list[str]) -> set[int]:
    """The lines of a definition's docstring, with the blank lines below it."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    if not isinstance(node, kinds) or ast.get_docstring(node) is None or len(node.body) == 1:
        return set()
    last = node.body[0].end_lineno or node.body[0].lineno
    if node.body[1].lineno <= last:
        return set()  # all in one line
    while last < len(lines) and not lines[last].strip():
        last += 1
    return set(range(node.body[0].lineno, last + 1))
