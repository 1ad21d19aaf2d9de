# SPDX-License-Identifier: Apache-2.0
"""The documentation site that `make docs` has built, as a visitor's browser sees it."""

import html
import json
import re
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

# Opens page after page in a frame as wide as a phone, and says what sticks out of it.
FRAME = """<!doctype html><iframe style="width:WIDTHpx;height:900px;border:0"></iframe>
<script>
const frame = document.querySelector("iframe"), found = {};
const open = (rest) => {
  if (!rest.length) {
    document.documentElement.dataset.facts = JSON.stringify(found);
    return;
  }
  frame.onload = () => setTimeout(() => {
    const inside = frame.contentDocument;
    const parts = [...inside.querySelectorAll(".bd-article *, .bd-header *")];
    const scrolls = "pre, .pst-scrollable-table-container, .diagram, .equation, math";
    const out = parts.filter((x) => x.getBoundingClientRect().right > WIDTH + 1
      && !x.closest(scrolls) && getComputedStyle(x).visibility !== "hidden");
    const width = inside.documentElement.scrollWidth;
    found[rest[0]] = [width, out.slice(0, 2).map((x) => x.outerHTML.slice(0, 200))];
    open(rest.slice(1));
  }, 50);
  frame.src = rest[0];
};
"""


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


@pytest.fixture
def server(pages):
    """Where the site is served, with further pages by name."""

    class Handler(SimpleHTTPRequestHandler):
        further: dict[str, str] = {}

        def do_GET(self):
            text = self.further.get(self.path)
            if text is None:
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=SITE))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_address[1]}", Handler.further
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


def test_pages_open_and_fit_a_phone(browser, server, pages):
    address, further = server
    names = [page.relative_to(SITE).as_posix() for page in pages]
    further["/frame"] = (
        FRAME.replace("WIDTH", str(WIDTH)) + f"open({json.dumps(names)})"
    )
    further["/frame"] += "</script>"
    done = browser.run(
        f"{address}/frame",
        "--window-size=500,1000",
        "--enable-logging=stderr",
        "--virtual-time-budget=600000",
        "--dump-dom",
    )
    errors = [line for line in done.stderr.splitlines() if "Uncaught" in line]
    assert not errors, errors[:3]
    facts = json.loads(
        html.unescape(re.search(r'data-facts="([^"]*)"', done.stdout)[1])
    )
    assert set(facts) == set(names)
    wide = {name: x for name, x in facts.items() if x[0] > WIDTH or x[1]}
    assert not wide, json.dumps(wide, indent=1)


def test_the_search_finds_a_method(browser, server):
    dom = browser.run(
        f"{server[0]}/search.html?q=VICReg", "--virtual-time-budget=5000", "--dump-dom"
    ).stdout
    assert "methods/vicreg.html" in dom[dom.index("search-results") :]


def test_the_zoo_shows_what_was_chosen(browser, server):
    address, further = server
    further["/chosen"] = """<!doctype html><iframe></iframe><script>
    const frame = document.querySelector("iframe");
    frame.onload = () => setTimeout(() => {
      const inside = frame.contentDocument;
      const choice = inside.querySelector("[data-filter='modality']");
      choice.value = "graph";
      choice.dispatchEvent(new Event("change", { bubbles: true }));
      const left = ".zoo [class*='modality-']:not([hidden])";
      document.documentElement.dataset.shown = inside.querySelectorAll(left).length;
    }, 200);
    frame.src = "zoo.html"</script>"""
    dom = browser.run(
        f"{address}/chosen", "--virtual-time-budget=9000", "--dump-dom"
    ).stdout
    rows = (ROOT / "zoo" / "rows").glob("*.json")
    graphs = [r for r in rows if json.loads(r.read_text())["modality"] == "graph"]
    assert browser.facts(dom)["shown"] == str(len(graphs))
