"""The book's notebooks are in their fixed form, in time, and agree with the ledger of claims."""

import json
import re
from itertools import pairwise

import pytest
from code_names import claims_checked
from execute import TIMES
from notebooks import (
    BOOK,
    as_text,
    code_hash,
    find_notebooks,
    generate_first_cells,
    normalise,
    read_notebook,
)

from course_lib.claims import load_ledger

NOTEBOOKS = {path.relative_to(BOOK).as_posix(): path for path in find_notebooks()}
MOST_SECONDS, MEDIAN_SECONDS = 60, 25
REMEDY = "run `make notebooks`"


def test_there_are_notebooks():
    assert NOTEBOOKS


def headers(text):
    """The cells of the first rows of all tables in a Markdown text."""
    lines = [line.strip() for line in text.splitlines()]
    for head, rule in pairwise(lines):
        if rule.startswith("|") and set(rule) <= set("|-: "):
            yield from (cell.strip() for cell in re.split(r"(?<!\\)\|", head.strip("|")))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_column_of_a_table_has_a_heading_that_can_be_read_aloud(name):
    for cell in read_notebook(NOTEBOOKS[name]).cells:
        stored = [output.get("data", {}) for output in cell.get("outputs", [])]
        for text in (cell.source, *(data.get("text/markdown", "") for data in stored)):
            for heading in headers(text):
                assert re.sub(r"\$[^$]*\$", "", heading).strip(), (cell.id, heading)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_file_is_in_its_fixed_form_with_the_generated_first_cell(name):
    notebook = read_notebook(NOTEBOOKS[name])
    generated = read_notebook(NOTEBOOKS[name])
    generate_first_cells(generated)
    assert [c.source for c in generated.cells] == [c.source for c in notebook.cells], REMEDY
    normalise(notebook)
    assert as_text(notebook) == NOTEBOOKS[name].read_text(encoding="utf-8"), REMEDY


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_stored_outputs_are_clean(name):
    for cell in read_notebook(NOTEBOOKS[name]).cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", cell.id
            if "image/png" in output.get("data", {}):
                assert 0 < len(output.data.get("text/plain", "")) <= 250, cell.id
                assert not output.data["text/plain"].startswith("<"), cell.id


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_seconds_are_recorded_and_within_the_budget(name):
    record = json.loads(TIMES.read_text(encoding="utf-8")).get(name)
    assert record, f"{name} has no record of its seconds: {REMEDY}"
    assert record["code"] == code_hash(read_notebook(NOTEBOOKS[name])), REMEDY
    assert record["seconds"] < MOST_SECONDS


def test_half_of_the_notebooks_are_short_and_none_is_recorded_that_is_gone():
    times = json.loads(TIMES.read_text(encoding="utf-8"))
    assert set(times) == set(NOTEBOOKS), REMEDY
    short = sum(record["seconds"] < MEDIAN_SECONDS for record in times.values())
    assert 2 * short >= len(times)


def disagreements(ledger, checked):
    """How a ledger and the claims that notebooks check (a list of ids each) differ, in words."""
    found = []
    for name, ids in checked.items():
        found += [f"{name} checks {id}, not in the ledger" for id in set(ids) - set(ledger)]
        found += [f"{name} checks {id} more than once" for id in set(ids) if ids.count(id) > 1]
    for id, claim in ledger.items():
        where = [name for name, ids in checked.items() if id in ids]
        if where != [claim.shown]:
            found.append(f"{id} is said to be shown in {claim.shown}, is checked in {where}")
    return sorted(found)


def test_ledger_and_notebooks_agree():
    checked = {name: claims_checked(path) for name, path in NOTEBOOKS.items()}
    assert disagreements(load_ledger(), checked) == []


def test_orphans_and_repetitions_are_found(executed_book):
    ledger = load_ledger(executed_book.ledger)
    checked = {"small.ipynb": claims_checked(executed_book.notebook)}
    assert disagreements(ledger, checked) == []
    assert disagreements(ledger, {"small.ipynb": []}) == [
        "s17-unbiased is said to be shown in small.ipynb, is checked in []"
    ]
    assert disagreements({}, checked) == ["small.ipynb checks s17-unbiased, not in the ledger"]
    assert disagreements(ledger, {"other.ipynb": ["s17-unbiased"]}) == [
        "s17-unbiased is said to be shown in small.ipynb, is checked in ['other.ipynb']"
    ]
    assert disagreements(ledger, {"small.ipynb": 2 * ["s17-unbiased"]}) == [
        "small.ipynb checks s17-unbiased more than once"
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_claim_that_is_checked_has_its_card(name):
    """A check shows its claim only where it is the last expression of its cell."""
    shown = [
        output.get("data", {}).get("text/plain", "").split(" | ")[0]
        for cell in read_notebook(NOTEBOOKS[name]).cells
        for output in cell.get("outputs", ())
    ]
    assert set(claims_checked(NOTEBOOKS[name])) <= set(shown)
