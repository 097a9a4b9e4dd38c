"""The page of claims, written from the ledger, and the links between it and the chapters.

The directive `claims` lists the ledger `book/claims.yml`: statement, verdict, right statement,
source, slide, and a link to the cell that checks it. A claim's badge in a chapter is HTML that the
notebook stored (it must work outside the book too); here its link is turned to the page of claims.
"""

import re
from pathlib import Path

import yaml
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.util import logging

logger = logging.getLogger(__name__)

PAGE = "book/claims"
LEDGER = "book/claims.yml"

# The lecture's parts by their first slide, in order.
PARTS = [
    (1, "Opening"),
    (6, "Part I: three design choices"),
    (14, "Part II: which method"),
    (37, "Part III: where to start"),
    (44, "Part IV: when to stop"),
]
BADGE = re.compile(r'<(?P<tag>\w+)[^>]*\bdata-claim="(?P<id>[^"]+)"[^>]*>')
LINK = re.compile(r'(<a\b[^>]*\bhref=")[^"]*(")')


class claim_link(nodes.General, nodes.Element):
    """A place for the link from a ledger entry to the cell that checks it."""


def read_ledger(srcdir):
    """The ledger's entries in the order of the slides."""
    entries = yaml.safe_load((Path(srcdir) / LEDGER).read_text(encoding="utf-8")) or []
    return sorted(entries, key=lambda entry: first_slide(entry))


def first_slide(entry):
    """The first slide an entry speaks of; the ledger has `17`, `16-17` or a list."""
    return int(re.search(r"\d+", str(entry["slide"])).group())


def part_of(entry):
    """The lecture's part in which an entry's slide stands."""
    return [title for start, title in PARTS if first_slide(entry) >= start][-1]


def css_class(verdict):
    """`holds` -> claim-holds, `holds, if ...` -> claim-conditional, else claim-not-as-stated."""
    verdict = verdict.strip()
    if verdict == "holds":
        return "claim-holds"
    return "claim-conditional" if verdict.startswith("holds") else "claim-not-as-stated"


class Claims(Directive):
    """`{claims}`: all entries of the ledger, grouped by the lecture's parts."""

    has_content = False

    def run(self):
        env = self.state.document.settings.env
        env.note_dependency(str(Path(env.srcdir) / LEDGER))
        sections = {}
        for entry in read_ledger(env.srcdir):
            title = part_of(entry)
            if title not in sections:
                section = nodes.section(ids=[nodes.make_id(title)], names=[title.lower()])
                section += nodes.title(text=title)
                sections[title] = section
            sections[title] += self.entry(entry)
        return list(sections.values())

    def entry(self, entry):
        block = nodes.section(ids=[f"claim-{entry['id']}"], classes=["claim-entry"])
        title = nodes.title()
        title += nodes.literal(text=entry["id"])
        block += title
        block += self.prose(entry["statement"], "claim-statement")
        verdict = nodes.paragraph(classes=["claim-verdict"])
        verdict += nodes.inline(
            text=entry["verdict"], classes=["claim-badge", css_class(entry["verdict"])]
        )
        block += verdict
        if entry.get("right"):
            block += self.prose(entry["right"], "claim-right", "Right statement: ")
        place = nodes.paragraph(classes=["claim-place"])
        place += nodes.Text(f"Slide {entry['slide']} · ")
        place += claim_link(claim=entry["id"], shown=entry["shown"])
        block += place
        if entry.get("source"):
            block += self.prose(entry["source"], "claim-source", "Source: ")
        return block

    def prose(self, text, css, lead=""):
        """A ledger's sentence, with its formulas, as a paragraph."""
        box = nodes.container(classes=[css])
        self.state.nested_parse([lead + " ".join(str(text).split())], self.content_offset, box)
        return box


def link_to_cells(app, doctree, docname):
    """Fill the links from the ledger to the cells, and from the badges to the ledger."""
    for place in list(doctree.findall(claim_link)):
        shown = re.sub(r"\.(ipynb|md)$", "", place["shown"])
        if not shown.startswith("book/"):
            shown = f"book/{shown}"
        if shown not in app.env.found_docs:
            logger.warning("claim %s: no page %s", place["claim"], shown, location=docname)
            place.replace_self(nodes.Text(shown))
            continue
        uri = app.builder.get_relative_uri(docname, shown) + f"#claim-{place['claim']}"
        title = app.env.titles[shown].astext()
        link = nodes.reference("", f"checked in “{title}”", refuri=uri, internal=True)
        place.replace_self(link)
    if PAGE not in app.env.found_docs or docname == PAGE:
        return
    known = {entry["id"] for entry in read_ledger(app.srcdir)}
    for raw in doctree.findall(nodes.raw):
        badge = BADGE.search(raw.astext()) if raw.get("format") == "html" else None
        if badge is None:
            continue
        if badge["id"] not in known:
            logger.warning("claim %s is not in the ledger", badge["id"], location=docname)
        uri = app.builder.get_relative_uri(docname, PAGE) + f"#claim-{badge['id']}"
        html = LINK.sub(lambda match, uri=uri: match[1] + uri + match[2], raw.astext(), count=1)
        raw.children = [nodes.Text(html)]
        raw.rawsource = html


def setup(app):
    app.add_node(claim_link)
    app.add_directive("claims", Claims)
    app.connect("doctree-resolved", link_to_cells)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
