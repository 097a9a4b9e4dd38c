"""Whatever is broken in a notebook or in the ledger, the tests of the notebooks fail.

Each test breaks one thing in a copy of a small book and runs what `make test` runs on notebooks.
"""

import pytest


def test_the_unbroken_book_passes(executed_book):
    result = executed_book.compare()
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"10.0\\n"', '"10.1\\n"', id="a number in a stored output"),
        pytest.param("bias 0.250", "bias 0.251", id="a figure of a stored claim"),
        pytest.param("at_most('bias', 0.25, 0.5)", "at_most('bias', 0.25, 0.2)", id="a bound kept"),
        pytest.param("at_most('bias', 0.25, 0.5)", "at_most('bias', 0.25, 0.6)", id="a bound told"),
        pytest.param("at_most('bias', 0.25", "at_most('bias', 0.75", id="a figure"),
        pytest.param("x, x**2", "x, x**2.1", id="the data of a description"),
        pytest.param("from 0 to 16", "from 0 to 17", id="a stored description"),
    ],
)
def test_a_broken_notebook_fails(small_book, old, new):
    small_book.edit(old, new)
    result = small_book.compare()
    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 failed" in result.stdout


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("are unbiased", "are biased", id="the statement"),
        pytest.param(
            "verdict: holds",
            "verdict: not as stated\n  right: Some are.\n  source: Bottou (2009)",
            id="the verdict",
        ),
        pytest.param("s17-unbiased", "s17-other", id="the entry is removed"),
        pytest.param("slide: 17", "slide: 18", id="a rule of the ledger"),
    ],
)
def test_a_changed_ledger_fails(small_book, old, new):
    ledger = small_book.ledger.read_text(encoding="utf-8")
    assert old in ledger
    small_book.ledger.write_text(ledger.replace(old, new), encoding="utf-8")
    result = small_book.compare()
    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 failed" in result.stdout


def test_a_description_that_is_deaf_to_its_data_fails(small_book):
    description = small_book.folder / "course_lib" / "plotting" / "telling.py"
    code = description.read_text(encoding="utf-8")
    told = "return mantissa + e + exponent"
    assert told in code
    description.write_text(code.replace(told, 'return "7"'), encoding="utf-8")
    result = small_book.compare()
    assert result.returncode == 1, result.stdout + result.stderr
    assert "does not change with the y of the lines" in small_book.execute().stderr
