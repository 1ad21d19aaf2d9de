# SPDX-License-Identifier: Apache-2.0
"""The encoders that travel with the package."""

import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from cl_keras import artifact, runs, zoo
from cl_keras.specification import specification

ROOT = Path(__file__).resolve().parents[2]
NAMES = zoo.list()
# What a wheel may weigh.
LIMIT = 60e6


@pytest.mark.parametrize("name", NAMES)
def test_both_forms_are_what_the_row_says(name):
    assert all(check.ok for check in zoo.verify(name))
    row, encoder = zoo.info(name), zoo.load(name)
    spec = specification(encoder)
    assert (spec.modality, spec.shape) == (row.modality, row.input_shape)
    assert spec.features == row.features
    assert encoder.count_params() == row.parameters and encoder.trainable_variables
    manifest = artifact.read_manifest(zoo.saved_model(name))
    assert tuple(sorted(manifest["signatures"])) == row.signatures
    assert "license_data" not in row.license_data and row.license_data != "unknown"


@pytest.mark.parametrize("name", NAMES)
def test_cards_are_written_to_their_end(name):
    cards = ROOT / "zoo" / "cards"
    text = (cards / f"{name}.md").read_text()
    assert not re.search(r"^Write (what|where|which)", text, re.MULTILINE)
    assert f"]({name}.png)" in text and (cards / f"{name}.png").is_file()


def test_the_readme_has_the_table():
    text = (ROOT / "README.md").read_text()
    assert zoo.table(cards="zoo/cards") in text


def test_all_fits_into_a_wheel():
    # Deflated one by one, as in a wheel; test_wheel.py builds one, but takes minutes.
    files = [path for path in (ROOT / "zoo").rglob("*") if path.is_file()]
    assert sum(len(zlib.compress(path.read_bytes())) for path in files) < LIMIT


def test_features_in_a_fresh_process_without_network():
    code = (
        "from cl_keras import zoo; import numpy as np;"
        "encoder = zoo.load('simclr_compact_digits');"
        "print(encoder.predict(np.zeros((1, 16, 16, 1), 'f'), verbose=0).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    features = zoo.info("simclr_compact_digits").features
    assert done.stdout.strip().endswith(str((1, features)))


def test_it_can_be_trained_further():
    encoder = zoo.load("simclr_compact_digits", trainable=True)
    before = [np.array(w) for w in encoder.trainable_variables]
    encoder.compile("sgd", "mse")
    images = np.random.default_rng(0).random((8, 16, 16, 1), np.float32)
    encoder.fit(images, np.ones((8, encoder.output_shape[1])), verbose=0)
    assert any(
        np.abs(np.array(w) - b).max() > 0
        for w, b in zip(encoder.trainable_variables, before, strict=True)
    )


def test_the_numbers_of_the_digits_card_come_again():
    checks = runs.verify_scores("simclr_compact_digits")
    assert {"knn_accuracy", "linear_accuracy"} <= {check.score for check in checks}
    assert all(check.ok for check in checks), checks


@pytest.mark.parametrize("name", ["dgi_gcn_cora", "dgi_gcn_citeseer"])
def test_the_numbers_of_the_graphs_cards_come_again(name, real_data, monkeypatch):
    monkeypatch.setenv("CL_KERAS_DATA", str(real_data))
    checks = runs.verify_scores(name)
    assert {"knn_accuracy", "linear_accuracy"} <= {check.score for check in checks}
    assert all(check.ok for check in checks), checks
