# SPDX-License-Identifier: Apache-2.0
"""Training by Deep Graph Infomax: saving, stopping, precision, and that it learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from rings import WIDTH, make, ring

from cl_keras import data, encoders, methods


def test_saved_model_continues_exactly(tmp_path):
    batches = tf.data.Dataset.from_tensors(ring())
    model = make("shuffle", readout="max", summary="batch")
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(batches, epochs=3, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert (again.readout, again.of_batch) == ("max", True)
    for trained in (model, again):
        trained.fit(batches, epochs=3, verbose=0)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_labels_do_not_reach_training():
    weights = []
    for labels in (tf.zeros(6), tf.range(6.0)):
        keras.utils.set_random_seed(0)
        model = make("shuffle", seed=0)
        model.compile("sgd")
        model.fit(tf.data.Dataset.from_tensors((ring(), labels)), verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "whole",
        pytest.param("sampled", marks=pytest.mark.slow),
        pytest.param("batches", marks=pytest.mark.slow),
        "stacked",
    ],
)
def test_training_tells_clean_from_corrupt(kind):
    rng = np.random.default_rng(0)
    # Two groups; nodes of a group are alike and connected: a shuffle breaks that.
    group = np.arange(40) // 20
    features = (np.eye(2)[group] + rng.normal(0, 0.1, (40, 2))).astype("float32")
    edges = rng.integers(0, 20, (400, 2)) + 20 * rng.integers(0, 2, (400, 1))
    graph = data.GraphData("one", features, edges)
    if kind in ("batches", "stacked"):
        features = np.tile(features, (4, 1))
        edges = np.concatenate([edges + 40 * i for i in range(4)])
        ids = np.repeat(np.arange(4), 40)
        graph = data.GraphData("four", features, edges, graph_ids=ids)
    batches = {
        "whole": lambda: data.whole_graph(graph),
        "sampled": lambda: data.sampled_subgraphs(graph, 20, (5,)),
        "batches": lambda: data.graph_batches(graph, 2),
        "stacked": lambda: data.graph_batches(graph, 2, stacked=True),
    }[kind]()
    model = methods.DeepGraphInfomax(encoders.gcn((2,), units=16))
    model.compile(keras.optimizers.Adam(1e-2))
    history = model.fit(batches, epochs=60, verbose=0).history
    assert history["loss"][-1] < 0.6 < history["loss"][0]
    assert history["accuracy"][-1] > 0.7


def test_early_stopping_restores_the_best_weights():
    model = make("shuffle")
    model.compile(keras.optimizers.SGD(0.5))
    weights = []
    stop = keras.callbacks.EarlyStopping("loss", patience=3, restore_best_weights=True)
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(model.get_weights())
    )
    batches = tf.data.Dataset.from_tensors(ring())
    history = model.fit(batches, epochs=500, callbacks=[note, stop], verbose=0).history
    best = int(np.argmin(history["loss"]))
    assert len(history["loss"]) == best + 4 < 500
    for one, other in zip(model.get_weights(), weights[best], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    keras.mixed_precision.set_global_policy(policy)
    model = make("shuffle", encoder=encoders.gcn((3,), units=WIDTH))
    model.compile(keras.optimizers.Adam(1e-3))
    before = model.get_weights()
    batches = tf.data.Dataset.from_tensors(ring())
    history = model.fit(batches, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
