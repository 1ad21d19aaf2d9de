# SPDX-License-Identifier: Apache-2.0
"""`cl-keras export` in each format, and what it says of the wrong ones."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from cl_keras import artifact, runs
from cl_keras.cli import app
from cl_keras.export.conformance.loading import load_session
from cl_keras.export.runtimes import litert, onnx
from cl_keras.runs import TrainConfig
from cl_keras.runs.features import Features, write_features
from cl_keras.runs.served_encoder import ServedEncoder

layers = keras.layers
# How each format is read, and what its packages are.
FORMATS = {
    "savedmodel": ("serving", ServedEncoder, ()),
    "litert": ("encoder.tflite", litert.runner, ("ai_edge_litert",)),
    "onnx": ("encoder.onnx", onnx.runner, ("tf2onnx", "onnxruntime")),
}


@pytest.fixture
def file(tmp_path):
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ]
    )
    encoder.save(tmp_path / "encoder.keras")
    return tmp_path / "encoder.keras"


def run(*arguments):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


@pytest.mark.slow
@pytest.mark.parametrize("output", FORMATS)
def test_each_format_has_the_encoders_features(file, tmp_path, output):
    name, reader, packages = FORMATS[output]
    for package in packages:
        pytest.importorskip(package)
    arguments = (file, tmp_path / name, "--format", output, "--json")
    result = run(*arguments, "--no-kit")
    assert result.exit_code == 0, result.exception
    ((kind, written),) = json.loads(result.stdout).items()
    assert kind == {"savedmodel": "saved_model"}.get(output, output)
    x = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)
    wanted = keras.saving.load_model(file)(x, training=False)
    np.testing.assert_allclose(reader(written)(x), wanted, atol=1e-5)
    facts = {"savedmodel": f"{written}/manifest.json"}.get(output, f"{written}.json")
    with open(facts) as text:
        assert json.load(text)["metadata"]["encoder"] == str(file)


@pytest.mark.slow
def test_options_of_the_other_formats(file, tmp_path):
    for package in ("ai_edge_litert", "tf2onnx", "onnx", "onnxruntime"):
        pytest.importorskip(package)
    import onnx as library

    lite, other = tmp_path / "e.tflite", tmp_path / "e.onnx"
    result = run(file, lite, "--format", "litert", "--batch-size", 3)
    assert result.exit_code == 0, result.exception
    facts = json.loads((tmp_path / "e.tflite.json").read_text())
    assert facts["inputs"]["images"]["shape"] == [3, 8, 8, 1]
    result = run(file, other, "--format", "onnx", "--opset", 17)
    assert result.exit_code == 0, result.exception
    assert library.load(other).opset_import[0].version == 17
    result = run(file, other, "--format", "onnx", "--batch-size", 3)
    assert "onnx has no options batch_size" in str(result.exception)


def test_formats_and_their_files_must_be_known(file, tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'onnx'"):
        runs.export_encoder(str(file), str(tmp_path / "e"), output="onx")
    pytest.importorskip("tf2onnx")
    result = run(file, tmp_path / "e", "--format", "onnx")
    assert "ends in .onnx" in str(result.exception)
    assert list(tmp_path.iterdir()) == [file]


def manifest(result):
    assert result.exit_code == 0, result.exception
    folder = Path(json.loads(result.stdout)["saved_model"])
    return folder, artifact.read_manifest(folder)


@pytest.mark.slow
def test_options_of_images_and_an_index(file, tmp_path):
    bank = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    ids = np.array([f"photos/{i}.png" for i in range(6)])
    write_features(tmp_path / "bank.npz", Features(bank, ids))
    options = ("--on-error", "fail", "--max-pixels", 1000, "--train", "--neighbors", 2)
    found = ("--index", tmp_path / "bank.npz")
    out = (file, tmp_path / "m", "--no-kit", "--json")
    folder, facts = manifest(run(*out, *options, *found))
    assert facts["input"]["on_error"] == "fail"
    assert facts["input"]["max_pixels"] == 1000
    assert facts["functions"] == ["train"]
    call = load_session(folder)[1]
    got = call("neighbors", {"images": np.ones((1, 8, 8, 1), np.float32)})
    assert got["ids"].shape == (1, 2)
    assert {i.decode() for i in got["ids"][0].tolist()} < set(ids)


@pytest.mark.slow
def test_sample_rate_by_option_or_as_the_run_had_it(tmp_path):
    inputs = keras.Input((None,))
    x = layers.Conv1D(3, 4)(layers.Reshape((-1, 1))(inputs))
    keras.Model(inputs, layers.GlobalAveragePooling1D()(x)).save(tmp_path / "a.keras")
    out = (tmp_path / "m", "--no-kit", "--json")
    _, facts = manifest(run(tmp_path / "a.keras", *out))
    assert "audio_bytes" not in facts["signatures"]
    _, facts = manifest(run(tmp_path / "a.keras", *out, "--sample-rate", 8000))
    assert facts["input"]["sample_rate"] == 8000
    assert facts["input"]["samples"] is None

    made = tmp_path / "run"
    made.mkdir()
    (tmp_path / "a.keras").rename(made / "encoder.keras")
    TrainConfig("cpc", "folder:recordings", str(made)).save(made / "config.json")
    (made / "summary.json").write_text(json.dumps({"sample_rate": 11025}))
    options = ("--samples", 500, "--max-seconds", 2)
    _, facts = manifest(run(made, *out, *options))
    assert facts["input"]["sample_rate"] == 11025
    assert facts["input"]["samples"] == 500
    assert facts["input"]["max_seconds"] == 2


def test_options_of_other_formats_and_encoders_are_refused(file, tmp_path):
    result = run(file, tmp_path / "e.onnx", "--format", "onnx", "--on-error", "mask")
    assert "onnx has no options on_error" in str(result.exception)
    result = run(file, tmp_path / "m", "--on-error", "ignore")
    assert "on_error" in str(result.exception)
    result = run(file, tmp_path / "m", "--graph-schema", "schema.pbtxt")
    assert "graph encoder only" in str(result.exception)
    assert list(tmp_path.iterdir()) == [file]
