"""The page of claims, written from the ledger, and the links between it and the chapters.

The directive `claims` lists the ledger `book/claims.yml`: statement, verdict, right statement,
source, slide, and a link to the cell that checks it. A claim's badge in a chapter is HTML that the
notebook stored, with the website's full address so that it works outside the book too; here the
address is made relative.
"""

import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.util import logging

from course_lib.claims import load_ledger

logger = logging.getLogger(__name__)

PAGE = "book/claims"
LEDGER = "book/claims.yml"

# The lecture's parts by their first slide.
PARTS = [
    (1, "Opening"),
    (6, "Part I: three design choices"),
    (14, "Part II: which method"),
    (37, "Part III: where to start"),
    (44, "Part IV: when to stop"),
]
BADGE_LINK = re.compile(r'<a\b[^>]*\bdata-claim="(?P<id>[^"]+)"[^>]*>')
ADDRESS = re.compile(r'\bhref="[^"]*"')


class claim_link(nodes.General, nodes.Element):
    """The place of a link from an entry of the ledger to the cell that checks it."""


class Claims(Directive):
    """`{claims}`: all entries of the ledger in the order of the slides, by the lecture's parts."""

    def run(self):
        env = self.state.document.settings.env
        ledger = Path(env.srcdir) / LEDGER
        env.note_dependency(str(ledger))
        sections = {}
        for claim in sorted(load_ledger(ledger).values(), key=lambda claim: claim.slide):
            title = [title for start, title in PARTS if claim.slide >= start][-1]
            if title not in sections:
                sections[title] = nodes.section(
                    "", nodes.title(text=title), ids=[nodes.make_id(title)], names=[title.lower()]
                )
            sections[title] += entry(claim)
        return list(sections.values())


def entry(claim):
    """One claim as a section whose anchor is the claim's id."""
    section = nodes.section(ids=[claim.id], classes=["claim", f"claim-{claim.judged}"])
    section += nodes.title("", "", nodes.literal(text=claim.id))
    section += nodes.paragraph("", "", nodes.strong(text=claim.verdict), classes=["claim-verdict"])
    section += nodes.paragraph(text=claim.statement, classes=["claim-statement"])
    if claim.right:
        section += nodes.paragraph(text=f"Right is: {claim.right}", classes=["claim-right"])
    if claim.source:
        section += nodes.paragraph(text=f"Source: {claim.source}", classes=["claim-source"])
    place = nodes.paragraph(classes=["claim-place"])
    place += nodes.Text(f"Slide {claim.slide} · checked in ")
    place += claim_link(claim=claim.id, shown=claim.shown)
    section += place
    return section


def link_both_ways(app, doctree, docname):
    """Fill the links from the ledger to the cells, and from the badges to the ledger."""
    for place in list(doctree.findall(claim_link)):
        page = "book/" + place["shown"].removesuffix(".ipynb")
        if page not in app.env.found_docs:
            logger.warning("claim %s: no page %s", place["claim"], page, location=docname)
            place.replace_self(nodes.Text(place["shown"]))
            continue
        address = f"{app.builder.get_relative_uri(docname, page)}#claim-{place['claim']}"
        title = app.env.titles[page].astext()
        place.replace_self(nodes.reference("", title, refuri=address, internal=True))
    page = app.builder.get_relative_uri(docname, PAGE)
    for raw in doctree.findall(nodes.raw):
        if raw.get("format") == "html" and BADGE_LINK.search(raw.astext()):
            html = BADGE_LINK.sub(lambda link: to_ledger(link, page), raw.astext())
            raw.children = [nodes.Text(html)]


def to_ledger(link, page):
    """A badge's link, led to the claim on the page of claims."""
    return ADDRESS.sub(f'href="{page}#{link["id"]}"', link[0])


def setup(app):
    app.add_node(claim_link)
    app.add_directive("claims", Claims)
    app.connect("doctree-resolved", link_both_ways)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
