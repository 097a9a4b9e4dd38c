"""The website's own Sphinx extensions, on small books made for the purpose."""

from __future__ import annotations

import io
import sys

import nbformat
import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from tests.site.pages import REPOSITORY, parsed

sys.path.insert(0, str(REPOSITORY / "book/_extensions"))

from dollar_formulas import convert, convert_docstring

# The smallest PNG: one transparent pixel.
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

KERNEL = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}


def build(folder, extensions, **settings):
    """Build the pages in a folder; return the output's folder and the warnings."""
    warnings = io.StringIO()
    settings = {"extensions": ["myst_nb", *extensions], "nb_execution_mode": "off", **settings}
    with docutils_namespace():
        app = Sphinx(
            folder, None, folder / "out", folder / "doctrees", "html", settings, None, warnings
        )
        app.build()
    return folder / "out", warnings.getvalue()


def write_notebook(path, data, source="draw()"):
    """A notebook with one cell and its output."""
    output = nbformat.v4.new_output("display_data", data=data)
    cell = nbformat.v4.new_code_cell(source, outputs=[output])
    title = nbformat.v4.new_markdown_cell("# Page")
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[title, cell], metadata=KERNEL), path)


def test_a_figure_s_description_becomes_its_alt_text(tmp_path):
    write_notebook(
        tmp_path / "index.ipynb", {"image/png": PICTURE, "text/plain": "It falls from 3 to 1."}
    )
    out, warnings = build(tmp_path, ["described_figures"])
    assert (
        parsed(out / "index.html").select_one("div.cell_output img")["alt"]
        == "It falls from 3 to 1."
    )
    assert not warnings


@pytest.mark.parametrize(
    "data",
    [{"image/png": PICTURE}, {"image/png": PICTURE, "text/plain": "<Figure size 640x480>"}],
    ids=["no text", "matplotlib's own text"],
)
def test_a_figure_without_a_description_is_a_warning(tmp_path, data):
    write_notebook(tmp_path / "index.ipynb", data)
    _, warnings = build(tmp_path, ["described_figures"])
    assert "a figure without a description" in warnings


LEDGER = """
- id: s17-unbiased
  slide: 17
  statement: Batches are right on average.
  verdict: holds
  shown: methods/page.ipynb
"""
BADGE = (
    '<div id="claim-s17-unbiased"><a data-claim="s17-unbiased" '
    'href="https://example.org/book/claims.html#s17-unbiased">s17-unbiased</a></div>'
)


def write_claims(folder):
    (folder / "book").mkdir()
    (folder / "book/claims.yml").write_text(LEDGER)
    (folder / "book/claims.md").write_text("# Claims\n\n```{claims}\n```\n")


def test_badge_and_ledger_link_to_each_other(tmp_path):
    write_claims(tmp_path)
    write_notebook(tmp_path / "book/methods/page.ipynb", {"text/html": BADGE, "text/plain": "held"})
    (tmp_path / "index.md").write_text(
        "# Book\n\n```{toctree}\nbook/claims\nbook/methods/page\n```\n"
    )
    out, warnings = build(tmp_path, ["claims_page"])
    badge = parsed(out / "book/methods/page.html").find(id="claim-s17-unbiased")
    assert badge.a["href"] == "../claims.html#s17-unbiased"
    entry = parsed(out / "book/claims.html").find(id="s17-unbiased")
    assert entry.select_one('a[href="methods/page.html#claim-s17-unbiased"]')
    assert not warnings


def test_a_claim_whose_notebook_is_no_page_is_a_warning(tmp_path):
    write_claims(tmp_path)
    (tmp_path / "index.md").write_text("# Book\n\n```{toctree}\nbook/claims\n```\n")
    _, warnings = build(tmp_path, ["claims_page"])
    assert "claim s17-unbiased: no page book/methods/page" in warnings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a step of $t_k$ against $g_k$.", "a step of :math:`t_k` against :math:`g_k`."),
        ("over\ntwo $a +\nb$ lines", "over\ntwo :math:`a +\nb` lines"),
        ("code ``$HOME and $PATH`` stays", "code ``$HOME and $PATH`` stays"),
        ("costs 5 $ and 6 $", "costs 5 $ and 6 $"),
    ],
)
def test_dollars_around_a_formula_become_a_role(text, expected):
    assert convert(text) == expected


def test_examples_in_docstrings_are_left_alone():
    lines = ["Of $x$.", "", ">>> f('$x$')", "'$x$'", "", "Then $y$."]
    convert_docstring(None, "function", "f", None, None, lines)
    assert lines[:6] == ["Of :math:`x`.", "", ">>> f('$x$')", "'$x$'", "", "Then :math:`y`."]
