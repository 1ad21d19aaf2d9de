# SPDX-License-Identifier: Apache-2.0
"""`cl-keras export` writes the kit, and `cl-keras serving-kit` moves its labels."""

import json

import keras
import pytest
from typer.testing import CliRunner

from cl_keras.cli import app


def run(*arguments):
    result = CliRunner().invoke(app, [str(word) for word in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "encoder.keras"
    layers = keras.layers
    encoder = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.GlobalAveragePooling2D()]
    )
    encoder.save(path)
    return path


def test_export_and_labels(model, tmp_path):
    base = tmp_path / "photos"
    done = json.loads(run("export", model, base, "--json").stdout)
    assert done["saved_model"] == str(base / "1")
    kit = {"Dockerfile", "compose.yaml", "kubernetes.yaml", "models.config"}
    assert kit <= {path.name for path in base.iterdir()}

    run("export", model, base)
    labels = [
        line.split() for line in (base / "models.config").read_text().splitlines()
    ]
    values = {words[3]: words[5] for words in labels if words[:1] == ["version_labels"]}
    assert values == {'"stable"': "1", '"canary"': "2"}
    moved = run("serving-kit", base, "--stable", 2, "--json")
    assert json.loads(moved.stdout) == {"written": [str(base / "models.config")]}
    assert '"stable" value: 2' in (base / "models.config").read_text()
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        run("serving-kit", base, "--stable", 3)


def test_export_without_the_kit(model, tmp_path):
    run("export", model, tmp_path / "photos", "--no-kit")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["1"]
