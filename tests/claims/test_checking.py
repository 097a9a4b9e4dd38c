"""A check raises where a figure breaks its bound, and shows ledger and figures where none does."""

from html.parser import HTMLParser

import pytest

from course_lib.claims import Claim, ClaimFailed, at_least, at_most, checking
from course_lib.claims.checking import check

LEDGER = {
    claim.id: claim
    for claim in (
        Claim("s17-unbiased", 17, "Gradients of batches are < unbiased.", "holds", "a.ipynb"),
        Claim("s19-x", 19, "Said.", "not as stated", "a.ipynb", "Right & true.", "Bottou (2009)"),
        Claim("s20-y", 20, "Said.", "holds, if m > 1", "a.ipynb", "Right.", "Bottou (2009)"),
    )
}


@pytest.fixture(autouse=True)
def _ledger(monkeypatch):
    monkeypatch.setattr(checking, "load_ledger", lambda: LEDGER)


def test_the_line_has_id_verdict_and_figures():
    checked = check("s17-unbiased", at_most("bias", 0.001, 0.01), at_least("batches", 64, 2))
    assert repr(checked) == "s17-unbiased | holds | bias 0.00100 ≤ 0.01; batches 64 ≥ 2"


def test_a_broken_bound_is_named_with_its_figure():
    with pytest.raises(ClaimFailed, match=r"s17-unbiased fails: not bias 0\.0200000 ≤ 0\.01$"):
        check("s17-unbiased", at_most("bias", 0.02, 0.01), at_least("batches", 64, 2))
    with pytest.raises(AssertionError, match=r"not accuracy 0\.100000 ≥ 0\.8"):
        check("s17-unbiased", at_least("accuracy", 0.1, 0.8, digits=0))


def test_an_unknown_claim_is_refused_with_those_there_are():
    with pytest.raises(KeyError, match="s19-x"):
        check("s17-biased", at_most("bias", 0, 1))
    with pytest.raises(KeyError, match=r"got \['s17-unbiased'\]"):
        check(["s17-unbiased"], at_most("bias", 0, 1))


def test_a_check_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one figure"):
        check("s17-unbiased")
    with pytest.raises(TypeError, match="got True"):
        check("s17-unbiased", True)


class Badge(HTMLParser):
    """The elements and the text of a badge; fails on unbalanced tags."""

    def __init__(self, html):
        super().__init__()
        self.open, self.attributes, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("id", "css"),
    [
        ("s17-unbiased", "claim claim-holds"),
        ("s19-x", "claim claim-not-as-stated"),
        ("s20-y", "claim claim-conditional"),
    ],
)
def test_the_badge_tells_the_whole_entry_and_links_to_the_page(id, css):
    badge = Badge(check(id, at_most("bias", 0.001, 0.01))._repr_html_())
    (_, outer), *inner = badge.attributes
    assert outer == {"class": css, "id": f"claim-{id}", "role": "note"}
    (link,) = [attributes for tag, attributes in inner if tag == "a"]
    assert link["data-claim"] == id
    assert link["href"].startswith("https://")
    assert link["href"].endswith(f"/book/claims.html#claim-{id}")
    claim = LEDGER[id]
    for text in (claim.statement, claim.verdict, claim.right, claim.source, "bias 0.00100 ≤ 0.01"):
        assert text in badge.text
    assert not any("style" in attributes or tag == "script" for tag, attributes in inner)
