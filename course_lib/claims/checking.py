"""Check a claim where the reader reads it."""

from __future__ import annotations

from html import escape

from course_lib.book_files import project_url
from course_lib.claims.comparisons import Comparison
from course_lib.claims.ledger import Claim, load_ledger

__all__ = ["CheckedClaim", "ClaimFailed", "check"]


class ClaimFailed(AssertionError):
    """A measured figure breaks the bound of its claim."""


class CheckedClaim:
    """A claim that held, with its figures: a line of text, or a badge in a notebook.

    Attributes:
        claim: the entry of the ledger.
        comparisons: the figures and their bounds.
    """

    def __init__(self, claim: Claim, comparisons: tuple[Comparison, ...]) -> None:
        """Keep the entry and the figures."""
        self.claim = claim
        self.comparisons = comparisons

    @property
    def figures(self) -> str:
        """The figures and bounds in one line."""
        return "; ".join(map(str, self.comparisons))

    def __repr__(self) -> str:
        """Give id, verdict and figures in a line."""
        return f"{self.claim.id} | {self.claim.verdict} | {self.figures}"

    def _repr_html_(self) -> str:
        claim = self.claim
        # The website's build turns this link into a relative one, by its data-claim.
        page = f"{project_url('Documentation')}/book/claims.html#claim-{claim.id}"
        lines = [
            f'<p class="claim-head">Claim <a class="claim-id" data-claim="{claim.id}" '
            f'href="{escape(page)}">{claim.id}</a> (slide {claim.slide}): '
            f'<strong class="claim-verdict">{escape(claim.verdict)}</strong></p>',
            f'<p class="claim-statement">{escape(claim.statement)}</p>',
        ]
        if claim.right:
            lines.append(f'<p class="claim-right">Right is: {escape(claim.right)}</p>')
        if claim.source:
            lines.append(f'<p class="claim-source">Source: {escape(claim.source)}</p>')
        lines.append(f'<p class="claim-figures">Measured: {escape(self.figures)}</p>')
        return (
            f'<div class="claim claim-{claim.judged}" id="claim-{claim.id}" role="note">\n'
            + "\n".join(lines)
            + "\n</div>"
        )


def check(id: str, *comparisons: Comparison) -> CheckedClaim:
    """Check a claim of the ledger against measured figures.

    Make it the last expression of a cell, so that its badge is the cell's output. Where the
    ledger's verdict is not ``holds``, the comparisons check the right statement.

    Args:
        id: the claim's id in the ledger, such as ``"s17-unbiased"``.
        *comparisons: at least one of :func:`~course_lib.claims.at_most`,
            :func:`~course_lib.claims.at_least`, :func:`~course_lib.claims.between` and
            :func:`~course_lib.claims.is_true`.

    Returns:
        The checked claim; its text is ``id | verdict | figures``.

    Raises:
        ClaimFailed: a comparison does not hold; the message names each such figure and its bound.
        KeyError: the ledger has no such claim.
        ValueError: there is no comparison.
        TypeError: a comparison is not one.
    """
    ledger = load_ledger()
    if not isinstance(id, str) or id not in ledger:
        raise KeyError(f"id must be a claim of the ledger {sorted(ledger)}, got {id!r}")
    if not comparisons:
        raise ValueError(f"comparisons must hold at least one figure, got none for {id!r}")
    for comparison in comparisons:
        if not isinstance(comparison, Comparison):
            raise TypeError(
                f"comparisons must be at_most, at_least, between or is_true, got {comparison!r}"
            )
    if broken := [c.in_full() for c in comparisons if not c.holds]:
        raise ClaimFailed(f"{id} fails: not {'; not '.join(broken)}")
    return CheckedClaim(ledger[id], comparisons)
