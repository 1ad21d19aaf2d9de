# SPDX-License-Identifier: Apache-2.0
"""What people read: lines and tables within 80 columns, sentences, one colour."""

import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from cl_keras.cli.output import print_error, print_sentences, print_table
from cl_keras.cli.run_result import print_run
from cl_keras.cli.score_table import print_scores
from cl_keras.runs.announcement import facts_text
from cl_keras.runs.callbacks import WIDTH, ProgressBar
from cl_keras.runs.doctor import Check
from cl_keras.runs.readiness import readiness
from cl_keras.runs.stages import Stages
from cl_keras.score_names import RANDOM_INIT, RAW, SCORES, ends_of
from tests import terminal
from tests.cli.test_start import NOISE, environment


def told(say, **options):
    """What something prints, and on what kind of terminal."""
    options = {"width": 80, "soft_wrap": True, "highlight": False} | options
    to = Console(file=io.StringIO(), markup=False, **options)
    say(to)
    return to.file.getvalue()


def scored(names):
    scores = {}
    for place, name in enumerate(names):
        for pattern in ("{}", RANDOM_INIT, RAW):
            key, value = pattern.format(name), 0.5 + place / 100
            low, high = ends_of(key)
            scores |= {key: value, low: value - 0.1234, high: value + 0.1234}
    return scores


def test_three_scores_stand_side_by_side():
    names = ["knn_accuracy", "linear_accuracy", "few_labels_1_accuracy"]
    scores = scored(names) | {"intervals": {names[2]: "draws of the labels"}}
    lines = told(lambda to: print_scores(scores, to)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split("  ")[0] == "" and "1 % of labels" in lines[0]
    rows = {line[:14].strip(): line for line in lines[1:4]}
    assert list(rows) == ["trained", "random weights", "raw inputs"]
    assert "51.0 (38.7 to 63.3)" in rows["trained"]
    assert "for 1 % of labels, over other draws of the labels" in " ".join(
        " ".join(lines[4:]).split()
    )


def test_more_scores_stand_one_below_the_other():
    lines = told(lambda to: print_scores(scored(SCORES), to)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["trained", "random", "weights", "raw", "inputs"]
    assert len(lines[1:12]) == len(SCORES)
    assert lines[10].startswith("NMI ") and "0.59 (0.47 to 0.71)" in lines[10]


def test_a_run_ends_with_what_is_wrong_and_where_things_are(capsys):
    scores = {"knn_accuracy": 0.5, "raw_knn_accuracy": 0.75, "skipped_files": 1}
    print_run(scores, "runs/photos")
    said = capsys.readouterr().out
    assert "\n\n\n" not in said and "1 file, named in runs/photos" in said
    assert said.startswith("\nWorse than without training: kNN accuracy 0.500, the raw")
    print_run(scores | {"raw_knn_accuracy": 0.25}, "runs/photos")
    said = capsys.readouterr().out
    assert "orse" not in said and not said.startswith("\n\n")
    counts = {"graphs": 1, "test_series": 1, "skipped_files": 2}
    assert facts_text(counts) == "1 graph, 1 test series, 2 skipped files"


def test_a_missing_score_is_a_dash_and_one_without_interval_stands_alone():
    scores = {"knn_accuracy": 0.9, "raw_linear_accuracy": 0.8, "linear_accuracy": 1.0}
    scores["knn_accuracy_low"] = scores["knn_accuracy_high"] = float("nan")
    lines = told(lambda to: print_scores(scores, to)).splitlines()
    assert lines[1].split() == ["trained", "90.0", "100"]
    assert lines[2].split() == ["raw", "inputs", "-", "80.0"]


def test_an_epochs_line_fits_80_columns_whatever_the_numbers():
    model = SimpleNamespace(stop_training=False)
    for logs, examples in (
        ({"loss": 5.4, "contrastive_accuracy": 0.05, "rank_me": 12.0}, 100),
        (
            {"alignment": 1.0, "contrastive_accuracy": 0.12345, "loss": -1234.567}
            | {"online_knn_accuracy": 0.98765, "rank_me": 234.5, "data_wait": 0.1},
            10**2,
        ),
    ):
        to = Console(file=io.StringIO(), width=80)
        bar = ProgressBar(
            to, epochs=1, steps=2, examples=examples, unit="recordings", done=0
        )
        bar.set_model(model)
        bar.on_train_begin()
        bar.on_epoch_begin(0)
        for step in range(2):
            bar.on_train_batch_end(step, logs)
        bar.on_epoch_end(0, logs)
        bar.close()
        (line,) = to.file.getvalue().splitlines()
        assert len(line) <= WIDTH
        assert line.startswith(f"epoch 1/1  loss {logs['loss']:.3f}  acc ")
        assert ("kNN 0.988" in line) == ("online_knn_accuracy" in logs)
        assert re.search(r"rank \d+\.\d  [\d,]+( recordings)?/s  \d+\.\d s$", line)
    assert "alignment" not in line and "data_wait" not in line


def test_of_a_training_that_time_ends_the_time_left_is_shown():
    to = Console(file=io.StringIO(), width=80)
    bar = ProgressBar(to, epochs=3, steps=2, examples=4, seconds=600.0)
    bar.LINE_SECONDS = 0.0
    bar.on_train_begin()
    for epoch, slow in enumerate((3600.0, 60.0, 0.0)):
        bar.on_epoch_begin(epoch)
        for step in range(2):
            bar.on_train_batch_end(step)
        bar._start -= slow  # What such an epoch has taken.
        bar.on_epoch_end(epoch)
    lines = to.file.getvalue().splitlines()
    # All the time there is; two steps of thirty seconds; none.
    left = [line.split(" left")[0] for line in lines]
    assert left == ["epoch 1 · 10:00", "epoch 2 · 1:00", "epoch 3 · 0:00"]
    bar.lengthen(60, 2)
    bar._start -= 1e9
    bar.on_epoch_end(3)
    assert to.file.getvalue().splitlines()[-1].startswith("epoch 4 · 10:00 left")


def test_findings_are_sentences_and_wrap_between_words():
    text = "the features use about 22 of 64 dimensions " * 3 + "(RankMe 22.1)"
    lines = told(lambda to: print_sentences([text, "It is so."], to)).splitlines()
    assert lines[0].startswith("The features") and max(map(len, lines)) <= 80
    assert lines[1].startswith("  ") and lines[-2].endswith("(RankMe 22.1).")
    assert lines[-1] == "It is so."


def test_an_error_is_whole_and_of_one_colour(monkeypatch, capsys):
    message = "Expected x.\nReceived: [bold]" + "y" * 100
    print_error(message)
    assert capsys.readouterr().err == f"error: {message}\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_error(message)
    said = capsys.readouterr().err
    assert "y" * 100 in said and set(re.findall(r"\x1b\[[\d;]*m", said)) == {
        "\x1b[31m",
        "\x1b[0m",
    }


def test_tables_say_yes_and_thousands():
    text = told(lambda to: print_table(("a", "b"), [(True, 12345), (False, "x")], to))
    assert [line.split() for line in text.splitlines()] == [
        ["a", "b"],
        ["yes", "12,345"],
        ["no", "x"],
    ]


def test_a_terminal_folds_long_names_and_a_file_does_not():
    name = "recordings/" + "a" * 90 + ".wav"

    def say(to):
        print_table(("a", "b"), [(name, "x")], to)

    lines = told(say, force_terminal=True, color_system=None).splitlines()
    assert len(lines) == 3 and max(map(len, lines)) <= 80
    assert name in "".join("".join(lines).replace("x", "").split())
    assert [line.split() for line in told(say).splitlines()] == [
        ["a", "b"],
        [name, "x"],
    ]


def checks(**changes):
    found = {"tensorflow": ("ok", "2.21"), "devices": ("ok", "1 CPU")}
    found |= {"gpus": ("missing", "none: no NVIDIA driver"), "extra eval": ("ok", "")}
    found |= {name.replace("_", " "): value for name, value in changes.items()}
    return [Check(name, *value) for name, value in found.items()]


@pytest.mark.parametrize(
    ("found", "sentence", "command"),
    [
        (checks(), "Ready to train on 1 CPU.", "cl-keras demo"),
        (
            checks(tensorflow=("broken", 'no; try: pip install "tensorflow>=2.21"')),
            "Not ready. This does not work: tensorflow.",
            'pip install "tensorflow>=2.21"',
        ),
        (
            checks(keras=("broken", "no; try: KERAS_BACKEND=tensorflow, the only")),
            "Not ready. This does not work: keras.",
            "export KERAS_BACKEND=tensorflow",
        ),
        (
            checks(extra_eval=("missing", 'jinja2; pip install "cl-keras[eval]"')),
            "Ready to train on 1 CPU, without scores, figures and digits.",
            'pip install "cl-keras[eval]"',
        ),
        (
            checks(gpus=("missing", 'a driver is there: pip install "cl-keras[gpu]"')),
            "Ready to train on 1 CPU; the NVIDIA GPU is not used yet.",
            'pip install "cl-keras[gpu]"',
        ),
    ],
)
def test_doctor_ends_with_a_verdict_and_a_command(found, sentence, command):
    assert readiness(found) == (sentence, command)


def test_a_terminal_keeps_what_bars_leave_behind():
    to = Console(file=io.StringIO(), force_terminal=True, width=80, height=20)
    stages = Stages(to)
    with stages("loading"):
        stages.say("found it")
    stages.say("warning: done")
    sent = to.file.getvalue().replace("\n", "\r\n")
    assert "0:00:00" in sent
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in terminal.screen(sent)]
    assert [line.strip() for line in lines if line] == [
        "loading",
        "found it",
        "warning: done",
    ]


@pytest.mark.slow
def test_the_demo_in_a_terminal(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    images = rng.integers(0, 90, (200, 16, 16, 1)) + 90 * labels[:, None, None, None]
    np.savez(tmp_path / "x.npz", images=images.astype(np.uint8), labels=labels)
    run, spec = tmp_path / "demo", f"npz:{tmp_path}/x.npz"
    program = Path(sys.executable).with_name("cl-keras")
    options = ("--data", spec, "--epochs", 2, "--method", "byol")
    code, shown = terminal.run([program, "demo", "--out", run, *options], environment())
    lines = [re.sub(r"\x1b\[[\d;]*m", "", x).rstrip() for x in terminal.screen(shown)]
    assert code == 0, shown[-3000:]
    assert not [line for line in lines if NOISE.search(line)], shown
    assert json.loads((run / "summary.json").read_text())["method"] == "byol"
    # On the way: a bar that names loss, rate and time left.
    assert re.search(r"loss \S+  [\d,]+ images/s \S+ left", shown)
    # It ends with a table, what to open, and three commands.
    start = next(i for i, line in enumerate(lines) if "1 % of labels" in line)
    end = [line for line in lines[start:] if line]
    assert [line.split()[0] for line in end[1:4]] == ["trained", "random", "raw"]
    assert re.fullmatch(r"trained( +[\d.]+ \([\d.]+ to [\d.]+\)){3}", end[1])
    assert end[-4].startswith("Open") and end[-4].endswith("report.html")
    assert [line.split("cl-keras ")[1].split()[0] for line in end[-3:]] == [
        "train",
        "demo",
        "zoo",
    ]
    assert max(map(len, end)) <= 80 or len(str(run)) > 60
