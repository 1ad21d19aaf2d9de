# SPDX-License-Identifier: Apache-2.0
"""The report in a real browser: its script runs, draws and shows what is pointed at."""

import csv
import json
import re

import numpy as np
import pytest
import tensorflow as tf

from cl_keras.runs.report import write_report
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


@pytest.mark.parametrize("width", [420, 1200])
def test_the_script_runs_and_the_page_fits(browser, report, tmp_path, width):
    # A window is no narrower than 500 pixels: the page is put into a frame.
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="{report.as_uri()}"'
        f' style="width:{width}px;height:900px;border:0">'
        "</iframe><script>onload = () => setTimeout(() => {"
        "const inside = document.querySelector('iframe').contentDocument;"
        "const root = inside.documentElement;"
        "const out = [...inside.querySelectorAll('body *')].filter((x) =>"
        " !x.closest('.scroll, pre, svg, .tip') &&"
        f" x.getBoundingClientRect().right > {width} + 1).map((x) => x.outerHTML);"
        "document.documentElement.dataset.facts = JSON.stringify({"
        "errors: root.dataset.errors || '', ready: root.dataset.ready,"
        " width: root.scrollWidth, out: out.slice(0, 3),"
        " dots: inside.querySelectorAll('#map circle').length,"
        " charts: inside.querySelectorAll('.chart').length});}, 300)</script>"
    )
    dom = browser.open(
        frame,
        f"--window-size={width + 100},1000",
        "--allow-file-access-from-files",
        "--virtual-time-budget=3000",
        "--dump-dom",
    )
    facts = re.search(r'data-facts="([^"]*)"', dom)[1].replace("&quot;", '"')
    facts = json.loads(facts.replace("&lt;", "<").replace("&gt;", ">"))
    assert facts["errors"] == "" and facts["ready"] == "yes"
    assert facts["dots"] == COUNT
    assert facts["charts"] == 4  # Two curves, the similarities and the spectrum.
    assert facts["width"] <= width and not facts["out"], facts["out"]


@pytest.mark.slow
def test_pointing_at_a_dot_shows_its_image_and_class(browser, report, tmp_path):
    dom = browser.open(report, "--dump-dom", fragment="#example=7")
    assert "errors" not in browser.facts(dom)
    tip = re.search(r'<div class="tip" style="[^"]*">.*?</b></div>', dom)[0]
    assert "test image 107" in tip and "b &lt;/script&gt;&lt;b&gt;" in tip
    assert "sheet-thumbnails" in tip
    with (report.parent / "figures" / "embedding.csv").open() as file:
        assert list(csv.reader(file))[8][:2] == ["107", "b </script><b>"]
    buttons = re.findall(r'<button data-value="(\w+)"', dom)
    assert {"pca", "tsne", "embedding", "embedding_random_init"} <= set(buttons)
    # The dot that was pointed at, and no other.
    assert len(re.findall(r'<circle [^>]*class="chosen"', dom)) == 1


@pytest.mark.slow
def test_it_is_not_a_blank_page(browser, report, tmp_path):
    picture = tmp_path / "page.png"
    browser.open(report, "--window-size=900,1400", f"--screenshot={picture}")
    pixels = tf.io.decode_png(picture.read_bytes(), channels=3).numpy()
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


@pytest.mark.slow
def test_a_broken_script_is_noticed(browser, report, tmp_path):
    text = report.read_text()
    for old, new in (
        ('"use strict";', '"use strict"; nothing_of_this_name();'),
        ("function parseCsv(", "function parseCsv((("),
    ):
        broken = tmp_path / "broken.html"
        assert old in text
        broken.write_text(text.replace(old, new))
        facts = browser.facts(browser.open(broken, "--dump-dom"))
        assert facts.get("errors") and "ready" not in facts
