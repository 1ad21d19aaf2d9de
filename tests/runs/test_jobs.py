# SPDX-License-Identifier: Apache-2.0
"""Whole runs on recordings, graphs and single images, small but real."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from cl_keras import encoders, export, runs, zoo
from cl_keras.runs import TrainConfig

soundfile = pytest.importorskip("soundfile", reason="needs the extra [audio]")


def config(method, data, out, **given):
    given = {"epochs": 2, "batch_size": 4, "neighbors": 3} | given
    return TrainConfig.for_method(method, data=data, out=str(out), **given)


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """Ten recordings of each of two pitches, of different lengths."""
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    for name, pitch in (("low", 200), ("high", 900)):
        (folder / name).mkdir()
        for i in range(10):
            time = np.arange(rng.integers(1500, 2500)) / 8000
            wave = 0.5 * np.sin(2 * np.pi * pitch * time) + 0.05 * rng.normal(
                size=len(time)
            )
            soundfile.write(folder / name / f"{i}.wav", wave, 8000)
    return folder


@pytest.fixture(scope="module")
def communities(tmp_path_factory):
    """Two groups of nodes, with edges inside; features say a little."""
    folder = tmp_path_factory.mktemp("graph")
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    pairs = [
        (i, j)
        for i in range(40)
        for j in range(i)
        if rng.random() < (0.3 if labels[i] == labels[j] else 0.01)
    ]
    (folder / "edges.csv").write_text("\n".join(f"{i},{j}" for i, j in pairs))
    (folder / "labels.csv").write_text("\n".join(map(str, labels)))
    features = rng.normal(size=(40, 6)) + labels[:, None]
    np.save(folder / "features.npy", features.astype(np.float32))
    return folder


def finished(summary, out):
    assert summary["saved_model_ok"]
    assert summary == json.loads((out / "summary.json").read_text())
    for score in ("knn_accuracy", "linear_accuracy"):
        for key in (score, f"{score}_random_init", f"raw_{score}"):
            assert 0 <= summary[key] <= 1, key
    for name in ("curves", "embedding", "diagnosis", "confusion", "neighbors"):
        assert (out / "figures" / f"{name}.csv").is_file(), name
    assert "<html" in (out / "report.html").read_text()
    findings = (out / "figures" / "diagnosis.csv").read_text()
    assert summary["diagnosis"] and all(x in findings for x in summary["diagnosis"])


def logged(out):
    """Rows of the projector's tables, and of the scalars of the last epoch."""
    folder = out / "tensorboard"
    rows = [(folder / f"{name}.tsv").read_text().splitlines() for name in _TABLES]
    return len(rows[0]), rows[1], (folder / "sprite.png").is_file()


_TABLES = ("tensors", "metadata")


@pytest.mark.slow
def test_cpc_on_a_folder_of_recordings(tones, tmp_path):
    settings = {
        "data.window": 1200,
        "encoder.channels": 8,
        "encoder.context": 8,
        "encoder.kernels": [10, 8, 4],
        "encoder.strides": [5, 4, 2],
        "steps": 2,
    }
    out = tmp_path / "run"
    summary = runs.train(
        config("cpc", f"folder:{tones}", out, settings=settings), tensorboard=True
    )
    finished(summary, out)
    tensors, metadata, images = logged(out)
    assert tensors == 4 and metadata[0] == "id\tclass" and not images
    assert (
        sorted(row.split("\t")[1] for row in metadata[1:]) == ["high"] * 2 + ["low"] * 2
    )
    assert summary["train_recordings"] == 16 and summary["test_recordings"] == 4
    scores = runs.evaluate(str(out))
    assert scores["test_recordings"] == 4
    for name in ("knn_accuracy", "linear_accuracy_random_init", "raw_knn_accuracy"):
        assert scores[name] == pytest.approx(summary[name]), name
    row = runs.add_entry(out, tmp_path / "zoo")
    assert row.name.startswith("cpc_audio_conv")
    assert (row.modality, row.input_shape) == ("audio", (None,))
    encoder = zoo.load(row.name, registry=tmp_path / "zoo")
    assert encoder(np.zeros((1, 4000), np.float32)).shape == (1, 16)


SMALL_MEL = {
    "data.window": 1200,
    "encoder.bands": 8,
    "encoder.widths": [4],
    "encoder.units": 6,
    "projector.width": 5,
}


@pytest.mark.slow
def test_a_method_of_two_views_on_a_folder_of_recordings(tones, tmp_path):
    out = tmp_path / "run"
    settings = SMALL_MEL | {"augment.crop": 0.5, "data.parts": 3}
    run = config("simclr", f"folder:{tones}", out, settings=settings)
    summary = runs.train(run)
    finished(summary, out)
    assert TrainConfig.load(out / "config.json").encoder == "mel_conv"
    # The same command goes on, though it names no encoder.
    assert runs.train(run, resume=True) == summary
    scores = runs.evaluate(str(out), metrics=["linear"])
    assert scores["linear_accuracy"] == summary["linear_accuracy"]
    encoder = keras.saving.load_model(out / "encoder.keras")
    assert encoders.sample_rate_of(encoder) == 8000
    assert encoder(np.zeros((1, 900), np.float32)).shape == (1, 6)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["cola", "byol_a", "vicreg"])
def test_other_methods_of_recordings_train(method, tones, tmp_path):
    settings = SMALL_MEL | ({"predictor.width": 5} if method == "byol_a" else {})
    run = config(method, f"folder:{tones}", tmp_path / "run", settings=settings)
    summary = runs.train(run, evaluate=False, finish=False)
    assert np.isfinite(summary["loss"])
    encoder = keras.saving.load_model(tmp_path / "run" / "encoder.keras")
    layers = {layer.name for layer in encoder.layers}
    assert ("spectrogram_view" in layers) == (method == "byol_a")


@pytest.mark.slow
def test_dgi_on_a_graph(communities, tmp_path):
    out = tmp_path / "run"
    settings = {"encoder.units": [8]}
    summary = runs.train(
        config("dgi", f"edges:{communities}", out, epochs=30, settings=settings),
        tensorboard=True,
    )
    finished(summary, out)
    tensors, metadata, images = logged(out)
    assert (tensors, len(metadata), images) == (40, 41, False)
    assert (summary["nodes"], summary["graphs"]) == (40, 1)
    assert summary["linear_accuracy"] >= 0.5
    assert runs.evaluate(str(out))["knn_accuracy"] == summary["knn_accuracy"]
    row = runs.add_entry(out, tmp_path / "zoo", name="dgi_gcn_two")
    assert (row.modality, row.input_shape, row.epochs) == ("graph", (6,), 30)


@pytest.mark.slow
def test_the_zoo_loads_graph_encoders_where_nothing_else_is_imported(tmp_path):
    encoder = encoders.gcn((6,), units=[8])
    encoder.save(tmp_path / "encoder.keras")
    served = export.saved_model(encoder, tmp_path / "serving")
    zoo.publish(
        tmp_path / "encoder.keras", served, tmp_path / "zoo", name="dgi_gcn_two",
        method="dgi", encoder="gcn", data="edges:two", recipe="none", seed=0, epochs=1,
    )  # fmt: skip
    code = "from cl_keras import zoo; print(zoo.load('dgi_gcn_two').count_params())"
    environment = {"CL_KERAS_ZOO": str(tmp_path / "zoo")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | environment,
    )  # fmt: skip
    assert int(done.stdout) == encoder.count_params()


def test_patience_stops_and_keeps_the_best_weights(communities, tmp_path):
    run = config(
        "dgi", f"edges:{communities}", tmp_path / "run", epochs=60, patience=2,
        learning_rate=1.0,  # Far too high: the loss goes up and down.
        settings={"encoder.units": [4]},
    )  # fmt: skip
    summary = runs.train(run, finish=False)
    assert summary["epochs"] < 60
    # The checkpoint is of the weights that were taken back.
    kept = runs.restore(tmp_path / "run" / "checkpoints").model
    best = keras.saving.load_model(tmp_path / "run" / "encoder.keras")
    for one, other in zip(kept.encoder.weights, best.weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_an_image_as_it_is(tmp_path):
    settings = {"encoder.width": 4, "encoder.blocks": 1, "decoder.width": 4}
    run = config(
        "autoencoder", "digits", tmp_path / "run", epochs=1, batch_size=256,
        settings=settings,
    )  # fmt: skip
    summary = runs.train(run, finish=False)
    assert 0 < summary["loss"] < 1 and "saved_model" not in summary
    encoder = keras.saving.load_model(tmp_path / "run" / "encoder.keras")
    assert encoder.output_shape == (None, 16)


@pytest.mark.parametrize(
    ("method", "data", "settings", "message"),
    [
        ("dgi", "digits", {}, "learns from graph data"),
        ("cpc", "edges", {}, "learns from audio or image data"),
        ("simclr", "digits", {"decoder.width": 4}, "simclr has no decoder"),
        ("simclr", "digits", {"data.window": 4}, "data setting"),
        ("cpc", "tones", {"data.windw": 4}, "Did you mean 'window'"),
        ("cpc", "tones", {"augment.crop": 0.5}, "window of a recording as it is"),
        ("simclr", "tones", {"augment.flip": 0.5}, "augment setting"),
    ],
)
def test_what_does_not_fit_is_named(
    method, data, settings, message, tones, communities, tmp_path
):
    spec = {"edges": f"edges:{communities}", "tones": f"folder:{tones}"}.get(data, data)
    with pytest.raises(ValueError, match=message):
        runs.train(config(method, spec, tmp_path / "run", settings=settings))
    assert not (tmp_path / "run").exists()
