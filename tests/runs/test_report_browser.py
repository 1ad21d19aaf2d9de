# SPDX-License-Identifier: Apache-2.0
"""The pages in a real browser: they fit, can be read, and work without a mouse."""

import csv
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from cl_keras.runs.report import compare_runs, write_report
from cl_keras.show.figures import Figures

COUNT = 60


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A whole report of made-up features, with awkward names."""
    run = tmp_path_factory.mktemp("run")
    history = [{"epoch": i, "loss": 3.0 / i, "rank_me": 4.0 + i} for i in range(1, 6)]
    lines = "".join(json.dumps(row) + "\n" for row in history)
    (run / "metrics.jsonl").write_text(lines)
    summary = {"method": "simclr", "data": "folder:" + "long/" * 30, "loss": 0.6}
    summary |= {
        "knn_accuracy": 0.9,
        "knn_accuracy_low": 0.85,
        "knn_accuracy_high": 0.93,
        "raw_knn_accuracy": 0.5,
        "nmi": 0.5,
        "raw_nmi": 0.4,
    }
    (run / "summary.json").write_text(json.dumps(summary))
    config = {"command": "cl-keras train simclr " + "--set a=b " * 40}
    (run / "config.json").write_text(json.dumps(config))

    rng = np.random.default_rng(0)
    labels = np.arange(COUNT) % 3
    features = rng.normal(size=(COUNT, 8)) + 5.0 * np.eye(8)[labels]
    names = ['a "quoted", one', "b </script><b>", "ü"]
    chosen = 100 + np.arange(COUNT)
    figures = Figures(run / "figures", "test_image")
    figures.curves(history)
    tiles = np.repeat(np.arange(COUNT, dtype=np.uint8), 48).reshape(COUNT, 4, 4, 3)
    figures.sprite("thumbnails", tiles * 4)
    figures.sprite("views", np.tile(tiles[:8], (3, 1, 1, 1)), 8, ["image", "v1", "v2"])
    figures.table("views", ["test_image", "similarity"], [[i, 0.5] for i in range(8)])
    figures.features(chosen, features, rng.normal(size=(COUNT, 8)), labels, names)
    figures.pairs(features, (features, features + 0.1))
    figures.classes((features, labels), features, labels, names, 5)
    return write_report(run)


@pytest.fixture(scope="module")
def comparison(report, tmp_path_factory):
    other = shutil.copytree(report.parent, tmp_path_factory.mktemp("more") / "other")
    config = {"command": "cl-keras train byol", "method": "byol", "batch_size": 8}
    (other / "config.json").write_text(json.dumps(config))
    return compare_runs([report.parent, other], other / "comparison.html")


@pytest.fixture(params=["run", "comparison"])
def page(request, report, comparison):
    return report if request.param == "run" else comparison


OUTSIDE = """[...document.querySelectorAll('body *')].filter((x) =>
  !x.closest('.scroll, svg, .tip') && x.getBoundingClientRect().right > innerWidth + 1
).map((x) => x.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_script_runs_and_the_page_fits(browser, page, width, media):
    browser.open(page, width, media=media)
    facts = browser.ask("({...document.documentElement.dataset})")
    assert facts == {"ready": "yes"}
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask(OUTSIDE) == []


def test_all_is_drawn(browser, report):
    browser.open(report)
    assert browser.ask("document.querySelectorAll('#map circle').length") == COUNT
    # Two curves, the similarities and the spectrum.
    assert browser.ask("document.querySelectorAll('.chart').length") == 4


# Texts whose contrast is below that of WCAG's level AA, with what it is.
FAINT = """(() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    const unit = text.startsWith('color(') ? 1 : 255;
    return [r / unit, g / unit, b / unit, a];
  };
  const light = (rgb) => rgb.slice(0, 3)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (x) => {
    for (; x; x = x.parentElement) {
      const color = parse(getComputedStyle(x).backgroundColor);
      if (color[3] === 1) return color;
      if (color[3] > 0) throw new Error(`half transparent: ${x.outerHTML}`);
    }
    return [1, 1, 1, 1];
  };
  const faint = [];
  for (const x of document.querySelectorAll('body *')) {
    const words = [...x.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data);
    if (!words.join('').trim() || !x.checkVisibility() || x.closest('script')) continue;
    const style = getComputedStyle(x);
    const color = parse(x.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(color), light(behind(x))].sort((p, q) => q - p);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) faint.push([words.join(' ').trim(), ratio]);
  }
  return faint;
})()"""


@pytest.mark.parametrize("look", [{}, {"dark": True}, {"media": "print", "dark": True}])
def test_every_text_can_be_read(browser, page, look):
    browser.open(page, **look)
    assert browser.ask(FAINT) == []


def test_faint_text_is_noticed(browser, report, tmp_path):
    faint = tmp_path / "faint.html"
    text = report.read_text()
    assert "--soft: #5a6475" in text
    faint.write_text(text.replace("--soft: #5a6475", "--soft: #8a94a5"))
    browser.open(faint)
    assert len(browser.ask(FAINT)) > 10


FOCUS = """(() => {
  const x = document.activeElement;
  const style = getComputedStyle(x);
  return [x.dataset.value || x.dataset.table || x.getAttribute('role') || x.tagName,
    x === document.body || style.outlineStyle === 'solid', x.outerHTML];
})()"""


def test_the_tab_key_reaches_every_control_in_order(browser, report):
    browser.open(report)
    inside = "document.querySelectorAll('button:enabled, [tabindex=\"0\"]')"
    names = browser.ask(f"[...{inside}].map((x) => x.outerHTML)")
    reached = []
    for _ in names:
        browser.press("Tab")
        name, visible, element = browser.ask(FOCUS)
        assert visible, f"no outline: {name}"
        reached.append(element)
    assert reached == names


def test_the_map_works_without_a_mouse(browser, report):
    browser.open(report)
    while browser.ask(FOCUS)[0] != "application":
        browser.press("Tab")
    tip = "document.querySelector('.tip:not([hidden])')?.innerText"
    place = "(({x, y}) => [x, y])(document.querySelector('circle.chosen')"
    place += ".getBoundingClientRect())"
    browser.press("ArrowRight")
    assert "test image 1" in browser.ask(tip)
    for key, axis, sign in (("ArrowLeft", 0, -1), ("ArrowUp", 1, -1)):
        before = browser.ask(place)
        browser.press(key)
        after = browser.ask(place)
        assert sign * (after[axis] - before[axis]) > 0
    browser.press("Escape")
    assert browser.ask(tip) is None
    # The class that is singled out is the only one to walk over.
    browser.press("Tab")
    browser.press("Enter")
    single = browser.ask("document.activeElement.dataset.value")
    assert browser.ask("document.querySelectorAll('circle.dim').length") == 40
    browser.ask("document.querySelector('#map svg').focus()")
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        browser.press(key)
        assert single in browser.ask(tip)


def test_pointing_at_a_dot_shows_its_image_and_class(browser, report):
    browser.open(f"{report.as_uri()}#example=7")
    assert browser.ask("document.documentElement.dataset.errors") is None
    tip = browser.ask("document.querySelector('.tip').innerText")
    assert "test image 107" in tip and "b </script><b>" in tip
    assert browser.ask("!!document.querySelector('.tip .sheet-thumbnails')")
    with (report.parent / "figures" / "embedding.csv").open() as file:
        assert list(csv.reader(file))[8][:2] == ["107", "b </script><b>"]
    values = "[...document.querySelectorAll('#map button')].map((x) => x.dataset.value)"
    wanted = {"pca", "tsne", "embedding", "embedding_random_init"}
    assert wanted <= set(browser.ask(values))
    # The dot that was pointed at, and no other.
    assert browser.ask("document.querySelectorAll('circle.chosen').length") == 1


def test_on_paper_bars_and_images_stay_and_controls_go(browser, report, tmp_path):
    browser.open(report, media="print")
    adjust = "getComputedStyle(document.querySelector('{}')).printColorAdjust"
    for element in (".bar i", ".tile"):
        assert browser.ask(adjust.format(element)) == "exact"
    visible = "[...document.querySelectorAll('.csv, .buttons')]"
    assert not browser.ask(f"{visible}.some((x) => x.checkVisibility())")
    browser.print(tmp_path / "report.pdf")
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF") and b"/Subtype /Image" in content


def test_it_is_not_a_blank_page(browser, report, tmp_path):
    browser.open(report, 900)
    browser.picture(tmp_path / "page.png", 1400)
    pixels = tf.io.decode_png((tmp_path / "page.png").read_bytes(), channels=3).numpy()
    assert pixels.shape[:2] == (1400, 900)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


def test_a_broken_script_is_noticed(browser, report, tmp_path):
    text = report.read_text()
    for old, new in (
        ('"use strict";', '"use strict"; nothing_of_this_name();'),
        ("function parseCsv(", "function parseCsv((("),
    ):
        broken = tmp_path / "broken.html"
        assert old in text
        broken.write_text(text.replace(old, new))
        browser.open(broken)
        facts = browser.ask("({...document.documentElement.dataset})")
        assert facts.get("errors") and "ready" not in facts
