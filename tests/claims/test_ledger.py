"""The ledger's rules: each entry that breaks one is refused by name."""

import pytest
import yaml

from course_lib.claims import LedgerError, load_ledger

HOLDING = {
    "id": "s17-unbiased",
    "slide": 17,
    "statement": "Batch gradients are unbiased.",
    "verdict": "holds",
    "shown": "methods/sgd.ipynb",
}
CORRECTED = {
    **HOLDING,
    "id": "s19-epoch",
    "slide": 19,
    "verdict": "not as stated",
    "right": "One pass is an epoch.",
    "source": "Bottou (2009)",
}


@pytest.fixture
def load(tmp_path):
    def load(*entries):
        path = tmp_path / "claims.yml"
        path.write_text(yaml.safe_dump(list(entries)), encoding="utf-8")
        return load_ledger(path)

    return load


def without(entry, key):
    return {name: value for name, value in entry.items() if name != key}


def test_entries_are_read_in_order(load):
    ledger = load(CORRECTED, HOLDING, {**CORRECTED, "id": "s19-x", "verdict": "holds, if m is big"})
    assert list(ledger) == ["s19-epoch", "s17-unbiased", "s19-x"]
    assert [claim.judged for claim in ledger.values()] == ["not-as-stated", "holds", "conditional"]


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ({**HOLDING, "note": "x"}, "keys must be among"),
        (without(HOLDING, "statement"), "must be given"),
        ({**HOLDING, "id": "unbiased"}, "form sNN-name"),
        ({**HOLDING, "id": "s17_unbiased"}, "form sNN-name"),
        ({**HOLDING, "id": "s17-Unbiased"}, "form sNN-name"),
        ({**HOLDING, "slide": 18}, "slide must be"),
        ({**HOLDING, "slide": "17"}, "slide must be"),
        ({**HOLDING, "id": "s99-late", "slide": 99}, "slide must be"),
        ({**HOLDING, "verdict": "true"}, "verdict must be"),
        ({**HOLDING, "verdict": "holds, if "}, "verdict must be"),
        ({**HOLDING, "right": "As stated."}, "right must be left out"),
        (without(CORRECTED, "right"), "right must be given"),
        (without(CORRECTED, "source"), "source must be given"),
        (without({**CORRECTED, "verdict": "holds, if m is big"}, "right"), "right must be given"),
        ({**HOLDING, "statement": "  "}, "statement must be a text"),
        ({**HOLDING, "statement": "$1/m$"}, "plain text"),
        ({**HOLDING, "shown": "methods/sgd.md"}, "shown must be"),
        ({**HOLDING, "shown": "/methods/sgd.ipynb"}, "shown must be"),
        ("s17-unbiased", "must be a mapping"),
    ],
)
def test_an_entry_that_breaks_a_rule_is_refused(load, entry, rule):
    with pytest.raises(LedgerError, match=rule):
        load(entry)


def test_repetitions_are_refused(load, tmp_path):
    with pytest.raises(LedgerError, match="id must be unique"):
        load(HOLDING, HOLDING)
    path = tmp_path / "repeated.yml"
    path.write_text("- id: s17-a\n  slide: 17\n  id: s17-b\n")
    with pytest.raises(LedgerError, match="keys must be given once"):
        load_ledger(path)


@pytest.mark.parametrize("text", ["id: s17-a", "- [", "7"])
def test_a_file_that_is_not_a_list_is_refused(tmp_path, text):
    path = tmp_path / "claims.yml"
    path.write_text(text)
    with pytest.raises(LedgerError, match=r"claims\.yml"):
        load_ledger(path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "claims.yml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LedgerError, match=r"claims\.yml is not YAML"):
        load_ledger(path)


def test_an_edit_is_seen_at_once(load, tmp_path):
    assert load(HOLDING)["s17-unbiased"].slide == 17
    with pytest.raises(LedgerError):
        load({**HOLDING, "verdict": "holds, perhaps"})


def test_the_books_own_ledger_is_valid():
    assert all(claim.id == id for id, claim in load_ledger().items())
