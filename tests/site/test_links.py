"""Every link and anchor inside the website resolves; those to the outside are the right ones."""

from __future__ import annotations

import re
import tomllib
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.site.pages import HTML, PAGES, REPOSITORY, documents, parsed

pytestmark = pytest.mark.site

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SETTINGS = yaml.safe_load((REPOSITORY / "_config.yml").read_text(encoding="utf-8"))
NOTEBOOKS = [d for d in documents() if (REPOSITORY / f"{d}.ipynb").exists()]


def addresses(page):
    """All addresses that a page links to or loads."""
    for attribute in ("href", "src"):
        for element in parsed(page).select(f"[{attribute}]"):
            yield element[attribute]


def anchors(page):
    """The places in a page that a link may lead to."""
    return {element["id"] for element in parsed(page).select("[id]")}


@pytest.mark.parametrize("name", ["index.html", *PAGES])
def test_internal_links_resolve(site, name):
    page = site / name
    broken = []
    for address in addresses(page):
        parts = urlsplit(address)
        if parts.scheme or parts.netloc or address in ("#", ""):
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not target.is_file() or not target.is_relative_to(HTML):
            broken.append(address)
        elif target.suffix == ".html" and parts.fragment:
            broken += [address] * (unquote(parts.fragment) not in anchors(target))
    assert broken == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_loaded_from_outside(site, name):
    loaded = parsed(site / name).select(
        "script[src], img[src], link[rel=stylesheet], link[rel=preload], iframe, source, object"
    )
    outside = [
        element
        for element in loaded
        if re.match(r"(https?:)?//", element.get("src") or element.get("href") or "")
    ]
    assert outside == []


def test_the_start_page_leads_to_the_first_page(site):
    refresh = parsed(site / "index.html").select_one("meta[http-equiv=refresh]")
    assert refresh["content"] == f"0; url={PAGES[0]}"


def test_settings_name_the_project_s_own_addresses():
    assert SETTINGS["repository"]["url"] == PROJECT["urls"]["Repository"]
    assert SETTINGS["html"]["baseurl"].rstrip("/") == PROJECT["urls"]["Documentation"]
    opengraph = SETTINGS["sphinx"]["config"]["ogp_site_url"]
    assert opengraph.rstrip("/") == PROJECT["urls"]["Documentation"]


@pytest.mark.parametrize("name", PAGES)
def test_links_to_the_repository_agree_with_the_project(site, name):
    owner = PROJECT["urls"]["Repository"].removeprefix("https://github.com/").split("/")[0]
    for address in addresses(site / name):
        if owner in address and "github.com" in address:
            assert PROJECT["urls"]["Repository"].removeprefix("https://") in address


@pytest.mark.parametrize("document", NOTEBOOKS)
def test_notebooks_can_be_launched_and_downloaded(site, document):
    links = set(addresses(site / f"{document}.html"))
    repository = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{repository}/blob/main/{document}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{document}.ipynb"
    assert {colab, binder} <= links
    up = "../" * document.count("/")
    download = f"{up}_sources/{document}.ipynb"
    assert download in links
    stored = (REPOSITORY / f"{document}.ipynb").read_bytes()
    assert (site / f"_sources/{document}.ipynb").read_bytes() == stored
