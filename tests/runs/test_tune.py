# SPDX-License-Identifier: Apache-2.0
"""A search by short trainings: halved, resumed, and blind for the test part."""

import json
import sys

import numpy as np
import pytest

from cl_keras import runs


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    noise = rng.integers(0, 80, (60, 8, 8, 1))
    pixels = (noise + 120 * labels[:, None, None, None]).astype(np.uint8)
    path = tmp_path_factory.mktemp("images") / "two.npz"
    np.savez(path, images=pixels, labels=labels)
    return path


def test_values_are_read_as_lists_or_as_words():
    tries = ["learning-rate=1e-3,2e-3", "encoder=resnet18,vit_tiny", "augment.blur=0"]
    assert runs.parse_tries(tries) == {
        "learning_rate": [1e-3, 2e-3],
        "encoder": ["resnet18", "vit_tiny"],
        "augment.blur": [0],
    }
    for wrong in (["epochs"], ["epochs="], ["a=1", "a=2"], ["augmnt.blur=1"]):
        with pytest.raises(ValueError):
            runs.parse_tries(wrong)


@pytest.mark.slow
def test_the_best_third_is_trained_for_longer_and_nothing_twice(
    images, tmp_path, monkeypatch
):
    config = runs.TrainConfig.for_method(
        *("autoencoder",),
        **{"data": f"npz:{images}", "out": str(tmp_path), "epochs": 3},
        **{"batch_size": 8, "neighbors": 3},
        settings={"encoder.width": 4, "encoder.blocks": 1},
    )
    tries = {"learning_rate": [0.0, 1e-3, 1e-2]}
    result = runs.tune(config, tries)
    epochs = [row["epochs"] for row in result["trials"]]
    assert epochs == [1, 1, 1, 3]
    first, last = result["trials"][:3], result["trials"][3]
    best = max(first, key=lambda row: row["knn_accuracy"])
    assert last["learning_rate"] == best["learning_rate"]
    assert result["best"] == {"learning_rate": best["learning_rate"]}
    assert f"--learning-rate {best['learning_rate']}" in result["command"]
    assert "--set encoder.width=4" in result["command"]
    # The test part is neither scored nor named.
    for file in tmp_path.glob("*/summary.json"):
        assert "knn_accuracy" not in json.loads(file.read_text())
    monkeypatch.setattr(sys.modules["cl_keras.runs.tune"], "train", None)
    assert runs.tune(config, tries) == result
