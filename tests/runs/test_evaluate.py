# SPDX-License-Identifier: Apache-2.0
"""Any form of an encoder gets the same numbers; each metric beside its baselines."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import evaluate, export, runs, zoo
from cl_keras.data import load_splits
from cl_keras.runs import TrainConfig
from cl_keras.runs.encoder_names import load_target
from cl_keras.runs.jobs.job import load_job
from cl_keras.runs.served_encoder import ServedEncoder, version_folder
from cl_keras.score_names import ALL_METRICS, check_metrics

pytest.importorskip("sklearn", reason="needs the extra [eval]")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A short run on real digits, exported and published."""
    out = tmp_path_factory.mktemp("digits") / "run"
    config = TrainConfig(
        "simclr", "digits", str(out), epochs=1, batch_size=256, neighbors=15,
        image_size=8, seed=3, settings={"encoder.width": 4, "encoder.blocks": 1},
    )  # fmt: skip
    summary = runs.train(config, finish=False)
    encoder = keras.saving.load_model(out / "encoder.keras")
    served = export.saved_model(
        encoder, out / "serving", metadata={"method": "simclr", "data": "digits"}
    )
    row = zoo.publish(
        out / "encoder.keras", served, out.parent / "zoo", name="simclr_tiny_digits",
        method="simclr", encoder="compact_resnet", data="digits", recipe="-", seed=3,
        epochs=1,
    )  # fmt: skip
    return out, summary, config, row


def targets(digits):
    out, _, _, row = digits
    return {
        "run": str(out),
        "file": str(out / "encoder.keras"),
        "version": str(out / "serving" / "1"),
        "versions": str(out / "serving"),
        "zoo": row.name,
    }


@pytest.mark.slow
def test_the_same_weights_get_the_same_numbers(digits):
    out, summary, config, _ = digits
    registry = str(out.parent / "zoo")
    job = load_job(config)
    expected = job.labelled().features(load_target(str(out))[0])
    found = {}
    for name, target in targets(digits).items():
        encoder, _ = load_target(target, registry)
        for one, other in zip(job.labelled().features(encoder), expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4, err_msg=name)
        # The zoo knows the data and the seed of an entry, but no k.
        k = 15 if name == "zoo" else None
        found[name] = runs.evaluate(target, metrics=["knn"], k=k, registry=registry)
    for name, scores in found.items():
        for key in ("knn_accuracy", "knn_accuracy_low", "raw_knn_accuracy", "k"):
            assert scores[key] == found["run"][key], (name, key)
        served = name.startswith("version")
        assert ("knn_accuracy_random_init" in scores) != served
        assert ("random_init" in scores.get("left_out", {})) == served
    # They are those that training has written down.
    for key in ("knn_accuracy", "knn_accuracy_random_init", "raw_knn_accuracy"):
        assert found["run"][key] == summary[key]
        assert summary[f"{key}_low"] <= summary[key] <= summary[f"{key}_high"]


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.slow
def test_all_metrics_beside_their_baselines(digits, tmp_path):
    out, *_ = digits
    train, _ = load_splits("digits", image_size=8)
    np.savez(tmp_path / "few.npz", images=train.images[:200], labels=train.labels[:200])
    scores = runs.evaluate(
        str(out), data_spec=f"npz:{tmp_path / 'few.npz'}", metrics=["all"],
        fine_tune_epochs=1,
    )  # fmt: skip
    names = [
        "knn_accuracy", "linear_accuracy", "few_labels_1_accuracy",
        "few_labels_10_accuracy", "recall_at_1", "recall_at_5", "recall_at_10",
        "mean_average_precision", "nmi", "ari", "fine_tune_accuracy",
    ]  # fmt: skip
    assert "left_out" not in scores, scores["left_out"]
    for name in names:
        keys = [name, f"{name}_random_init", f"raw_{name}"]
        for key in keys[:2] if name.startswith("fine_tune") else keys:
            assert -0.1 < scores[key] <= 1, key
            assert scores[f"{key}_low"] <= scores[key] <= scores[f"{key}_high"], key
    assert "left_out" not in scores and scores["fine_tune_labels"] == 20
    assert scores["recall_at_1"] <= scores["recall_at_5"] <= scores["recall_at_10"]
    json.dumps(scores, allow_nan=False)


@pytest.mark.slow
def test_labels_of_fine_tuning_are_drawn_by_its_seed(digits):
    out, *_ = digits
    accuracies = [
        runs.evaluate(
            str(out), metrics=["fine_tune"], baselines=False, fine_tune_share=0.02,
            fine_tune_epochs=5, fine_tune_seed=seed,
        )["fine_tune_accuracy"]
        for seed in (3, 4, None)
    ]  # fmt: skip
    assert accuracies[0] != accuracies[1]
    assert accuracies[0] == accuracies[2]  # That of the run.


def test_files_that_keras_cannot_load_are_refused_with_a_way_out(tmp_path):
    class Mine(keras.Model):
        def call(self, inputs):
            return keras.ops.mean(inputs, (1, 2))

    inputs = keras.Input((8, 8, 3))
    mean = keras.layers.Lambda(lambda x: keras.ops.mean(x, (1, 2)))
    mine = Mine()
    mine(keras.ops.zeros((1, 8, 8, 3)))
    models = {"mine": mine, "lambda": keras.Model(inputs, mean(inputs))}
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
        with pytest.raises(ValueError, match=rf"{name}.keras.*saved_model, and name"):
            runs.evaluate(str(tmp_path / f"{name}.keras"), data_spec="digits")
    (tmp_path / "junk.keras").write_bytes(b"junk")
    with pytest.raises(ValueError, match="junk.keras: it is no .keras archive"):
        runs.evaluate(str(tmp_path / "junk.keras"), data_spec="digits")


@pytest.mark.slow
def test_what_a_saved_model_cannot_do_is_named(digits):
    out, *_ = digits
    scores = runs.evaluate(str(out / "serving"), metrics=["clustering", "fine_tune"])
    assert set(scores["left_out"]) == {"random_init", "fine_tune"}
    assert 0 < scores["nmi"] <= 1 and "fine_tune_accuracy" not in scores
    assert "knn_accuracy" not in scores


@pytest.mark.slow
def test_a_saved_model_alone_knows_its_data_by_its_manifest(digits, tmp_path):
    out, summary, *_ = digits
    shutil.copytree(out / "serving", tmp_path / "elsewhere")
    (tmp_path / "config.json").write_text("{}")  # Of some other program.
    scores = runs.evaluate(str(tmp_path / "elsewhere"), metrics=["knn"], k=15)
    assert scores["data"] == "digits"
    # Another seed holds out other images.
    assert scores["knn_accuracy"] == pytest.approx(summary["knn_accuracy"], abs=0.1)
    shutil.copytree(out / "serving" / "1", tmp_path / "elsewhere" / "10")
    assert version_folder(tmp_path / "elsewhere").name == "10"


def test_recordings_and_graphs_are_served_too(tmp_path):
    """Encoders of other inputs give the same features as their SavedModels."""
    from cl_keras import encoders

    audio = encoders.build(
        "audio_conv", (None,), channels=4, context=4, kernels=[10, 8], strides=[5, 4]
    )
    served = ServedEncoder(export.saved_model(audio, tmp_path / "audio"))
    waves = [np.sin(np.arange(n) / 9).astype(np.float32) for n in (300, 411, 300)]
    np.testing.assert_allclose(
        evaluate.embed_sequences(served, waves),
        evaluate.embed_sequences(audio, waves),
        atol=1e-5,
    )
    graph = encoders.build("gcn", (5,), units=[3], sparse_features=True)
    served = ServedEncoder(export.saved_model(graph, tmp_path / "graph"))
    features = tf.sparse.from_dense(np.eye(6, 5, dtype=np.float32))
    inputs = {"features": features, "edges": tf.constant([[0, 1], [1, 2]])}
    np.testing.assert_allclose(served(inputs), graph(inputs), atol=1e-5)


@pytest.mark.slow
def test_runs_on_recordings_and_graphs(tmp_path):
    """From the run and from its SavedModel alike; fine-tuning is left out by name."""
    soundfile = pytest.importorskip("soundfile", reason="needs the extra [audio]")
    rng = np.random.default_rng(0)
    for name, pitch in (("low", 0.05), ("high", 0.3)):
        (tmp_path / "tones" / name).mkdir(parents=True)
        for i in range(8):
            wave = np.sin(np.arange(900 + 40 * i) * pitch) + 0.1 * rng.normal()
            soundfile.write(tmp_path / "tones" / name / f"{i}.wav", 0.5 * wave, 8000)
    graph = tmp_path / "graph"
    graph.mkdir()
    (graph / "edges.csv").write_text("\n".join(f"{i},{i + 2}" for i in range(28)))
    (graph / "labels.csv").write_text("\n".join(str(i % 2) for i in range(30)))
    np.save(graph / "features.npy", rng.normal(size=(30, 4)).astype("float32"))
    for method, data, settings, reason in (
        (
            "cpc",
            f"folder:{tmp_path / 'tones'}",
            {
                "data.window": 800, "steps": 2, "encoder.channels": 4,
                "encoder.context": 4, "encoder.kernels": [10, 8],
                "encoder.strides": [5, 4],
            },
            "no common length",
        ),
        ("dgi", f"edges:{graph}", {"encoder.units": [3]}, "encoded together"),
    ):  # fmt: skip
        out = tmp_path / method
        config = TrainConfig.for_method(
            method, data=data, out=str(out), epochs=1, batch_size=4, neighbors=3,
            settings=settings,
        )  # fmt: skip
        summary = runs.train(config, finish=False)
        encoder = keras.saving.load_model(out / "encoder.keras")
        export.saved_model(encoder, out / "serving")
        of_run = runs.evaluate(str(out), metrics=["knn", "fine_tune"])
        served = runs.evaluate(str(out / "serving"), metrics=["knn", "fine_tune"])
        for key in ("knn_accuracy", "raw_knn_accuracy", "raw_knn_accuracy_high"):
            assert of_run[key] == served[key] == summary[key], (method, key)
        assert reason in of_run["left_out"]["fine_tune"]


def test_a_saved_model_of_others(tmp_path):
    class Double(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4, 4, 1), name="pixels")])
        def __call__(self, pixels):
            return {"code": tf.reshape(pixels, (-1, 16)) * 2}

        @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.int32)])
        def numbers(self, tokens):
            return {"code": tf.cast(tokens, tf.float32)}

    module = Double()
    tf.saved_model.save(module, str(tmp_path / "own"), signatures=module.__call__)
    encoder = ServedEncoder(tmp_path / "own")
    assert encoder.input_shape == (None, 4, 4, 1)
    assert evaluate.embed(encoder, np.ones((3, 4, 4, 1), np.float32)).max() == 2
    tf.saved_model.save(module, str(tmp_path / "ints"), signatures=module.numbers)
    with pytest.raises(ValueError, match="one float input"):
        ServedEncoder(tmp_path / "ints")
    tf.saved_model.save(module, str(tmp_path / "none"), signatures={})
    with pytest.raises(ValueError, match="no signatures"):
        ServedEncoder(tmp_path / "none")


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("run", {"metrics": ["kmeans"]}, "Unknown metric 'kmeans'"),
        ("run", {"metrics": ["fine_tun"]}, "Did you mean 'fine_tune'"),
        ("run", {"metrics": []}, "Received: none"),
        ("run", {"data_spec": "digit"}, "digits"),
        ("run", {"settings": {"data.windw": 3}}, "data setting"),
        ("nothing", {}, "Unknown"),
        ("empty", {}, "not a run"),
        ("alone.keras", {}, "--data"),
    ],
)
def test_errors_before_any_work(
    digits, tmp_path, monkeypatch, target, options, message
):
    out, *_ = digits
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    shutil.copy(out / "encoder.keras", tmp_path / "alone.keras")
    with pytest.raises(ValueError, match=message):
        runs.evaluate(str(out) if target == "run" else target, **options)


def test_names_of_metrics():
    assert check_metrics(["all", "knn"]) == list(ALL_METRICS)
    assert check_metrics(["linear", "knn", "linear"]) == ["linear", "knn"]
