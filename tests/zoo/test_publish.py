# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from cl_keras import artifact, zoo
from cl_keras.zoo.card import card

NAME = "simclr_tiny_digits"


@pytest.mark.slow
def test_published_features_come_back_in_a_fresh_process(registry, made, tmp_path):
    _, _, x, expected = made
    np.savez(tmp_path / "x.npz", x=x)
    code = f"""
import numpy as np, tensorflow as tf
from cl_keras import zoo
x = np.load({str(tmp_path / "x.npz")!r})["x"]
encoder = zoo.load("{NAME}")
served = tf.saved_model.load(str(zoo.saved_model("{NAME}")))
np.savez(
    {str(tmp_path / "y.npz")!r},
    keras=encoder.predict(x, verbose=0),
    served=served.signatures["serving_default"](images=tf.constant(x))["embedding"],
)
"""
    environment = {"CL_KERAS_ZOO": str(registry), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    got = np.load(tmp_path / "y.npz")
    np.testing.assert_allclose(got["keras"], expected, atol=1e-6)
    np.testing.assert_allclose(got["served"], expected, atol=1e-6)


def test_row_says_what_the_files_hold(registry, made):
    row = zoo.info(NAME, registry=registry)
    assert row.input_shape == (8, 8, 3)
    assert row.features == 5
    assert row.parameters == keras.saving.load_model(made[0]).count_params()
    knn = {"value": 0.91, "mean": 0.91, "spread": None, "runs": 1}
    assert row.scores == {"knn_accuracy": knn}
    assert row.library_versions["keras"] == keras.__version__
    assert "central crop" in row.preprocessing
    assert {"encoder.json", "saved_model/1/saved_model.pb"} <= {
        r.path for r in row.files
    }
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))
    assert zoo.saved_model(NAME, registry=registry).name == "1"


def test_card(registry, facts):
    text = (registry / "cards" / f"{NAME}.md").read_text()
    _, front, body = text.split("---\n", 2)
    fields = {
        key: json.loads(value)
        for key, value in (line.split(": ", 1) for line in front.splitlines())
    }
    assert fields["license"] == "Apache-2.0"
    assert fields["recipe"] == facts["recipe"]
    assert fields["scores"]["knn_accuracy"]["value"] == 0.91
    weights = "saved_model/1/variables/variables.data-00000-of-00001"
    assert fields["sha256"] == artifact.sha256(registry / "files" / NAME / weights)
    assert f'zoo.load("{NAME}")' in body
    assert "| knn accuracy | 0.91 | 0.5 |  |" in body


def test_card_of_weights_that_were_trained_further(registry):
    row = zoo.info(NAME, registry=registry)
    text = card(dataclasses.replace(row, encoder="zoo:simclr_tiny_cifar10"))
    said = "The weights of `simclr_tiny_cifar10`, trained further with `simclr`"
    assert said in text and "zoo:simclr_tiny" not in text.partition("\n# ")[2]
    assert "A `tiny` trained with `simclr`" in card(row)


def test_publishing_again(registry, made, facts):
    with pytest.raises(FileExistsError, match="overwrite=True"):
        zoo.publish(made[0], made[1], registry, **facts)
    page = registry / "cards" / f"{NAME}.md"
    page.write_text(page.read_text().replace("Write where", "My words: where"))
    written = page.read_text().partition("keeps it. -->")[2]
    facts = {**facts, "version": "2", "scores": {"knn_accuracy": 0.95}}
    zoo.publish(made[0], made[1], registry, overwrite=True, **facts)
    assert zoo.info(NAME, registry=registry).version == "2"
    assert zoo.saved_model(NAME, registry=registry).name == "2"
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))
    assert "My words: where" in written
    assert page.read_text().endswith(f"keeps it. -->{written}")
    assert "0.95" in page.read_text() and "0.91" not in page.read_text()
    assert [p.name for p in (registry / "files").iterdir()] == [NAME]


def test_publish_refuses_what_does_not_fit(made, tmp_path, facts):
    other = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()])
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="same encoder"):
        zoo.publish(tmp_path / "other.keras", made[1], tmp_path / "r", **facts)
    with pytest.raises(ValueError, match="name='../up'"):
        zoo.publish(made[0], made[1], tmp_path / "r", **{**facts, "name": "../up"})
    with pytest.raises(ValueError, match="`seed`"):
        zoo.publish(made[0], made[1], tmp_path / "r", **{**facts, "seed": -1})
    assert not [p for p in (tmp_path / "r").rglob("*") if p.is_file()]
    damaged = shutil.copytree(made[1], tmp_path / "damaged")
    (damaged / "saved_model.pb").write_bytes(b"")
    with pytest.raises(artifact.TruncatedFileError):
        zoo.publish(made[0], damaged, tmp_path / "r", **facts)
