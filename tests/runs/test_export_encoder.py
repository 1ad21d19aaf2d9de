# SPDX-License-Identifier: Apache-2.0
"""`cl-keras export` in each format, and what it says of the wrong ones."""

import json

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from cl_keras import runs
from cl_keras.cli import app
from cl_keras.export.runtimes import litert, onnx
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


def test_formats_and_their_files_must_be_known(file, tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'onnx'"):
        runs.export_encoder(str(file), str(tmp_path / "e"), output="onx")
    pytest.importorskip("tf2onnx")
    result = run(file, tmp_path / "e", "--format", "onnx")
    assert "ends in .onnx" in str(result.exception)
    assert list(tmp_path.iterdir()) == [file]
