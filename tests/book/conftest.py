"""The pipeline's scripts are imported as they import each other; a small book to try them on."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).parents[2]
PIPELINE = REPOSITORY / "book" / "_pipeline"
sys.path.insert(0, str(PIPELINE))

LEDGER = """\
- id: s17-unbiased
  slide: 17
  statement: Batch gradients are unbiased.
  verdict: holds
  shown: small.ipynb
"""
CELLS = [
    "# A small chapter",
    "import numpy as np\n"
    "from course_lib.claims import at_most, check\n"
    "from course_lib.plotting import figure, show\n"
    "x = np.arange(5.0)\n"
    "print('sum')\n"
    "print(x.sum())",
    "with figure() as (fig, ax):\n    ax.plot(x, x**2, label='square')\nshow(fig, 'It grows')",
    "check('s17-unbiased', at_most('bias', 0.25, 0.5))",
]


def small_notebook() -> nbformat.NotebookNode:
    """A notebook with a number, a figure and a claim; not yet executed, its ids not yet fixed."""
    cells = [nbformat.v4.new_markdown_cell(CELLS[0])]
    cells += [nbformat.v4.new_code_cell(source) for source in CELLS[1:]]
    return nbformat.v4.new_notebook(cells=cells)


class SmallBook:
    """A copy of the library's rooms that notebooks need, with a book of one chapter."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.notebook = folder / "book" / "small.ipynb"
        self.ledger = folder / "book" / "claims.yml"

    @classmethod
    def made_in(cls, folder: Path) -> "SmallBook":
        heavy = ("methods", "training", "problems", "__pycache__")
        shutil.copytree(
            REPOSITORY / "course_lib", folder / "course_lib", ignore=shutil.ignore_patterns(*heavy)
        )
        shutil.copytree(PIPELINE, folder / "book" / "_pipeline")
        shutil.copy(REPOSITORY / "pyproject.toml", folder)
        book = cls(folder)
        book.ledger.write_text(LEDGER, encoding="utf-8")
        nbformat.write(small_notebook(), book.notebook)
        return book

    def copy(self, folder: Path) -> "SmallBook":
        return SmallBook(Path(shutil.copytree(self.folder, folder)))

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Python in the copy, with the copy's library."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "MPLBACKEND": "agg"},
            capture_output=True,
            text=True,
        )

    def execute(self) -> subprocess.CompletedProcess:
        return self.run("book/_pipeline/execute.py")

    def compare(self) -> subprocess.CompletedProcess:
        """What `make test` does with notebooks."""
        return self.run(
            *("-m", "pytest", "book", "--nbval", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"),
            *("--rootdir", str(self.folder)),
        )

    def cells(self) -> list[dict]:
        return json.loads(self.notebook.read_text(encoding="utf-8"))["cells"]

    def edit(self, old: str, new: str) -> None:
        """Change a text in the notebook's file, which must be there."""
        text = self.notebook.read_text(encoding="utf-8")
        assert old in text
        self.notebook.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")
def executed_book(tmp_path_factory) -> SmallBook:
    """The small book, executed once; copy it before a change."""
    book = SmallBook.made_in(tmp_path_factory.mktemp("small") / "book")
    result = book.execute()
    assert result.returncode == 0, result.stderr
    return book


@pytest.fixture
def small_book(executed_book, tmp_path) -> SmallBook:
    """A copy of the executed book, to be broken."""
    return executed_book.copy(tmp_path / "copy")
