# SPDX-License-Identifier: Apache-2.0
"""From a run to an entry of a registry, and back to the numbers on its card."""

import importlib
import json
import zlib

import numpy as np
import pytest
import tensorflow as tf
from small_entry import NAME, trained, write_figures

from cl_keras import export, runs, zoo
from cl_keras.artifact import ENCODER_FILE
from cl_keras.runs import TrainConfig
from cl_keras.runs.report import load_run
from cl_keras.runs.run_files import CONFIG_FILE
from cl_keras.score_names import metrics_of
from cl_keras.show import entry_figure, image_plots
from cl_keras.show.figures import Figures
from cl_keras.zoo.loading import load_encoder


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    trained(folder / "run")
    write_figures(folder / "run")
    encoder = load_encoder(folder / "run" / ENCODER_FILE)
    runs.add_entry(
        folder / "run",
        folder / "registry",
        recipe=NAME,
        metrics=["knn", "few_labels", "fine_tune"],
        saved_model=str(export.saved_model(encoder, folder / "serving")),
        license_data="BSD-3-Clause",
    )
    return folder / "registry"


@pytest.mark.slow
def test_the_row_tells_what_evaluation_needs(registry):
    row = zoo.info(NAME, registry=registry)
    assert row.recipe == f"cl-keras train --recipe {NAME}"
    told = dict(row.evaluation)
    assert told.pop("raw_inputs") == "pixels"
    assert "standardized, k=" in told.pop("chosen")["raw_knn_accuracy"]
    assert told == {"neighbors": 20, "settings": {}, "fine_tune_share": 0.01}
    assert set(row.scores) == {
        "knn_accuracy",
        "few_labels_1_accuracy",
        "few_labels_10_accuracy",
        "fine_tune_accuracy",
    }
    assert {"knn_accuracy_random_init", "raw_knn_accuracy"} <= set(row.baselines)
    assert "image_bytes" in row.signatures and row.bytes_input
    card = (registry / "cards" / f"{NAME}.md").read_text()
    assert f"![Features and nearest neighbours]({NAME}.png)" in card
    picture = (registry / "cards" / f"{NAME}.png").read_bytes()
    # The map, 448 pixels wide, and the neighbours beside it.
    assert tf.io.decode_png(picture).shape[1] > 600


def test_an_entry_of_a_small_run(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(40) % 2)
    config = TrainConfig.for_method(
        "simclr",
        data=f"npz:{tmp_path / 'a.npz'}",
        out=str(tmp_path / "run"),
        epochs=1,
        batch_size=8,
        neighbors=3,
        settings={"encoder.width": 4, "encoder.blocks": 1},
    )
    runs.train(config, finish=False)
    encoder = load_encoder(tmp_path / "run" / ENCODER_FILE)
    options = {
        "name": "simclr_small_noise",
        "metrics": ["knn"],
        "saved_model": str(export.saved_model(encoder, tmp_path / "serving")),
    }
    row = runs.add_entry(tmp_path / "run", tmp_path / "zoo", **options)
    assert row.version == "1"
    assert row == zoo.info("simclr_small_noise", registry=tmp_path / "zoo")
    assert {"raw_knn_accuracy", "knn_accuracy_random_init"} <= set(row.baselines)
    assert dict(row.evaluation)["neighbors"] == 3 and "image_bytes" in row.signatures
    assert all(
        c.ok for c in zoo.verify("simclr_small_noise", registry=tmp_path / "zoo")
    )
    row = runs.add_entry(tmp_path / "run", tmp_path / "zoo", overwrite=True, **options)
    assert row.version == "2"
    assert zoo.saved_model(row.name, registry=tmp_path / "zoo").name == "2"


@pytest.mark.slow
def test_rounded_weights_compress_and_are_what_is_scored(tmp_path, monkeypatch):
    run = trained(tmp_path / "run")
    serving = export.saved_model(load_encoder(run / ENCODER_FILE), run / "serving")
    registry = tmp_path / "zoo"
    kept = runs.add_entry(run, registry, name="whole", saved_model=serving)
    asked = []

    def evaluate(*args, **options):
        asked.append(options["baselines"])
        return runs.evaluate(*args, **options)

    entry = importlib.import_module("cl_keras.runs.entry")
    monkeypatch.setattr(entry, "evaluate", evaluate)
    row = runs.add_entry(
        run, registry, name="half", saved_model=serving, round_weights=True
    )
    whole, half = (zoo.load(name, registry=registry) for name in ("whole", "half"))
    for one, other in zip(whole.get_weights(), half.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2**-8)
        assert not np.any(other.view(np.uint32) & 0xFFFF)
    size = {
        name: len(zlib.compress(b"".join(w.tobytes() for w in model.get_weights())))
        for name, model in (("whole", whole), ("half", half))
    }
    assert size["half"] < 0.6 * size["whole"]
    scores = runs.evaluate("half", registry=str(registry), baselines=["raw"])
    assert row.scores["knn_accuracy"]["value"] == scores["knn_accuracy"]
    # Those of the inputs come from the other entry of the same data.
    assert asked == [("random_init", "from_scratch")]
    assert row.baselines["raw_linear_accuracy"] == scores["raw_linear_accuracy"]
    assert row.evaluation["chosen"].keys() >= scores["chosen"].keys()
    assert row.signatures == kept.signatures
    served = tf.saved_model.load(str(zoo.saved_model("half", registry=registry)))
    images = np.random.default_rng(0).random((3, 16, 16, 1)).astype(np.float32)
    np.testing.assert_allclose(
        served.signatures["serving_default"](images=images)["embedding"],
        half.predict(images, verbose=0),
        atol=1e-5,
    )


@pytest.mark.slow
def test_repeats_give_the_spread(registry, tmp_path):
    run = registry.parent / "run"
    other = trained(tmp_path / "other", seed=1)
    options = {
        "metrics": ["knn"],
        "saved_model": str(registry.parent / "serving" / "1"),
    }
    row = runs.add_entry(run, tmp_path / "zoo", repeats=[other], **options)
    score = row.scores["knn_accuracy"]
    values = [
        runs.evaluate(str(r), metrics=["knn"])["knn_accuracy"] for r in (run, other)
    ]
    assert score["value"] == values[0] != values[1] and score["runs"] == 2
    assert score["mean"] == pytest.approx(np.mean(values))
    assert score["spread"] == pytest.approx(np.std(values, ddof=1))
    card = (tmp_path / "zoo" / "cards" / f"{NAME}.md").read_text()
    assert "over 2 seeds" in card
    with pytest.raises(ValueError, match="seed of its own"):
        runs.add_entry(run, tmp_path / "none", repeats=[other, other], **options)
    with pytest.raises(FileNotFoundError):
        runs.add_entry(run, tmp_path / "none", repeats=[tmp_path], **options)
    longer = trained(tmp_path / "longer", seed=1, batch_size=128)
    with pytest.raises(ValueError, match="differs in batch_size"):
        runs.add_entry(run, tmp_path / "none", repeats=[longer], **options)
    (tmp_path / "longer" / CONFIG_FILE).write_text(
        json.dumps(json.loads((other / CONFIG_FILE).read_text()) | {"neighbors": 5})
    )
    with pytest.raises(ValueError, match="computed alike"):
        runs.add_entry(run, tmp_path / "none", repeats=[longer], **options)
    assert not (tmp_path / "none").exists()


def test_tiles_of_a_card_are_those_of_its_examples(tmp_path, monkeypatch):
    assert entry_figure.draw_entry(load_run(tmp_path), tmp_path) is None
    write_figures(tmp_path)
    # Each tile has the brightness of its number, so that a wrong one shows.
    tiles = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.uint8(40)
    tiles = np.broadcast_to(tiles, (6, 4, 4, 1))
    Figures(tmp_path / "figures", "test_image").sprite("thumbnails", tiles, 3)
    calls = []
    draw = image_plots.found_grid

    def recorded(*args, **options):
        calls.append((args, options))
        return draw(*args, **options)

    monkeypatch.setattr(image_plots, "found_grid", recorded)
    assert entry_figure.draw_entry(load_run(tmp_path), tmp_path).is_file()
    ((queries, neighbors, similarities), options) = calls[0]
    assert queries[:, 0, 0, 0].tolist() == [0, 40]
    assert neighbors[..., 0, 0, 0].tolist() == [[80, 40], [200, 120]]
    np.testing.assert_allclose(similarities, [[0.9, 0.5], [0.8, 0.7]])
    assert options["query_labels"].tolist() == [0, 1]
    assert options["neighbor_labels"].tolist() == [[0, 1], [1, 1]]


@pytest.mark.slow
def test_filters(registry):
    def found(**filters):
        return NAME in zoo.list(registry=registry, **filters)

    features = zoo.info(NAME, registry=registry).features
    assert found(method="simclr", bytes_input=True, features=features)
    assert not found(method="dim") and not found(bytes_input=False)
    assert not found(features=features + 1) and not found(modality="audio")


@pytest.mark.slow
def test_projector_and_inner_layers(registry):
    encoder = zoo.load(NAME, registry=registry)
    projector = zoo.load(NAME, part="projector", registry=registry)
    assert projector.input_shape == encoder.output_shape
    with pytest.raises(ValueError, match="Did you mean 'projector'"):
        zoo.load(NAME, part="projecter", registry=registry)


@pytest.mark.slow
def test_scores_are_computed_again(registry, monkeypatch):
    module = importlib.import_module("cl_keras.runs.verify_scores")
    evaluated = []

    def recorded(name, **options):
        evaluated.append(runs.evaluate(name, **options))
        return dict(evaluated[-1])

    monkeypatch.setattr(module, "evaluate", recorded)
    checks = runs.verify_scores(NAME, NAME, registry=registry)
    assert all(check.ok for check in checks), checks
    row = zoo.info(NAME, registry=registry)
    from_scratch = {"fine_tune_accuracy_random_init"}
    expected = {*row.scores, *row.baselines} - from_scratch
    assert {check.score for check in checks} == expected
    # Raw inputs of the same data are scored once, for both; so is the same network.
    half = len(checks) // 2
    assert checks[:half] == checks[half:]
    for baseline in ("raw_knn_accuracy", "knn_accuracy_random_init"):
        assert [baseline in scores for scores in evaluated] == [True, False]
    assert not any(from_scratch & scores.keys() for scores in evaluated)
    file = registry / "rows" / f"{NAME}.json"
    text = file.read_text()
    try:
        row = json.loads(text)
        row["scores"]["knn_accuracy"]["value"] += 0.006
        row["baselines"]["raw_knn_accuracy"] -= 0.2
        row["baselines"]["knn_accuracy_random_init"] += 0.006  # Within its interval.
        row["baselines"]["supervised_accuracy"] = 0.9  # Not ours to compute.
        file.write_text(json.dumps(row))
        failed = [c for c in runs.verify_scores(NAME, registry=registry) if not c.ok]
    finally:
        file.write_text(text)
    assert [c.score for c in failed] == ["knn_accuracy", "raw_knn_accuracy"]
    assert "on the card" in failed[0].detail


@pytest.mark.slow
def test_evaluation_of_an_entry_is_that_of_its_card(registry):
    row = zoo.info(NAME, registry=registry)
    metrics = metrics_of(row.scores)
    found = runs.evaluate(NAME, metrics=metrics, registry=registry)
    assert {*row.scores, *row.baselines} <= set(found)
    # One of each class is the least that 1 % can be.
    assert found["fine_tune_labels"] == 10
    # What takes minutes is for who asks for it.
    alone = runs.evaluate(NAME, registry=registry, baselines=False)
    assert metrics_of(alone) == ["knn", "linear"] != metrics
    assert alone["knn_accuracy"] == found["knn_accuracy"]
    assert not [name for name in alone if "random_init" in name or "raw_" in name]
    beside = runs.evaluate(NAME, registry=registry, metrics=["knn"], baselines=["raw"])
    assert beside["raw_knn_accuracy"] == found["raw_knn_accuracy"]
    assert "knn_accuracy_random_init" not in beside
    with pytest.raises(ValueError, match="Did you mean 'raw'"):
        runs.evaluate(NAME, registry=registry, baselines=["rae"])


@pytest.mark.slow
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
