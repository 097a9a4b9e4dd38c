"""Every page, on a phone and on a desk, in light and in dark, as a browser shows it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.site.pages import PAGES

pytestmark = pytest.mark.site

# axe fetches style sheets again by default, which pages opened from a disk may not do.
AXE = {"preload": False, "resultTypes": ["violations"]}

# Code has thousands of tokens in a dozen colours, and axe takes its time over each: one of a kind
# stays, the others become plain text.
UNWRAP_REPEATED_TOKENS = """() => {
    const seen = new Set();
    const repeated = [];
    for (const token of document.querySelectorAll("div.highlight pre span")) {
        const kind = token.className + getComputedStyle(token.closest("pre")).backgroundColor;
        if (seen.has(kind)) repeated.push(token);
        seen.add(kind);
    }
    for (const token of repeated) token.replaceWith(...token.childNodes);
    for (const code of document.querySelectorAll("div.highlight pre")) code.normalize();
}"""

OPEN_ALL = """() => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    for (const one of document.querySelectorAll("button.toggle-button.toggle-button-hidden")) {
        one.click();
    }
}"""

# What unfolds fades in: colours are those of the page once that is over.
FINISH_ANIMATIONS = """() => {
    for (const one of document.getAnimations()) {
        if (one.effect.getComputedTiming().endTime !== Infinity) one.finish();
    }
}"""

UNRENDERED = r"""() => {
    const found = [];
    for (const one of document.querySelectorAll(".math")) {
        if (!one.querySelector("mjx-container svg")) found.push(one.textContent);
    }
    for (const one of document.querySelectorAll("[data-mjx-error], mjx-merror, merror")) {
        found.push(one.getAttribute("data-mjx-error") || one.textContent);
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const raw = /\\\(|\\\)|\\\[|\$\$|\$[^$\s][^$]*\$|\|-+\|/.test(node.data);
        if (raw && !node.parentElement.closest("script, style, pre, code, .MathJax")) {
            found.push(node.data);
        }
    }
    return found;
}"""

# What sticks out of the window, unless it stands in something that scrolls by itself.
STICKING_OUT = """() => {
    const scrolls = (element) => ["auto", "scroll", "hidden", "clip"].includes(
        getComputedStyle(element).overflowX);
    const found = [];
    if (document.documentElement.scrollWidth > window.innerWidth) {
        found.push(`the page is ${document.documentElement.scrollWidth} pixels wide`);
    }
    for (const element of document.querySelectorAll("article *")) {
        if (element.closest("mjx-assistive-mml, svg") || !element.checkVisibility()) continue;
        if (element.getBoundingClientRect().right <= window.innerWidth + 1) continue;
        let above = element.parentElement;
        while (above && above.tagName !== "ARTICLE" && !scrolls(above)) above = above.parentElement;
        if (!above || above.tagName === "ARTICLE") found.push(element.outerHTML.slice(0, 120));
    }
    return found;
}"""

IMAGES = """() => [...document.querySelectorAll("main img")].map((image) => ({
    alt: image.getAttribute("alt"), file: image.getAttribute("src"), width: image.naturalWidth}))"""


@dataclass
class Visit:
    """One page as one reader sees it."""

    page: object
    messages: list[str]
    requests: list[str]
    theme: str


@contextmanager
def visiting(context, site, name, theme):
    """Open a page from the disk, wait until it is drawn, and unfold all that is folded."""
    page = context.new_page()
    visit = Visit(page, [], [], theme)
    page.on("console", lambda message: hear(visit, message))
    page.on("pageerror", lambda error: visit.messages.append(str(error)))
    page.on("request", lambda request: visit.requests.append(request.url))
    page.goto((site / name).as_uri(), wait_until="load")
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.evaluate(OPEN_ALL)
    page.evaluate(FINISH_ANIMATIONS)
    yield visit
    page.close()


def new_context(browser, width, theme):
    return browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)


def hear(visit, message):
    """Keep errors and warnings; the theme also logs what it does."""
    if message.type in ("error", "warning"):
        visit.messages.append(f"{message.type}: {message.text}")


def violations(page):
    """What axe-core finds on a page: rule, element, markup."""
    page.evaluate(UNWRAP_REPEATED_TOKENS)
    found = Axe().run(page, options=AXE).response["violations"]
    return [
        (rule["id"], node["target"], node["html"][:200]) for rule in found for node in rule["nodes"]
    ]


@pytest.fixture(scope="class")
def contexts(request, browser):
    themes = ("light", "dark")
    contexts = {theme: new_context(browser, request.cls.width, theme) for theme in themes}
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture(
    scope="class",
    params=[(page, theme) for page in PAGES for theme in ("light", "dark")],
    ids=lambda pair: f"{pair[0]}-{pair[1]}",
)
def visit(request, contexts, site):
    name, theme = request.param
    with visiting(contexts[theme], site, name, theme) as visit:
        yield visit


class EveryPage:
    """What is asked of a page at each width and in each theme."""

    width: int

    def test_the_reader_s_theme_is_shown(self, visit):
        assert visit.page.evaluate("document.documentElement.dataset.theme") == visit.theme

    def test_console_has_no_error(self, visit):
        assert not visit.messages

    def test_no_request_leaves_the_site(self, visit, site):
        inside = (site.as_uri(), "data:", "blob:")
        assert [url for url in visit.requests if not url.startswith(inside)] == []

    def test_nothing_sticks_out_sideways(self, visit):
        assert visit.page.evaluate(STICKING_OUT) == []

    def test_formulas_and_tables_are_rendered(self, visit):
        assert visit.page.evaluate(UNRENDERED) == []

    def test_images_are_drawn_and_described(self, visit):
        for image in visit.page.evaluate(IMAGES):
            assert image["width"] > 0, image["file"]
            assert image["alt"] is not None, image["file"]
            assert image["alt"] not in image["file"] or image["alt"] == "", image["file"]

    def test_axe_finds_nothing(self, visit):
        assert violations(visit.page) == []


class TestOnAPhone(EveryPage):
    width = 390


class TestOnADesk(EveryPage):
    width = 1366


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_menu_on_a_phone_is_accessible(browser, site, theme):
    context = new_context(browser, 390, theme)
    with visiting(context, site, PAGES[0], theme) as visit:
        visit.page.click("button.primary-toggle")
        visit.page.wait_for_selector("dialog[open] nav.bd-links")
        assert violations(visit.page) == []
        assert not visit.messages
    context.close()
