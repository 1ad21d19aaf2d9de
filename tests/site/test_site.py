# SPDX-License-Identifier: Apache-2.0
"""The documentation site that `make docs` has built, as a visitor's browser sees it."""

import json
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "_build" / "html"
SYMBOLS = ROOT / "tests" / "contract" / "symbols.txt"
WIDTH = 390
pytestmark = pytest.mark.slow

# What sticks out of a page, but for what scrolls by itself.
OUT = """[...document.querySelectorAll(".bd-article *, .bd-header *")].filter(
  (x) => x.getBoundingClientRect().right > innerWidth + 1
    && !x.closest("pre, .pst-scrollable-table-container, .diagram, .equation, math")
    && getComputedStyle(x).visibility !== "hidden"
).slice(0, 2).map((x) => x.outerHTML.slice(0, 200))"""
CHOOSE = """(() => {
  const choice = document.querySelector("[data-filter='modality']");
  choice.value = "graph";
  choice.dispatchEvent(new Event("change", { bubbles: true }));
  return document.querySelectorAll(".zoo [class*='modality-']:not([hidden])").length;
})()"""


class Links(HTMLParser):
    """The addresses and the places of a page."""

    def __init__(self, page):
        super().__init__()
        self.links, self.places, self.needs = [], set(), []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.places |= {given.get("id"), given.get("name")}
        self.links += [given[key] for key in ("href", "src") if given.get(key)]
        if tag in ("script", "img", "iframe") or given.get("rel") == "stylesheet":
            self.needs += [given[key] for key in ("href", "src") if given.get(key)]


@pytest.fixture(scope="module")
def pages():
    if not (SITE / "index.html").exists():
        pytest.skip("`make docs` builds the site")
    files = sorted(x for x in SITE.rglob("*.html") if "_static" not in x.parts)
    return {page: Links(page) for page in files}


@pytest.fixture(scope="module")
def address(pages):
    """Where the site is served."""
    handler = partial(SimpleHTTPRequestHandler, directory=SITE)
    served = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    served.server_close()


def test_links_lead_somewhere(pages):
    for page, found in pages.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve()
            target = page if not parts.path else target
            assert target.exists(), f"{page.name}: {link}"
            if parts.fragment and target in pages:
                place = unquote(parts.fragment)
                assert place in pages[target].places, f"{page.name}: {link}"


def test_pages_need_no_network(pages):
    for page, found in pages.items():
        away = [link for link in found.needs if urlsplit(link).netloc]
        assert not away, f"{page.name}: {away}"


def test_the_reference_has_every_public_name(pages):
    places = {place for found in pages.values() for place in found.places}
    names = {f"cl_keras.{name}" for name in SYMBOLS.read_text().split()}
    modules = {"evaluate." + name for name in ("image_plots", "plots", "score_plots")}
    missing = names - places - {f"module-cl_keras.{name}" for name in modules}
    assert {name for name in missing if f"module-{name}" not in places} == set()


def test_pages_open_and_fit_a_phone(browser, address, pages):
    for page in pages:
        browser.open(f"{address}/{page.relative_to(SITE).as_posix()}", width=WIDTH)
        assert not browser.errors, (page.name, browser.errors)
        assert browser.ask("document.documentElement.scrollWidth") <= WIDTH, page.name
        assert not (out := browser.ask(OUT)), (page.name, out)


def test_the_search_finds_a_method(browser, address):
    browser.open(f"{address}/search.html?q=VICReg")
    browser.wait(
        "document.querySelector('#search-results a[href*=\"methods/vicreg\"]')"
    )


def test_the_zoo_shows_what_was_chosen(browser, address):
    browser.open(f"{address}/zoo.html")
    rows = (ROOT / "zoo" / "rows").glob("*.json")
    graphs = [r for r in rows if json.loads(r.read_text())["modality"] == "graph"]
    assert browser.ask(CHOOSE) == len(graphs)
