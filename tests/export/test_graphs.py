# SPDX-License-Identifier: Apache-2.0
"""Graph and sequence encoders as SavedModels."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import artifact, encoders, export
from cl_keras.export import conformance
from cl_keras.specification import Specification, specification

CASES = Path(__file__).with_name("gnn_cases")
BUILDERS = {
    "gcn": lambda: encoders.gcn((3,), units=[8, 4]),
    "sparse gcn": lambda: encoders.gcn((3,), units=4, sparse_features=True),
    "graph_sage": lambda: encoders.graph_sage((3,), units=[8, 4]),
    "gin": lambda: encoders.gin((3,), units=4),
}


def failures(folder):
    return {name: detail for name, ok, detail in conformance.examine(folder) if not ok}


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_graph_encoders_take_features_and_edges(name, tmp_path):
    keras.utils.set_random_seed(1)
    encoder = BUILDERS[name]()
    folder = export.saved_model(encoder, tmp_path)
    rng = np.random.default_rng(0)
    features = rng.random((5, 3), np.float32)
    edges = np.array([[0, 1], [1, 0], [4, 2]], np.int32)
    loaded = tf.saved_model.load(str(folder))
    got = loaded.signatures["serving_default"](
        features=tf.constant(features), edges=tf.constant(edges)
    )
    assert list(got) == ["embedding"]
    wanted = encoder({"features": features, "edges": edges})
    np.testing.assert_allclose(got["embedding"], wanted, atol=1e-6)
    assert failures(folder) == {}

    manifest = artifact.verify(folder)
    assert manifest["input"]["modality"] == "graph"
    assert manifest["input"]["shape"] == [3]
    assert manifest["signatures"] == {
        "serving_default": {
            "inputs": {
                "features": {"dtype": "float32", "shape": [None, 3]},
                "edges": {"dtype": "int32", "shape": [None, 2]},
            },
            "outputs": {
                "embedding": {"dtype": "float32", "shape": [None, 4]},
            },
        }
    }


@pytest.mark.slow
def test_graph_bundle_passes_in_a_fresh_process(tmp_path):
    encoder = BUILDERS["gcn"]()
    folder = export.saved_model(encoder, tmp_path)
    report = export.check(folder, encoder=encoder)
    assert report.ok, str(report)
    names = {row.name for row in report.rows}
    for loader in ("saved_model", "session"):
        for check in ("batch of 0", "rows independent", "equals the encoder"):
            assert f"{loader}: serving_default: {check}" in names

    for weight in encoder.weights:
        weight.assign(weight + 0.1)
    found = [row.name for row in export.check(folder, encoder=encoder).failures]
    assert found == [
        "saved_model: serving_default: equals the encoder",
        "session: serving_default: equals the encoder",
    ]


class Mixed(keras.layers.Layer):
    """Statistics over all nodes, whatever graph they are in."""

    def call(self, nodes, edges):
        return (
            nodes - tf.reduce_mean(nodes, axis=0) + tf.cast(tf.size(edges), "float32")
        )


def test_graphs_that_change_each_other_are_found(tmp_path):
    inputs = {
        "features": keras.Input((3,), name="features"),
        "edges": keras.Input((2,), dtype="int32", name="edges"),
    }
    encoder = keras.Model(inputs, Mixed()(inputs["features"], inputs["edges"]))
    found = failures(export.saved_model(encoder, tmp_path))
    assert "saved_model: serving_default: rows independent" in found
    assert "session: serving_default: rows independent" in found


def test_edges_that_are_not_there_fail_the_request(tmp_path):
    folder = export.saved_model(BUILDERS["gcn"](), tmp_path)
    call = tf.saved_model.load(str(folder)).signatures["serving_default"]
    for edge in ([0, 2], [-1, 0]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            call(features=tf.zeros((2, 3)), edges=tf.constant([edge]))


def graph_model(features=(3,), edges=(2,), dtype="int32", name="edges"):
    inputs = {
        "features": keras.Input(features, name="features"),
        name: keras.Input(edges, dtype=dtype, name=name),
    }
    sums = keras.ops.sum(keras.ops.cast(inputs[name], "float32"), axis=-1)
    return keras.Model(
        inputs, keras.layers.Dense(2)(inputs["features"]) + keras.ops.sum(sums)
    )


@pytest.mark.parametrize(
    "options",
    [{"edges": (3,)}, {"dtype": "float32"}, {"name": "links"}, {"features": (4, 3)}],
)
def test_unfit_graph_encoders_say_why(options, tmp_path):
    with pytest.raises(ValueError, match="'features', float .*'edges', integer"):
        export.saved_model(graph_model(**options), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "modality", "shape"),
    [
        (lambda: encoders.audio_conv(channels=4, context=6), "audio", (None,)),
        (
            lambda: encoders.vector_sequence((None, 5), channels=4, context=6),
            "sequence",
            (None, 5),
        ),
    ],
)
def test_sequence_encoders_keep_time_open(make, modality, shape, tmp_path):
    keras.utils.set_random_seed(1)
    encoder = make()
    assert specification(encoder) == Specification(modality, shape, 10)
    folder = export.saved_model(encoder, tmp_path)
    manifest = artifact.verify(folder)
    assert manifest["input"]["modality"] == modality
    assert manifest["input"]["shape"] == list(shape)
    call = tf.saved_model.load(str(folder)).signatures["serving_default"]
    for length in (700, 1500):
        x = np.random.default_rng(0).uniform(-1, 1, (2, length, *shape[1:]))
        x = x.astype(np.float32)
        got = call(inputs=tf.constant(x))["embedding"]
        np.testing.assert_allclose(got, encoder(x), atol=1e-5)
    report = export.check(folder, encoder=encoder)
    assert report.ok, str(report)
    names = {row.name for row in report.rows}
    assert "session: serving_default: half the length" in names


def test_encoder_of_one_length_only_is_found(tmp_path):
    wave = keras.Input((None,))
    x = keras.layers.Lambda(lambda x: tf.ensure_shape(x, (None, 20_480)))(wave)
    encoder = keras.Model(wave, keras.ops.stack([x[:, 0], x[:, -1]], axis=-1))
    found = failures(export.saved_model(encoder, tmp_path))
    assert set(found) == {"saved_model: serving_default", "session: serving_default"}


def test_schema_without_a_graph_encoder(tmp_path):
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="graph encoder only"):
        export.saved_model(encoder, tmp_path, graph_schema="schema.pbtxt")


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_gnn") is None,
    reason="extra `graph`: tensorflow_gnn is not installed",
)
@pytest.mark.parametrize(
    "options", [(), pytest.param(("--slow", "-m", "slow"), marks=pytest.mark.slow)]
)
def test_serialized_graph_tensors(options):
    """In a process of its own, where nothing has used `tf.keras`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *options, str(CASES / "serialized.py")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
