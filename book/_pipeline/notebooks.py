"""The book's notebooks as files: where they are, their fixed form, the code in them."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from course_lib.book_files import project_url

REPOSITORY = Path(__file__).resolve().parents[2]
BOOK = REPOSITORY / "book"
INSTALL_TAGS = ["install", "remove-cell"]
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}
# What editors and kernels write that says when or where a notebook was run.
_PASSING_METADATA = {"execution", "collapsed", "scrolled", "ExecuteTime", "jupyter", "vscode"}


def find_notebooks(folder: Path = BOOK) -> list[Path]:
    """All notebooks of the book, in alphabetical order, without hidden and private folders."""
    return sorted(
        path
        for path in folder.rglob("*.ipynb")
        if not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    )


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook; cells without an id get one made from their content."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if content.get("nbformat") != 4:
        raise ValueError(f"{path.name} must have notebook format 4, got {content.get('nbformat')}")
    content["nbformat_minor"] = 5
    taken = {cell["id"] for cell in content["cells"] if "id" in cell}
    for cell in content["cells"]:
        if "id" not in cell:
            cell["id"] = _new_id("".join(cell["source"]), taken)
            taken.add(cell["id"])
    notebook = nbformat.from_dict(content)
    for cell in notebook.cells:
        cell.source = "".join(cell.source)
        for output in cell.get("outputs", ()):
            _join_lines(output)
    return notebook


def _new_id(source: str, taken: set[str]) -> str:
    """An id from the cell's text, the same wherever it is made."""
    repeat = 0
    while True:
        digest = hashlib.sha256(f"{repeat}:{source}".encode()).hexdigest()[:8]
        if digest not in taken:
            return digest
        repeat += 1


def _join_lines(output: dict[str, Any]) -> None:
    if isinstance(output.get("text"), list):
        output["text"] = "".join(output["text"])
    for mime, data in output.get("data", {}).items():
        if isinstance(data, list) and not mime.endswith("json"):
            output["data"][mime] = "".join(data)


def install_source() -> str:
    """The code of the generated cell, which makes the library available where it is missing."""
    return (
        "# Gets the course's library where it is missing, for instance in Colab.\n"
        "import importlib.util\n"
        "\n"
        'if importlib.util.find_spec("course_lib") is None:\n'
        f'    %pip install --quiet "course-lib @ git+{project_url("Repository")}"'
    )


def generate_first_cells(notebook: nbformat.NotebookNode) -> None:
    """Put the generated cell in its place: the first code cell, below the title."""
    others = [c for c in notebook.cells if "install" not in c.metadata.get("tags", ())]
    cell = nbformat.from_dict(
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "install",
            "metadata": {"tags": INSTALL_TAGS},
            "outputs": [],
            "source": install_source(),
        }
    )
    titled = bool(others) and others[0].cell_type == "markdown"
    notebook.cells = [*others[:titled], cell, *others[titled:]]


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Bring an executed notebook into its fixed form: the same content has the same bytes."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    kept = {k: v for k, v in notebook.metadata.items() if k not in ("widgets", "vscode")}
    notebook.metadata = nbformat.from_dict({**kept, **_METADATA})
    count = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {k: v for k, v in cell.metadata.items() if k not in _PASSING_METADATA}
        )
        if cell.cell_type != "code":
            continue
        cell.execution_count = None
        if cell.source.strip():
            count += 1
            cell.execution_count = count
        if "nbval-ignore-output" in cell.metadata.get("tags", ()):
            cell.outputs = []
        cell.outputs = _merged(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count


def _merged(outputs: list) -> list:
    """Outputs with the pieces of one stream, which arrive in any number, put together."""
    merged: list = []
    for output in outputs:
        before = merged[-1] if merged else None
        if (
            before is not None
            and output.output_type == before.output_type == "stream"
            and output.name == before.name
        ):
            before.text += output.text
        else:
            merged.append(output)
    return merged


def as_text(notebook: nbformat.NotebookNode) -> str:
    """The file's content: keys sorted, texts as lists of lines."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def write_text(path: Path, text: str) -> bool:
    """Replace a file in one step, and only if its content changes; say whether it did."""
    if path.exists() and path.read_bytes() == text.encode():
        return False
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def code_hash(notebook: nbformat.NotebookNode) -> str:
    """A fingerprint of the notebook's code, to tell whether a record of it is up to date."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:16]
