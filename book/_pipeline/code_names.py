"""What the notebooks' code uses: names of the library, and claims."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from notebooks import read_notebook

LIBRARY = "course_lib"


def code_trees(path: Path) -> Iterator[ast.Module]:
    """The syntax trees of a notebook's code cells, IPython's commands included."""
    for cell in read_notebook(path).cells:
        if cell.cell_type == "code":
            yield ast.parse(TransformerManager().transform_cell(cell.source))


def library_names(paths: list[Path]) -> set[tuple[str, str]]:
    """Every name of the library that the notebooks use, as pairs (module, dotted name in it).

    `from course_lib.methods import SGD` gives `("course_lib.methods", "SGD")`, and so does
    `import course_lib.methods as methods` with `methods.SGD`. An attribute of what was imported,
    `SGD.update`, gives `("course_lib.methods", "SGD.update")`; a module alone `(module, "")`.
    """
    names = set()
    for path in paths:
        trees = list(code_trees(path))
        imported = _imported(trees)
        names |= set(imported.values()) | {
            used for node in _walk(trees) if (used := _used(node, imported)) is not None
        }
    return names


def claims_checked(path: Path) -> list[str]:
    """The ids of the claims that a notebook checks, one for each call.

    Raises:
        ValueError: a call of `check` names its claim by something other than a literal text.
    """
    ids = []
    trees = list(code_trees(path))
    imported = _imported(trees)
    for node in _walk(trees):
        if not isinstance(node, ast.Call) or ".".join(_used(node.func, imported) or ()) not in (
            f"{LIBRARY}.claims.check",
            f"{LIBRARY}.claims.checking.check",
        ):
            continue
        claim = node.args[0] if node.args else None
        if not isinstance(claim, ast.Constant) or not isinstance(claim.value, str):
            raise ValueError(f"{path.name}: check must be given the claim's id as a text")
        ids.append(claim.value)
    return ids


def _walk(trees: list[ast.Module]) -> Iterator[ast.AST]:
    return (node for tree in trees for node in ast.walk(tree))


def _imported(trees: list[ast.Module]) -> dict[str, tuple[str, str]]:
    """What each name that an import of the library binds stands for."""
    imported = {}
    for node in _walk(trees):
        if isinstance(node, ast.ImportFrom) and _of_library(node.module or ""):
            for alias in node.names:
                imported[alias.asname or alias.name] = (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _of_library(alias.name):
                    # Without `as` the package's name is bound; the module is told by its own name.
                    imported[alias.asname or alias.name] = (alias.name, "")
                    imported.setdefault(LIBRARY, (LIBRARY, ""))
    return imported


def _used(node: ast.AST, imported: dict[str, tuple[str, str]]) -> tuple[str, str] | None:
    """The library's name that an expression such as `methods.SGD.update` stands for."""
    root, dotted = _dotted(node)
    if root not in imported:
        return None
    # Of several modules imported as `course_lib.x`, the longest that the expression starts with.
    text = f"{root}.{dotted}".rstrip(".")
    bound = max((n for n in imported if f"{text}.".startswith(f"{n}.")), key=len)
    module, name = imported[bound]
    return module, ".".join(part for part in (name, text[len(bound) + 1 :]) if part)


def _of_library(module: str) -> bool:
    return module == LIBRARY or module.startswith(f"{LIBRARY}.")


def _dotted(node: ast.AST) -> tuple[str, str]:
    """`a.b.c` as ("a", "b.c"); ("", "") if it does not start with a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, ".".join(reversed(parts))) if isinstance(node, ast.Name) else ("", "")
