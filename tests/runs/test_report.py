# SPDX-License-Identifier: Apache-2.0
import csv
import json
import re
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
from report_page import Page, lines_of, small_run, summary
from sklearn.datasets import load_digits

from cl_keras.runs import draw_plots
from cl_keras.runs.report import write_report
from cl_keras.show.scores import score_keys


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
    return small_run(tmp_path)


def read(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


TABLES = {
    "classes",
    "confusion",
    "curves",
    "diagnosis",
    "embedding",
    "embedding_random_init",
    "neighbors",
    "similarity",
    "spectrum",
    "views",
}


def names(run, ending):
    return {path.stem for path in run.glob(f"figures/*.{ending}")}


@pytest.mark.slow
def test_labelled_run(run):
    train, test = digits(labelled=True)
    draw_plots(run, encoder=encoder(), train=train, test=test, views=views, seed=1)
    assert names(run, "csv") == TABLES
    assert names(run, "png") == {"thumbnails", "views"}
    assert read(run / "figures/curves.csv")[1] == ["1", "3.0", "6.0"]
    spots = read(run / "figures/embedding.csv")
    assert spots[0][:6] == ["test_image", "class", "pca_x", "pca_y", "tsne_x", "tsne_y"]
    assert spots[0][6:] == ["umap_x", "umap_y"]
    assert [row[1] for row in spots[1:]] == [f"digit <{y}>" for y in test.labels]
    counts = np.array(read(run / "figures/confusion.csv"))[1:, 1:].astype(int)
    assert counts.sum() == 100
    assert np.trace(counts) > 50
    rows = read(run / "figures/classes.csv")[1:]
    for i, (_, size, right, accuracy) in enumerate(rows):
        line = counts[i]
        assert int(size) == line.sum() and int(right) == line[i]
        assert float(accuracy) == pytest.approx(int(right) / int(size), abs=1e-4)
    similarity = np.array(read(run / "figures/similarity.csv")[1:], float)
    assert similarity[:, 2:].sum(axis=0) == pytest.approx([1, 1])
    means = (similarity[:, :1] * similarity[:, 2:]).sum(axis=0)
    assert means[0] > means[1] + 0.2
    spectrum = np.array(read(run / "figures/spectrum.csv")[1:], float)
    assert spectrum[:, 1:].sum(axis=0) == pytest.approx([1, 1])
    # The sheet holds the images themselves, in the order of the map.
    sheet = tf.io.decode_png((run / "figures/thumbnails.png").read_bytes()).numpy()
    np.testing.assert_array_equal(sheet[8:16, 16:24], test.images[12])

    summary(
        run, knn_accuracy=0.912, knn_accuracy_random_init=0.5, raw_knn_accuracy=0.7,
        knn_accuracy_low=0.9, knn_accuracy_high=0.924, test_images=100,
    )  # fmt: skip
    path = write_report(run)
    assert path == run / "report.html"
    text = path.read_text()
    page = Page(text)
    assert not [x for x in page.references if not x.startswith("#")]
    # Nothing is loaded from outside; the only addresses are names of XML.
    assert not re.search(r"https?://(?!www.w3.org/2000/svg)|@import", text)
    assert text.count("url(") == text.count("url(data:image/") == 2
    assert set(page.content["tables"]) == TABLES
    embedding = (run / "figures/embedding.csv").read_text()
    assert page.content["tables"]["embedding"] == embedding
    assert list(page.content["colors"]) == [f"digit <{i}>" for i in range(10)]
    assert page.headings == [
        "Scores",
        "What to do next",
        "Learning curves",
        "Checks of the features",
        "Inputs and views",
        "Map of the features",
        "Nearest neighbours",
        "Classes",
        "How it was made",
    ]
    for shown in (
        "SimCLR on digits",
        "3 epochs · 1 min 33 s · final loss 1 · seed 3",
        "91.2 % (90.0 to 92.4)",
        "50.0 %",
        "70.0 %",
        "<script>alert(1)</script>",
        "augment.strength",
        "cl-keras train simclr --set 'name=a <b>'",
        "Inputs are told apart",
        "digit <3>",
    ):
        assert shown in page.text, shown
    for hidden in ("None", "['CPU']", "seconds"):
        assert hidden not in page.text, hidden
    assert page.classes.count("views") == 8
    assert page.classes.count("query") == 6
    assert page.classes.count("same") + page.classes.count("other") == 6 * 8


@pytest.mark.slow
def test_unlabelled_run(run):
    train, test = digits(labelled=False)
    draw_plots(run, encoder=encoder(), train=train, test=test, views=views)
    assert names(run, "csv") == TABLES - {"confusion", "classes"}
    summary(run)
    page = Page(write_report(run).read_text())
    assert "There are no labels to score the encoder with" in page.text
    assert "Classes" not in page.headings
    assert page.content["colors"] == {}
    assert page.classes.count("plain") == 6 * 8


@pytest.mark.slow
def test_figures_repeat_for_a_seed(run):
    train, test = digits(labelled=False)
    test.images = test.images[:12]
    model, tables = encoder(), []
    for _ in range(2):
        draw_plots(run, encoder=model, train=train, test=test, views=views, seed=4)
        tables.append([path.read_text() for path in sorted(run.glob("figures/*.csv"))])
    assert tables[0] == tables[1]
    # Of 12 images UMAP would show nothing more.
    header = read(run / "figures/embedding.csv")[0]
    assert header[-2:] == ["tsne_x", "tsne_y"]


@pytest.mark.parametrize("count", [2, 3, 20])
def test_one_test_image(run, count):
    train, test = digits(labelled=True)
    test.images, test.labels = test.images[:1], test.labels[:1]

    def many(images, seed):
        return (*views(images, seed), *(images,) * count)[:count]

    draw_plots(run, encoder=encoder(), train=train, test=test, views=many)
    assert names(run, "csv") == {"classes", "confusion", "curves", "views"}
    page = write_report(run).read_text()
    Page(page)
    assert [f"view {n + 1}" in page for n in range(9)] == [
        n < min(count, 8) for n in range(9)
    ]


@pytest.mark.slow
def test_pairs_come_from_all_classes_of_sorted_files(run):
    train, test = digits(labelled=True)
    order = np.argsort(test.labels)
    test.images, test.labels = test.images[order], test.labels[order]
    draw_plots(run, encoder=encoder(), train=train, test=test, views=views)
    shown = [int(row[0]) for row in read(run / "figures/views.csv")[1:]]
    assert len(shown) == 8 and len(set(test.labels[shown])) >= 7


def test_report_of_an_empty_run(tmp_path):
    page = Page(write_report(tmp_path).read_text())
    assert page.headings == ["What to do next"]


def test_steps_share_a_panel_and_validation_its_metric(run):
    rows = [
        {"epoch": i, "loss": 2.0 / i, "val_loss": 3.0, "seconds": 9.0,
         "loss_1": 1.0, "loss_2": float("nan"), "data_wait": 0.1, "zeta": 1.0 / i}
        for i in range(1, 900)
    ]  # fmt: skip
    (run / "metrics.jsonl").write_text("".join(json.dumps(x) + "\n" for x in rows))
    page = write_report(run).read_text()
    titles = re.findall(r"<figcaption><b>(.*?)</b>", page)
    assert titles == [
        *("Loss", "Loss by step", "Zeta: 0.001112", "Waiting for data: 0.1")
    ]
    assert page.count(">validation</li>") == 1 and ">step 2</li>" in page
    lines = lines_of(page)
    assert len(lines) == 5  # Nothing is drawn of NaN.
    assert max(line.count("L") for line in lines) <= 400


def test_a_missing_library_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r'jinja2.*pip install "cl-keras\[eval\]"'):
        write_report(run)


def test_errors_name_the_file(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="no_such_run"):
        write_report(tmp_path / "no_such_run")
    (run / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo\n')  # Not cut off: damaged.
    with pytest.raises(ValueError, match="metrics.jsonl must hold one JSON object"):
        write_report(run)
    (run / "config.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"config.json must hold a JSON object.*\[1\]"):
        write_report(run)
    other = tmp_path / "other"
    (other / "figures").mkdir(parents=True)
    (other / "figures" / "classes.csv").write_text("a,b\n1\n")
    with pytest.raises(ValueError, match="classes.csv must be a CSV with a header"):
        write_report(other)


def test_ends_of_intervals_are_no_scores_of_their_own():
    summary = {"nmi": 0.5, "nmi_low": 0.4, "raw_nmi": 0.3, "raw_nmi_low": 0.2}
    assert score_keys(summary) == ["nmi"]
