# SPDX-License-Identifier: Apache-2.0
"""Two encoders of digits, and an index between them."""

import json

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from cl_keras import export, runs
from cl_keras.cli import app
from cl_keras.runs.compare_encoders import LIMITS

layers = keras.layers


def encoder(seed=0, width=24):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(8, 5, strides=4, activation="relu"),
            layers.Flatten(),
            layers.Dense(width),
        ]
    )


def changed(old, change):
    new = keras.models.clone_model(old)
    new.set_weights([change(w) for w in old.get_weights()])
    return new


def rotated(old):
    """The same features about other axes."""
    new = keras.models.clone_model(old)
    *first, kernel, bias = old.get_weights()
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(len(bias), len(bias))))[0]
    new.set_weights([*first, kernel @ turn, bias @ turn])
    return new


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("encoders")
    old = encoder()
    rng = np.random.default_rng(0)
    made = {
        "old": old,
        "near": changed(old, lambda w: w + rng.normal(0, 1e-3, w.shape)),
        "rotated": rotated(old),
        "longer": changed(old, lambda w: w),
        "shorter": changed(old, lambda w: w),
        "padded": encoder(width=32),
        "wide": encoder(width=32, seed=1),
        "other": encoder(seed=1),
    }
    *first, kernel, bias = old.get_weights()
    # Cosines are what they were; lengths are not.
    made["longer"].set_weights([*first, 2 * kernel, 2 * bias])
    made["shorter"].set_weights([*first, kernel / 2, bias / 2])
    # The same features, and eight that are always 0.
    kernel = np.pad(kernel, [(0, 0), (0, 8)])
    made["padded"].set_weights([*first, kernel, np.pad(bias, [(0, 8)])])
    for name, model in made.items():
        model.save(folder / f"{name}.keras")
    return folder


def compare(files, a, b, **options):
    return runs.compare_encoders(
        str(files / f"{a}.keras"), str(files / f"{b}.keras"), source="digits", **options
    )


def test_an_encoder_may_take_its_own_place(files):
    result = compare(files, "old", "old")
    assert result["compatible"] and result["verdict"] == "compatible"
    assert result["cross_recall"] == result["neighbor_overlap"] == 1
    assert result["linear_cka"] == pytest.approx(1)
    assert result["norm_drift"] == 0
    assert (result["examples"], result["widths"]) == (1797, [24, 24])


def test_a_near_encoder_may_take_its_place(files):
    result = compare(files, "old", "near")
    assert result["verdict"] == "compatible"
    assert 0.9 < result["cross_recall"] < 1
    assert result["cross_recall_low"] < result["cross_recall"]
    assert result["cross_recall_high"] > result["cross_recall"]
    assert 0 < result["norm_drift"] < 0.1
    assert all(check["ok"] for check in result["checks"])


def test_rotated_features_need_a_new_index_that_finds_the_same(files):
    result = compare(files, "old", "rotated")
    assert (result["verdict"], result["compatible"]) == ("rebuild", False)
    assert result["neighbor_overlap"] > 0.999
    assert result["linear_cka"] == pytest.approx(1, abs=1e-5)
    assert result["cross_recall"] < 0.1
    failed = [check["name"] for check in result["checks"] if not check["ok"]]
    assert failed == ["cross_recall", "cosine_drift"]


@pytest.mark.parametrize("name", ["longer", "shorter"])
def test_other_lengths_are_no_match_for_an_index_by_inner_product(files, name):
    result = compare(files, "old", name)
    failed = [check["name"] for check in result["checks"] if not check["ok"]]
    assert (result["verdict"], failed) == ("rebuild", ["norm_drift"])
    assert result["norm_drift"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "verdict"), [("padded", "rebuild"), ("wide", "different")]
)
def test_features_of_another_width_cannot_be_searched_for(files, name, verdict):
    result = compare(files, "old", name)
    assert result["cross_recall"] is None and result["cosine_drift"] is None
    assert result["widths"] == [24, 32]
    assert result["verdict"] == verdict and not result["compatible"]
    if name == "padded":
        assert result["neighbor_overlap"] > 0.999
        assert result["norm_drift"] == pytest.approx(0, abs=1e-6)


def test_another_encoder_is_different(files):
    result = compare(files, "old", "other", k=3)
    assert (result["verdict"], result["k"]) == ("different", 3)
    assert result["cross_recall"] < 0.1


def test_limits_are_as_documented():
    text = {name: str(limit) for name, limit in LIMITS.items()}
    assert text == {
        "cross_recall": ">= 0.9",
        "neighbor_overlap": ">= 0.8",
        "linear_cka": ">= 0.95",
        "cosine_drift": "<= 0.05",
        "norm_drift": "<= 0.1",
    }


@pytest.mark.slow
def test_a_saved_model_is_compared_like_its_encoder(files, tmp_path):
    near = keras.saving.load_model(files / "near.keras")
    export.saved_model(near, tmp_path, bytes_input=False)
    served = runs.compare_encoders(
        str(files / "old.keras"), str(tmp_path), source="digits"
    )
    wanted = compare(files, "old", "near")
    for name in LIMITS:
        assert served[name] == pytest.approx(wanted[name], abs=1e-3)


def test_data_must_be_named_and_suit_both(files, tmp_path):
    old = str(files / "old.keras")
    with pytest.raises(ValueError, match="--data"):
        runs.compare_encoders(old, old)
    with pytest.raises(ValueError, match="from 1 to 1796"):
        compare(files, "old", "old", k=1797)
    audio = keras.Sequential([keras.Input((None, 3)), layers.GlobalAveragePooling1D()])
    audio.save(tmp_path / "audio.keras")
    with pytest.raises(ValueError, match="takes examples of shape"):
        runs.compare_encoders(old, str(tmp_path / "audio.keras"), source="digits")


@pytest.mark.parametrize(("b", "code"), [("near", 0), ("rotated", 1)])
def test_the_exit_code_says_whether_the_index_can_stay(files, b, code):
    arguments = [
        "compare-encoders",
        str(files / "old.keras"),
        str(files / f"{b}.keras"),
    ]
    arguments += ["--data", "digits"]
    runner = CliRunner()
    table = runner.invoke(app, arguments)
    assert table.exit_code == code
    for name in LIMITS:
        assert name in table.stdout
    assert ("rebuild" if code else "compatible") in table.stdout
    told = runner.invoke(app, [*arguments, "--json"])
    assert told.exit_code == code
    result = json.loads(told.stdout)
    assert result["compatible"] == (code == 0)
    assert result["data"] == "digits"
