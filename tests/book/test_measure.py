"""A record says what was measured, on what, with what, and how to measure it again."""

import json
from datetime import UTC, date, datetime

import pytest
from measure import RECORDS, load_script, make_record

from course_lib import records
from course_lib.records import load_record


def test_a_record_is_made_from_a_script_and_read_back(tmp_path, monkeypatch):
    (tmp_path / "records").mkdir()
    script = tmp_path / "records" / "steps.py"
    script.write_text("SEEDS = (1, 2)\ndef measure():\n    return {'seconds': [0.5, 0.25]}\n")
    before = datetime.now(UTC).date()
    record = make_record("steps", script.parent)
    assert before <= date.fromisoformat(record["date"]) <= datetime.now(UTC).date()
    assert record["command"] == "python book/_pipeline/measure.py steps"
    assert record["seeds"] == [1, 2]
    assert record["machine"]["cpu"]
    assert record["machine"]["cores"] >= 1
    assert record["machine"]["cpu_details"]["architecture"]
    assert {"course-lib", "numpy", "python", "torch"} == set(record["versions"])
    script.with_suffix(".json").write_text(json.dumps(record))
    monkeypatch.setattr(records, "book_file", lambda relative: tmp_path / relative)
    assert load_record("steps")["results"] == {"seconds": [0.5, 0.25]}


def test_a_script_that_lacks_something_is_refused(tmp_path):
    with pytest.raises(ValueError, match="name must be one of"):
        load_script("missing", tmp_path)
    (tmp_path / "half.py").write_text("SEEDS = ()\n")
    with pytest.raises(ValueError, match="must define measure"):
        load_script("half", tmp_path)


def test_every_record_has_its_script_and_can_be_read():
    scripts = {path.stem for path in RECORDS.glob("*.py")}
    stored = {path.stem for path in RECORDS.glob("*.json")}
    assert scripts == stored
    for name in sorted(stored):
        record = load_record(name)
        assert record["command"] == f"python book/_pipeline/measure.py {name}"
        assert list(record["seeds"]) == list(load_script(name).SEEDS)
