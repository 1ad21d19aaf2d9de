# SPDX-License-Identifier: Apache-2.0
"""What follows training fails by name, and never costs the training."""

import dataclasses
import json
import os
import resource
import signal

import keras
import numpy as np
import pytest

from cl_keras import runs
from cl_keras.methods import METHODS
from cl_keras.runs import TrainConfig
from cl_keras.runs.checkpoint import Interrupted
from cl_keras.runs.continuation import located_data
from cl_keras.runs.finishing import finish_run, stages_of
from cl_keras.runs.jobs.job import Job
from cl_keras.runs.jobs.labelled import LabelledData
from cl_keras.runs.jobs.scoring import known_only, score
from cl_keras.runs.run_files import check_writable, write_summary
from cl_keras.runs.stages import Stages
from cl_keras.runs.training_length import describe_length, length_finding, run_findings

TINY = {"encoder.width": 4, "encoder.blocks": 1, "encoder.stages": 1}


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Twelve nodes in a row that all look alike."""
    folder = tmp_path_factory.mktemp("graph")
    (folder / "edges.csv").write_text("\n".join(f"{i},{i + 1}" for i in range(11)))
    (folder / "labels.csv").write_text("\n".join(["0", "1"] * 6))
    np.save(folder / "features.npy", np.zeros((12, 3), np.float32))
    return folder


def config(graph, out, **given):
    given = {"epochs": 2, "settings": {"encoder.units": [4]}} | given
    return TrainConfig.for_method("dgi", data=f"edges:{graph}", out=str(out), **given)


def read(out):
    return json.loads((out / "summary.json").read_text())


@pytest.mark.filterwarnings("ignore:Epoch 1. collapsed")
def test_resume_does_what_was_left_out_without_training(graph, tmp_path, capsys):
    out = tmp_path / "run"
    run = config(graph, out, precision="mixed_bfloat16")
    summary = runs.train(run, evaluate=False, finish=False)
    assert keras.config.dtype_policy().name == "float32"
    assert summary == read(out) and "knn_accuracy" not in summary
    assert set(summary["left_out"]) == {"evaluation", "export", "figures", "report"}
    printed = capsys.readouterr().err
    assert "2 optimizer steps" in printed and "--epochs 156" in printed
    before = (out / "encoder.keras").read_bytes()
    for folder in (out / "checkpoints").iterdir():
        for file in folder.iterdir():
            file.unlink()  # Nothing is left to train from.
    again = runs.train(run, resume=True, finish=False)
    assert 0 <= again["knn_accuracy"] <= 1 and "evaluation" not in again["left_out"]
    assert (out / "encoder.keras").read_bytes() == before
    assert runs.train(run, resume=True, finish=False) == again == read(out)


def test_raw_features_that_no_memory_holds_are_left_out(tmp_path, monkeypatch):
    folder = tmp_path / "graph"
    folder.mkdir()
    (folder / "edges.csv").write_text("\n".join(f"{i},{i + 1}" for i in range(11)))
    (folder / "labels.csv").write_text("\n".join(["0", "1"] * 6))
    monkeypatch.setattr("cl_keras.runs.jobs.graphs._LARGEST_RAW", 0.0)
    summary = runs.train(config(folder, tmp_path / "run"), finish=False)
    assert "12 features of each of 12 nodes need" in summary["left_out"]["raw"]
    assert 0 <= summary["knn_accuracy"] <= 1
    # Sparse, as the encoder's: the copy with random weights takes them too.
    assert 0 <= summary["knn_accuracy_random_init"] <= 1


class Broken(Job):
    """A job whose figures and scores fail, as they would for a real reason."""

    def __init__(self, config, error):
        self.config, self.error = config, error

    def labelled(self):
        raise self.error

    def draw(self, run, encoder):
        raise self.error


def test_a_failure_is_a_line_in_the_summary(graph, tmp_path):
    run = config(graph, tmp_path)
    wanted = tuple(
        x for x in stages_of(evaluate=True, finish=True, draw=True, tensorboard=False)
        if x != "export"
    )  # fmt: skip
    encoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    job = Broken(run, ValueError("no such thing"))
    summary = finish_run(
        run, job, encoder, {"train_seconds": 1.0, "epochs": 2}, wanted, Stages()
    )
    assert summary == read(tmp_path)
    assert summary["left_out"]["evaluation"] == "no such thing"
    assert summary["left_out"]["figures"] == "no such thing"
    # Stopped: what is there says what is left.
    job = Broken(run, KeyboardInterrupt())
    with pytest.raises(Interrupted, match="training, which is finished.*--resume"):
        finish_run(run, job, encoder, {"train_seconds": 1.0}, wanted, Stages())
    assert "--resume" in read(tmp_path)["left_out"]["evaluation"]


def test_a_report_is_left_out_until_it_is_there(graph, tmp_path, monkeypatch):
    def killed(run):
        raise KeyboardInterrupt

    run, encoder = config(graph, tmp_path), keras.Sequential([keras.Input((2,))])
    ending = Broken(run, None), encoder, {"train_seconds": 1.0}, ("report",), Stages()
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr("cl_keras.runs.finishing.write_report", killed)
        finish_run(run, *ending)
    assert "not done yet" in read(tmp_path)["left_out"]["report"]
    summary = finish_run(run, *ending)
    assert "report" not in summary["left_out"]
    page = (tmp_path / "report.html").read_text()
    assert "was not asked for" in page and "not done yet" not in page


def test_a_failed_export_is_an_error_after_all_else(graph, tmp_path):
    run = config(graph, tmp_path)
    (tmp_path / "serving").write_text("in the way of the folder")
    encoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    job = Broken(run, ValueError("none"))
    with pytest.raises(RuntimeError, match="trained and saved"):
        finish_run(
            run, job, encoder, {"train_seconds": 1.0}, ("export", "figures"), Stages()
        )
    assert set(read(tmp_path)["left_out"]) >= {"export", "figures"}


def examples(labels, test_labels, features=None):
    rng = np.random.default_rng(0)
    sizes = len(labels), len(test_labels)
    drawn = tuple(rng.normal(size=(n, 4)).astype(np.float32) for n in sizes)
    return LabelledData(
        features=lambda encoder: drawn if features is None else features(drawn),
        raw=lambda: drawn,
        labels=(np.array(labels), np.array(test_labels)),
    )


def test_examples_without_a_label_are_left_out_with_their_copies():
    blocks = np.arange(12, dtype=np.float32).reshape(6, 2)
    pair = blocks, blocks[:2]
    labels = np.array([0, -1, 1]), np.array([-1, 1])
    data = LabelledData(lambda encoder: pair, lambda: pair, labels, copies=2)
    train, test = known_only(data).features(None)
    np.testing.assert_array_equal(train, blocks[[0, 2, 3, 5]])
    np.testing.assert_array_equal(test, blocks[[1]])


def test_what_was_chosen_is_told_of_each_metric():
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    data = examples([0, 1] * 6, [0, 1] * 3)
    told = score(encoder, data, ["knn", "linear"], k=5, seed=0)["chosen"]
    for name in ("knn_accuracy", "linear_accuracy"):
        assert {name, f"{name}_random_init", f"raw_{name}"} <= set(told)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (examples([-1] * 4, [0, 1]), "no training example has a label"),
        (examples([0, 1], [-1, -1]), "no test example has a label"),
        (examples([1] * 4, [1, 0]), "one class"),
        (examples([0, 1, 2], [3, 4]), "no test example is of a class"),
        (
            examples([0, 1] * 4, [0, 1], lambda x: (x[0] * np.nan, x[1])),
            "must be finite",
        ),
    ],
)
def test_what_cannot_be_scored_is_left_out(data, reason):
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    found = score(encoder, known_only(data), ["knn", "linear"], k=200, seed=0)
    assert list(found) == ["left_out"]
    assert set(found["left_out"]) == {"knn", "linear"}
    assert all(reason in text for text in found["left_out"].values())


def test_one_metric_or_baseline_costs_no_other():
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    # One test example: nothing to retrieve or to cluster; unknown labels are dropped.
    data = known_only(examples([0, 1] * 4, [-1, 1]))
    data = LabelledData(data.features, lambda: (np.zeros((8, 0)),) * 2, data.labels)
    found = score(encoder, data, ["knn", "retrieval", "clustering"], k=200, seed=0)
    assert found["knn_accuracy"] in (0, 1) and "knn_accuracy_random_init" in found
    assert set(found["left_out"]) == {"retrieval", "clustering", "raw"}


def test_the_run_folder_is_checked_before_anything_is_loaded(tmp_path):
    (tmp_path / "file").write_text("")
    run = TrainConfig("simclr", "folder:/nowhere", str(tmp_path / "file" / "run"))
    with pytest.raises(NotADirectoryError, match="is a file"):
        runs.train(run)
    check_writable(tmp_path / "not" / "there")
    assert not (tmp_path / "not").exists()


def test_a_full_disk_keeps_the_summary_that_is_there(tmp_path):
    write_summary(tmp_path, {"epochs": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        with pytest.raises(OSError, match="--resume"):
            write_summary(tmp_path, {"epochs": 2, "text": "x" * 4096})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert read(tmp_path) == {"epochs": 1}
    assert os.listdir(tmp_path) == ["summary.json"]


@pytest.mark.filterwarnings("ignore:Epoch 1. collapsed")
def test_a_run_finds_its_data_from_anywhere(graph, tmp_path, monkeypatch):
    monkeypatch.chdir(graph.parent)
    runs.train(
        TrainConfig.for_method(
            "dgi", data=f"edges:{graph.name}", out="run_here", epochs=1,
            settings={"encoder.units": [4]},
        ),
        evaluate=False, finish=False,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    scores = runs.evaluate(str(graph.parent / "run_here"), metrics=["knn"])
    assert 0 <= scores["knn_accuracy"] <= 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Skipped 1 of 13")
def test_a_broken_file_is_counted_once_by_a_run_that_goes_on(
    tmp_path, monkeypatch, paint
):
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        paint(tmp_path / "photos" / "ab"[number % 2] / f"{number}.png", number)
    (tmp_path / "photos" / "a" / "bad.png").write_bytes(b"")
    run = TrainConfig.for_method(
        "simclr", data="folder:photos", out="run", epochs=1, batch_size=4, settings=TINY
    )
    first = runs.train(run, evaluate=False, finish=False)
    again = runs.train(run, resume=True, metrics=["knn"], baselines=False, finish=False)
    assert again["skipped"] == first["skipped"] and "knn_accuracy" in again
    assert again["skipped_files"] == first["skipped_files"] == 1


@pytest.mark.parametrize(
    "name", ["run:old", "run:old?image_size=32", "old/encoder.keras"]
)
def test_weights_of_a_run_are_found_from_anywhere(name, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "encoder.keras").touch()
    settings = {"projector.weights": "run:old", "temperature": 0.2}
    config = TrainConfig("simclr", "digits", "new", encoder=name, settings=settings)
    found = located_data(config, tmp_path)
    assert found.encoder == name.replace("old", f"{tmp_path}/old")
    assert found.settings == settings | {"projector.weights": f"run:{tmp_path}/old"}


def test_only_a_run_that_has_got_somewhere_can_be_closed(graph, tmp_path):
    with pytest.raises(ValueError, match=f"finished an epoch.*{tmp_path}/new"):
        runs.train(config(graph, tmp_path / "new"), resume=True, close=True)
    assert not (tmp_path / "new").exists()


def test_the_number_of_steps_is_judged(tmp_path, monkeypatch):
    run = TrainConfig("simclr", "folder:photos", str(tmp_path), epochs=4)
    assert "48 optimizer steps" in describe_length(run, 12)
    row = dataclasses.replace(METHODS["simclr"], usual_steps={})
    with monkeypatch.context() as patch:  # Of a new method nothing is usual.
        patch.setitem(METHODS, "simclr", row)
        assert describe_length(run, 12).endswith(" of 12")
    finding = length_finding(run, 12)
    assert finding.level == "problem" and "--epochs 25 or more" in finding.text
    assert length_finding(TrainConfig("simclr", "digits", "run", epochs=30), 11) is None
    # In the diagnosis it comes first, and scores below the inputs' after it.
    run.save(tmp_path / "config.json")
    scores = {"knn_accuracy": 0.243, "knn_accuracy_high": 0.29}
    scores |= {"raw_knn_accuracy": 0.635, "knn_accuracy_random_init": 0.2}
    write_summary(tmp_path, {"optimizer_steps": 48, "epochs": 4, **scores})
    first, second = run_findings(tmp_path)
    assert first == finding and second.text.endswith("the raw inputs 0.635")
