# SPDX-License-Identifier: Apache-2.0
import csv
import json
import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from cl_keras.cli import app
from cl_keras.runs import draw_plots
from cl_keras.runs.report import compare_runs, write_report
from cl_keras.show.scores import score_keys

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Collects texts and references, and checks that tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.references, self.tags, self.headings = [], [], [], []
        self.classes, self.text, self.content = [], "", None
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        known = dict(attributes)
        self.references += [v for k, v in attributes if k in ("src", "href")]
        self.classes += (known.get("class") or "").split()
        self.is_content = known.get("id") == "content"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            if self.is_content:
                self.content = json.loads(data)
            return
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
        "command": "cl-keras train simclr --set 'name=a <b>'",
        "environment": {"devices": ["CPU"], "python": "3.11"},
        "patience": None,
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


def lines_of(page):
    """The drawn lines: what has a name to show and is no area."""
    return re.findall(r'<title>[^<]*</title><path d="(M [^"z]*)"', page)


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


@pytest.fixture
def two_runs(tmp_path):
    for name, size, accuracy in (("a", 64, 0.9), ("b", 128, 0.8)):
        folder = tmp_path / name
        folder.mkdir()
        config = {"method": "simclr", "batch_size": size, "data": "digits", "out": name}
        config["command"] = f"cl-keras train simclr --batch-size {size}"
        (folder / "config.json").write_text(json.dumps(config))
        summary(folder, knn_accuracy=accuracy, raw_knn_accuracy=0.7)
        history = [{"epoch": i, "loss": 3.0 / i, "seconds": 1.0} for i in (1, 2)]
        lines = "".join(json.dumps(row) + "\n" for row in history)
        (folder / "metrics.jsonl").write_text(lines)
    return tmp_path / "a", tmp_path / "b"


def test_compared_runs_show_differences_scores_and_both_curves(two_runs, tmp_path):
    page = Page(compare_runs(two_runs, tmp_path / "compare.html").read_text())
    assert page.headings == [
        *("Scores", "Differences", "Learning curves", "How they were made")
    ]
    assert "a scores highest: 90.0 % (weighted kNN)." in page.text
    assert "2 runs of SimCLR on digits" in page.text
    text = (tmp_path / "compare.html").read_text()
    table = re.search(r">Differences</h2>.*?</section>", text, re.S)[0]
    assert re.findall(r'<th scope="row">(.*?)</th>', table) == ["batch size"]
    assert "<td>64</td><td>128</td>" in table
    assert "<td><b>90.0 %</b></td><td>80.0 %</td>" in text
    assert len(lines_of(text)) == 2 and text.count("<figure>") == 1


def test_what_cannot_be_compared_is_named(two_runs, tmp_path):
    out = tmp_path / "compare.html"
    with pytest.raises(ValueError, match="two or more different runs"):
        compare_runs([two_runs[0]] * 2, out)
    with pytest.raises(FileNotFoundError, match="no_run"):
        compare_runs([two_runs[0], tmp_path / "no_run"], out)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        compare_runs(two_runs, tmp_path / "nowhere" / "x.html")
    assert not out.exists()


def test_the_command_writes_one_report_or_a_comparison(two_runs, tmp_path):
    run = CliRunner().invoke
    first, second = map(str, two_runs)
    result = run(app, ["report", first, "--json"])
    assert json.loads(result.stdout) == {"report": f"{first}/report.html"}
    out = str(tmp_path / "both.html")
    result = run(app, ["report", first, second, "--out", out, "--json"])
    assert json.loads(result.stdout) == {"report": out}
    assert "SimCLR" in (tmp_path / "both.html").read_text()


KNN = {"knn_accuracy": 0.9, "knn_accuracy_low": 0.87, "knn_accuracy_high": 0.92}


@pytest.mark.parametrize(
    ("scores", "level", "sentence", "step"),
    [
        (
            {**KNN, "knn_accuracy_random_init": 0.5, "raw_knn_accuracy": 0.7},
            "good",
            "Training paid off: the trained encoder scores 90.0 % (weighted kNN), 40.0 "
            "points above random weights and 20.0 points above the raw inputs.",
            "cl-keras embed run digits --out features.npz",
        ),
        (
            {**KNN, "knn_accuracy_random_init": 0.5, "raw_knn_accuracy": 0.91},
            "warning",
            "No clear gain over the raw inputs: the trained encoder scores 90.0 % "
            "(weighted kNN), 40.0 points above random weights and level with the raw "
            "inputs.",
            "cl-keras train simclr --set 'name=a <b>' --epochs 300 --out run_2",
        ),
        (
            {**KNN, "knn_accuracy_random_init": 0.95},
            "problem",
            "Not yet better than random weights: the trained encoder scores 90.0 % "
            "(weighted kNN), 5.0 points below random weights.",
            "cl-keras compare simclr byol --data digits",
        ),
        (
            {"linear_accuracy": 0.8, "linear_accuracy_start": 0.7},
            "good",
            "Training paid off: the trained encoder scores 80.0 % (linear probe), 10.0 "
            "points above the weights it started from.",
            "cl-keras export run serving/encoder",
        ),
        ({"nmi": 0.5, "raw_nmi": 0.4}, "good", "0.500 (clustering, NMI)", "embed"),
        ({}, "good", "There are no labels to score the encoder with.", "evaluate"),
    ],
)
def test_the_verdict_comes_first_and_what_to_do_with_it(
    run, scores, level, sentence, step
):
    summary(run, **scores, optimizer_steps=3)
    text = write_report(run).read_text()
    assert re.search(rf'</header>\s*<main>\s*<p class="verdict {level}">', text)
    page = Page(text)
    assert sentence in page.text and step in page.text


def test_collapse_is_the_verdict_whatever_the_scores(run):
    (run / "figures").mkdir()
    (run / "figures" / "diagnosis.csv").write_text(
        "measure,value,level,finding\nembedding_std,0.0,problem,collapsed\n"
    )
    summary(run, knn_accuracy=0.9, raw_knn_accuracy=0.1)
    page = Page(write_report(run).read_text())
    assert "The encoder has collapsed: all inputs get nearly the same" in page.text
    assert "--learning-rate 0.0001 --out run_2" in page.text


def test_runs_within_each_others_intervals_are_level(two_runs, tmp_path):
    first, second = two_runs
    summary(first, knn_accuracy=0.9, knn_accuracy_low=0.78, knn_accuracy_high=0.95)
    text = compare_runs(two_runs, tmp_path / "compare.html").read_text()
    assert (
        "a scores highest, 90.0 % (weighted kNN), but b lies within its confidence"
        in text
    )
    assert "<td><b>90.0 % (78.0 to 95.0)</b></td><td>80.0 %</td>" in text


def test_ends_of_intervals_are_no_scores_of_their_own():
    summary = {"nmi": 0.5, "nmi_low": 0.4, "raw_nmi": 0.3, "raw_nmi_low": 0.2}
    assert score_keys(summary) == ["nmi"]
