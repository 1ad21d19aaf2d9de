# SPDX-License-Identifier: Apache-2.0
import base64
import csv
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
from sklearn.datasets import load_digits

from cl_keras.runs.jobs.image_figures import draw_plots
from cl_keras.runs.report import write_report

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Collects texts and references, and checks that tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.references, self.tags, self.headings = [], [], [], []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [v for k, v in attributes if k in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if "style" not in self.open:
            self.text += data


def views(images, seed):
    images = tf.cast(images, tf.float32) / 255.0
    noise = tf.random.stateless_normal([2, *images.shape], seed, stddev=0.1)
    return tuple(tf.clip_by_value(images + part, 0, 1) for part in noise)


def digits(labelled):
    data = load_digits()
    images = (data.images * 15).astype(np.uint8)[..., None]
    names = [f"digit <{i}>" for i in range(10)]

    def part(rows):
        return SimpleNamespace(
            images=images[rows],
            labels=data.target[rows] if labelled else None,
            class_names=names if labelled else None,
        )

    return part(slice(0, 300)), part(slice(300, 400))


def encoder():
    return keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(16)]
    )


@pytest.fixture
def run(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    history = [{"epoch": i, "loss": 3.0 / i, "rank_me": 5.0 + i} for i in (1, 2, 3)]
    lines = "".join(json.dumps(row) + "\n" for row in history)
    (run / "metrics.jsonl").write_text(lines)
    config = {
        "command": ["cl-keras", "train", "simclr", "--set", "name=a <b>"],
        "batch_size": 64,
        "augment": {"strength": 0.5},
        "note": "<script>alert(1)</script>",
    }
    (run / "config.json").write_text(json.dumps(config))
    return run


def summary(run, **values):
    base = {"method": "simclr", "data": "digits", "seed": 3, "epochs": 3}
    (run / "summary.json").write_text(
        json.dumps({**base, "seconds": 93.4, "loss": 1.0, **values})
    )


def read(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


LABELLED = {
    "confusion",
    "embedding",
    "embedding_random_init",
    "loss",
    "neighbors",
    "similarity",
    "views",
}


def test_labelled_run(run):
    train, test = digits(labelled=True)
    draw_plots(run, encoder=encoder(), train=train, test=test, views=views, seed=1)
    assert {path.stem for path in run.glob("plots/*.png")} == LABELLED
    assert {path.stem for path in run.glob("plots/*.csv")} == LABELLED
    assert read(run / "plots/loss.csv")[1] == ["1", "3.0", "6.0"]
    spots = read(run / "plots/embedding.csv")
    assert len(spots) == 101
    assert [int(row[3]) for row in spots[1:]] == test.labels.tolist()
    counts = np.array(read(run / "plots/confusion.csv"))[1:, 1:].astype(int)
    assert counts.sum() == 100
    assert np.trace(counts) > 50
    similarity = np.array(read(run / "plots/similarity.csv")[1:], float)
    assert similarity[:, 1].mean() > similarity[:, 2].mean() + 0.2

    (run / "plots" / "extra_one.png").write_bytes((run / "plots/loss.png").read_bytes())
    summary(run, knn_accuracy=0.912, knn_accuracy_random_init=0.5, raw_knn_accuracy=0.7)
    path = write_report(run)
    assert path == run / "report.html"
    text = path.read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert all(reference.startswith("data:") for reference in page.references)
    assert not re.search(r"https?://|url\(|@import", text)
    embedded = {
        base64.b64decode(reference.partition(",")[2])
        for reference in page.references
        if reference.startswith("data:image/png")
    }
    assert embedded == {figure.read_bytes() for figure in run.glob("plots/*.png")}
    assert page.headings == [
        "Scores",
        "Learning curves",
        "Views",
        "Embedding in two dimensions",
        "Nearest neighbours",
        "Where the classes mix",
        "More figures",
        "Settings",
        "Command",
        "Environment",
    ]
    for shown in (
        "simclr on digits",
        "3 epochs · 1 min 33 s · final loss 1 · seed 3",
        "91.2 %",
        "50.0 %",
        "70.0 %",
        "<script>alert(1)</script>",
        "augment.strength",
        "cl-keras train simclr --set 'name=a <b>'",
        "tensorflow",
    ):
        assert shown in page.text, shown


def test_unlabelled_run(run):
    train, test = digits(labelled=False)
    draw_plots(run, encoder=encoder(), train=train, test=test, views=views)
    names = {path.stem for path in run.glob("plots/*.png")}
    assert names == LABELLED - {"confusion"}
    summary(run)
    page = Page(write_report(run).read_text())
    assert "No accuracies" in page.text
    assert "Where the classes mix" not in page.headings


def test_figures_repeat_for_a_seed(run):
    train, test = digits(labelled=False)
    test.images = test.images[:12]
    model, tables = encoder(), []
    for _ in range(2):
        draw_plots(run, encoder=model, train=train, test=test, views=views, seed=4)
        tables.append([path.read_text() for path in sorted(run.glob("plots/*.csv"))])
    assert tables[0] == tables[1]


def test_one_test_image(run):
    train, test = digits(labelled=True)
    test.images, test.labels = test.images[:1], test.labels[:1]
    draw_plots(run, encoder=encoder(), train=train, test=test, views=views)
    assert {path.stem for path in run.glob("plots/*.png")} == {
        "confusion",
        "loss",
        "views",
    }


def test_report_of_an_empty_run(tmp_path):
    page = Page(write_report(tmp_path).read_text())
    assert page.headings == ["Scores", "Environment"]


def test_errors_name_the_file(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="no_such_run"):
        write_report(tmp_path / "no_such_run")
    (run / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    with pytest.raises(ValueError, match="metrics.jsonl must hold one JSON object"):
        write_report(run)
    (run / "config.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"config.json must hold a JSON object.*\[1\]"):
        write_report(run)
