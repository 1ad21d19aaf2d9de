# SPDX-License-Identifier: Apache-2.0
"""From a run to an entry of a registry, and back to the numbers on its card."""

import json

import numpy as np
import pytest

from cl_keras import export, runs, zoo
from cl_keras.artifact import ENCODER_FILE
from cl_keras.runs import TrainConfig
from cl_keras.zoo.loading import load_encoder

NAME = "simclr_compact_digits"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    config = TrainConfig.for_method(
        "simclr",
        data="digits",
        out=str(folder / "run"),
        epochs=1,
        neighbors=20,
        settings={"encoder.width": 4, "encoder.blocks": 1},
    )
    runs.train(config, finish=False)
    encoder = load_encoder(folder / "run" / ENCODER_FILE)
    runs.add_entry(
        folder / "run",
        folder / "registry",
        recipe=NAME,
        metrics=["knn", "few_labels"],
        saved_model=str(export.saved_model(encoder, folder / "serving")),
        license_data="BSD-3-Clause",
    )
    return folder / "registry"


def test_the_row_tells_what_evaluation_needs(registry):
    row = zoo.info(NAME, registry=registry)
    assert row.recipe == f"cl-keras train --recipe {NAME}"
    assert row.evaluation == {"neighbors": 20, "settings": {}}
    assert set(row.scores) == {
        "knn_accuracy",
        "few_labels_1_accuracy",
        "few_labels_10_accuracy",
    }
    assert {"knn_accuracy_random_init", "raw_knn_accuracy"} <= set(row.baselines)
    assert "image_bytes" in row.signatures and row.bytes_input
    card = (registry / "cards" / f"{NAME}.md").read_text()
    assert f"![Features and nearest neighbours]({NAME}.png)" in card
    picture = (registry / "cards" / f"{NAME}.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 10_000


def test_filters(registry):
    def found(**filters):
        return NAME in zoo.list(registry=registry, **filters)

    features = zoo.info(NAME, registry=registry).features
    assert found(method="simclr", bytes_input=True, features=features)
    assert not found(method="dim") and not found(bytes_input=False)
    assert not found(features=features + 1) and not found(modality="audio")


def test_projector_and_inner_layers(registry):
    encoder = zoo.load(NAME, registry=registry)
    projector = zoo.load(NAME, part="projector", registry=registry)
    assert projector.input_shape == encoder.output_shape
    with pytest.raises(ValueError, match="Did you mean 'projector'"):
        zoo.load(NAME, part="projecter", registry=registry)


def test_scores_are_computed_again(registry):
    checks = runs.verify_scores(NAME, registry=registry)
    assert all(check.ok for check in checks), checks
    assert {"knn_accuracy", "few_labels_1_accuracy"} <= {c.score for c in checks}
    file = registry / "rows" / f"{NAME}.json"
    text = file.read_text()
    try:
        row = json.loads(text)
        row["scores"]["knn_accuracy"]["mean"] += 0.006
        file.write_text(json.dumps(row))
        failed = [c for c in runs.verify_scores(NAME, registry=registry) if not c.ok]
    finally:
        file.write_text(text)
    assert [check.score for check in failed] == ["knn_accuracy"]
    assert "on the card" in failed[0].detail


def test_any_byte_that_changes_is_found(registry):
    row = zoo.info(NAME, registry=registry)
    for record in row.files:
        path = registry / "files" / NAME / record.path
        good = path.read_bytes()
        for place in {0, len(good) // 2, len(good) - 1}:
            bad = bytearray(good)
            bad[place] ^= 1 << np.random.default_rng(place).integers(8)
            path.write_bytes(bad)
            checks = {c.path: c.ok for c in zoo.verify(NAME, registry=registry)}
            assert not checks.pop(record.path) and all(checks.values())
        path.write_bytes(good)
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))
