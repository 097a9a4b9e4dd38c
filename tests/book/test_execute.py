"""Executing a notebook again gives a file of the same bytes; a failing one is left whole."""

import json
import re

import pytest
from execute import record_time


def test_executing_again_gives_the_same_bytes(small_book):
    before = small_book.notebook.read_bytes()
    # An editor's traces and old outputs must not survive.
    notebook = json.loads(before)
    notebook["metadata"]["language_info"]["version"] = "3.1"
    for cell in notebook["cells"]:
        cell["metadata"]["execution"] = {"iopub.execute_input": "2020-01-01"}
        if cell["cell_type"] == "code":
            cell["execution_count"] = 99
            cell["outputs"] = []
    small_book.notebook.write_text(json.dumps(notebook), encoding="utf-8")
    assert small_book.execute().returncode == 0
    assert small_book.notebook.read_bytes() == before
    modified = small_book.notebook.stat().st_mtime_ns
    assert small_book.execute().returncode == 0
    assert small_book.notebook.stat().st_mtime_ns == modified


def test_outputs_are_in_their_fixed_form(executed_book):
    title, install, numbers, plot, claim = executed_book.cells()
    assert title["cell_type"] == "markdown"
    assert install["id"] == "install"
    assert "".join(install["source"]).endswith(
        'git+https://github.com/training-dnns/training-dnns"'
    )
    assert [cell["execution_count"] for cell in (install, numbers, plot, claim)] == [1, 2, 3, 4]
    assert [output["text"] for output in numbers["outputs"]] == [["sum\n", "10.0\n"]]
    (picture,) = plot["outputs"]
    assert picture["execution_count"] == 3
    assert picture["data"]["text/plain"] == ["It grows. x 0 to 4: square from 0 to 16."]
    assert {"image/png", "text/plain"} == set(picture["data"])
    assert "bias 0.250 ≤ 0.5" in claim["outputs"][0]["data"]["text/plain"][0]


def test_the_seconds_are_recorded_with_the_code_they_are_of(executed_book):
    times = json.loads((executed_book.folder / "book" / "execution_times.json").read_text())
    assert set(times) == {"small.ipynb"}
    assert set(times["small.ipynb"]) == {"code", "machine", "seconds"}
    assert times["small.ipynb"]["seconds"] > 0


def test_a_record_is_renewed_by_code_or_by_more_than_scatter(tmp_path):
    times = tmp_path / "times.json"

    def recorded(seconds, code):
        record_time("a.ipynb", seconds, code, times)
        return json.loads(times.read_text())["a.ipynb"]["seconds"]

    assert recorded(20.0, "old") == 20.0
    assert recorded(21.0, "old") == 20.0
    assert recorded(40.0, "old") == 40.0
    assert recorded(41.0, "new") == 41.0


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import warnings; warnings.warn('old')", "writes to stderr"),
        ("object()", "shows an object's address"),
        ("import course_lib; print(course_lib.__file__)", "shows a path of this machine"),
    ],
)
def test_a_notebook_that_cannot_be_stored_is_left_whole_and_its_cell_named(
    small_book, statement, reason
):
    small_book.edit("print(x.sum())", statement)
    before = small_book.notebook.read_bytes()
    times = (small_book.folder / "book" / "execution_times.json").read_bytes()
    result = small_book.execute()
    assert result.returncode == 1
    assert re.search(r"small\.ipynb: cell 3 \(id \w+\)", result.stderr), result.stderr
    assert reason in result.stderr
    assert small_book.notebook.read_bytes() == before
    assert (small_book.folder / "book" / "execution_times.json").read_bytes() == times
    assert [path.name for path in small_book.notebook.parent.glob(".*")] == []


def test_outputs_that_differ_at_each_run_are_not_stored(small_book):
    notebook = json.loads(small_book.notebook.read_text(encoding="utf-8"))
    timed = notebook["cells"][2]
    timed["source"] = ["import time, numpy as np\n", "x = np.arange(5.0)\n"]
    timed["source"] += ["from course_lib.claims import *\n", "from course_lib.plotting import *\n"]
    timed["source"] += ["time.perf_counter()"]
    timed["metadata"]["tags"] = ["nbval-ignore-output"]
    small_book.notebook.write_text(json.dumps(notebook), encoding="utf-8")
    assert small_book.execute().returncode == 0
    assert small_book.cells()[2]["outputs"] == []
    result = small_book.compare()
    assert result.returncode == 0, result.stdout
