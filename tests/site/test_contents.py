"""What the pages say: claims, pictures, bibliography, library, search."""

from __future__ import annotations

import functools
import importlib
import json
import pkgutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pybtex.database import parse_file

import course_lib
from course_lib.claims import load_ledger
from tests.site.pages import REPOSITORY, documents, parsed

pytestmark = pytest.mark.site

BIBLIOGRAPHY = parse_file(str(REPOSITORY / "book/references.bib"))
# The lecture's slides 47-50, as they name the works.
LECTURE = [
    "Anil",
    "Arjovsky",
    "Bansal",
    "Baydin",
    "Bottou",
    "Byrd",
    "Chauhan",
    "Choromanska",
    "Curtis",
    "Dauphin",
    "Defazio",
    "Lezcano-Casado",
    "Li",
    "Martens",
    "Pascanu",
    "Roosta-Khorasani",
    "Staib",
    "Sun",
]


def test_every_claim_leads_to_its_check_and_back(site):
    ledger = parsed(site / "book/claims.html")
    for claim in load_ledger().values():
        entry = ledger.find(id=claim.id)
        assert claim.statement in entry.get_text()
        assert claim.verdict in entry.get_text()
        shown = claim.shown.replace(".ipynb", ".html")
        assert entry.select_one(f'a[href="{shown}#claim-{claim.id}"]')
        badge = parsed(site / "book" / shown).find(id=f"claim-{claim.id}")
        up = "../" * shown.count("/")
        assert badge.select_one(f'a[href="{up}claims.html#{claim.id}"]')


def figures():
    """The descriptions of the figures stored in each notebook of the book."""
    for document in documents():
        notebook = REPOSITORY / f"{document}.ipynb"
        if notebook.exists():
            cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
            forms = [o.get("data", {}) for cell in cells for o in cell.get("outputs", ())]
            texts = ["".join(form["text/plain"]) for form in forms if "image/png" in form]
            yield pytest.param(document, texts, id=document)


@pytest.mark.parametrize(("document", "texts"), list(figures()))
def test_alt_texts_are_the_figures_descriptions(site, document, texts):
    images = parsed(site / f"{document}.html").select("div.cell_output img")
    assert [image["alt"] for image in images] == texts


def test_the_lecture_s_references_are_all_there():
    lecture = [
        entry.persons["author"][0]
        for entry in BIBLIOGRAPHY.entries.values()
        if "lecture" in entry.fields["keywords"]
    ]
    assert sorted("-".join(person.last_names) for person in lecture) == sorted(LECTURE)


def test_every_reference_stands_on_the_bibliography_page(site):
    entries = parsed(site / "book/appendix/bibliography.html").select("div.citation")
    assert len(entries) == len(BIBLIOGRAPHY.entries)


def rooms():
    """The public modules of the library that say what they offer."""
    for module in pkgutil.iter_modules(course_lib.__path__):
        if not module.name.startswith("_"):
            name = f"course_lib.{module.name}"
            yield name


# Used by other rooms and by the pipeline, not by readers.
INNER = {
    f"course_lib.{name}" for name in ("arguments", "book_files", "operation_count", "rounding")
}


@pytest.mark.parametrize("room", sorted(set(rooms()) - INNER))
def test_every_public_name_is_documented(site, room):
    page = parsed(site / f"book/appendix/api/{room.removeprefix('course_lib.')}.html")
    public = importlib.import_module(room).__all__
    documented = {element["id"] for element in page.select("dt[id]")}
    assert {f"{room}.{name}" for name in public} <= documented


def search(page, address):
    page.goto(address)
    page.wait_for_selector("#search-results ul.search li a")
    return page.eval_on_selector_all(
        "#search-results ul.search li a", "links => links.map((link) => link.pathname)"
    )


def test_search_works_from_a_disk(browser, site):
    page = browser.new_page()
    messages = []
    page.on("console", lambda message: messages.append((message.type, message.text)))
    page.on("pageerror", lambda error: messages.append(("error", str(error))))
    found = search(page, (site / "search.html").as_uri() + "?q=epoch")
    page.close()
    assert any(path.endswith("book/appendix/glossary.html") for path in found)
    assert [text for kind, text in messages if kind == "error"] == []


def test_search_shows_summaries_on_a_server(browser, site):
    handler = functools.partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        search(page, f"http://127.0.0.1:{server.server_port}/search.html?q=epoch")
        page.wait_for_selector("#search-results p.context")
        page.close()
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass
