"""Execute notebooks again and store their outputs: the same code gives a file of the same bytes.

    python book/_pipeline/execute.py [notebook ...]

Without arguments all notebooks of the book are executed. A notebook that fails is left as it was;
the message names its cell. Outputs that cannot be the same next time are refused: warnings on
stderr, addresses of objects, paths of this machine. The outputs of cells tagged
`nbval-ignore-output` are not stored. Seconds go to `book/execution_times.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from machine import cores, cpu_model
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from notebooks import (
    BOOK,
    REPOSITORY,
    as_text,
    code_hash,
    find_notebooks,
    generate_first_cells,
    normalise,
    read_notebook,
    write_text,
)

TIMES = BOOK / "execution_times.json"
# A hanging cell is stopped after so many seconds.
CELL_TIMEOUT = 600
# Seconds scatter from run to run; a record is renewed only if they differ by more than this.
SCATTER, SCATTER_SECONDS = 0.25, 3.0

_ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")


class NotebookFailed(Exception):
    """A notebook could not be executed, or its outputs cannot be stored."""


def execute(path: Path) -> tuple[str, float, str]:
    """Execute one notebook without touching its file.

    Returns:
        The new content of the file, the seconds it took with the kernel's start, and the
        fingerprint of its code.

    Raises:
        NotebookFailed: names the notebook, the cell and what went wrong.
    """
    notebook = read_notebook(path)
    generate_first_cells(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    started = time.perf_counter()
    try:
        client.execute()
    except CellExecutionError as error:
        raise NotebookFailed(f"{path}: {_where(notebook)}\n{error}") from None
    except (CellTimeoutError, DeadKernelError, RuntimeError) as error:
        raise NotebookFailed(f"{path}: {error}") from None
    seconds = time.perf_counter() - started
    normalise(notebook)
    _refuse_passing_outputs(path, notebook)
    return as_text(notebook), seconds, code_hash(notebook)


def _where(notebook: nbformat.NotebookNode) -> str:
    """Name the cell whose output is an error."""
    for number, cell in enumerate(notebook.cells, 1):
        if any(output.output_type == "error" for output in cell.get("outputs", ())):
            return f"cell {number} (id {cell.id}) fails"
    return "a cell fails"


def _refuse_passing_outputs(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Refuse what no other run would repeat."""
    machine_paths = {str(REPOSITORY), str(Path.home()), sys.prefix} - {"/"}
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", ()):
            where = f"{path}: cell {number} (id {cell.id})"
            text = output.get("text", "") + "".join(
                data
                for mime, data in output.get("data", {}).items()
                if isinstance(data, str) and mime.startswith("text/")
            )
            if output.output_type == "stream" and output.name == "stderr":
                raise NotebookFailed(f"{where} writes to stderr: {text.strip()}")
            if found := _ADDRESS.search(text):
                raise NotebookFailed(f"{where} shows an object's address: {found[0]}")
            for machine_path in machine_paths:
                if machine_path in text:
                    raise NotebookFailed(f"{where} shows a path of this machine: {machine_path}")


def record_time(name: str, seconds: float, code: str, times: Path = TIMES) -> None:
    """Store a notebook's seconds, unless they differ from those stored by no more than scatter."""
    records = json.loads(times.read_text(encoding="utf-8")) if times.exists() else {}
    known = records.get(name, {})
    near = abs(known.get("seconds", 0) - seconds) <= max(SCATTER_SECONDS, SCATTER * seconds)
    if known.get("code") == code and near:
        return
    records[name] = {
        "code": code,
        "machine": f"{cpu_model()}, {cores()} cores",
        "seconds": round(seconds, 1),
    }
    write_text(times, json.dumps(records, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def forget_times(names: set[str], times: Path = TIMES) -> None:
    """Drop the records of notebooks that are no longer there."""
    if times.exists():
        records = json.loads(times.read_text(encoding="utf-8"))
        kept = {name: record for name, record in records.items() if name in names}
        write_text(times, json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Execute the notebooks named, or all; return the number that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="paths; default: all of the book")
    paths = [path.resolve() for path in parser.parse_args(arguments).notebooks]
    # Kernels inherit these: no window system, and sets in the same order in each run.
    os.environ.update(MPLBACKEND="agg", PYTHONHASHSEED="0", PYDEVD_DISABLE_FILE_VALIDATION="1")
    failed = 0
    for path in paths or find_notebooks():
        try:
            text, seconds, code = execute(path)
        except NotebookFailed as failure:
            failed += 1
            print(failure, file=sys.stderr)
            continue
        changed = "stored" if write_text(path, text) else "as before"
        print(f"{seconds:6.1f} s  {changed:9}  {os.path.relpath(path)}")
        if path.is_relative_to(BOOK):
            record_time(path.relative_to(BOOK).as_posix(), seconds, code)
    if not paths:
        forget_times({path.relative_to(BOOK).as_posix() for path in find_notebooks()})
    if failed:
        print(f"{failed} notebooks failed and were left as they were", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
