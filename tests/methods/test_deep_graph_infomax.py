# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from rings import (
    READ_OUT,
    WIDTH,
    losses,
    make,
    padded,
    ring,
    side_by_side,
    sigmoid,
    slow,
)

from cl_keras import data, encoders, methods
from cl_keras.encoders import graph_layers

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "dgi.npz")


@pytest.mark.parametrize("readout", READ_OUT)
def test_objective_is_the_papers(readout):
    model = make(readout=readout)
    expected, _, _ = slow(model, ring(), readout)
    np.testing.assert_allclose(losses(model, ring()), expected, atol=1e-5)


def test_half_of_pytorch_geometrics_loss():
    encoder = encoders.gcn((3,), units=WIDTH)
    model = methods.DeepGraphInfomax(encoder, corruption="roll")
    for weight in encoder.weights:
        name = {"kernel": "kernel", "bias": "bias", "alpha": "slope"}[weight.name]
        weight.assign(np.reshape(GOLDEN[name], weight.shape))
    # Theirs has no bias.
    model.discriminator.kernel.assign(GOLDEN["discriminator"])
    graph = {name: tf.constant(GOLDEN[name]) for name in ("features", "edges")}
    np.testing.assert_allclose(encoder(graph), GOLDEN["embedding"], atol=1e-5)
    with tf.GradientTape() as tape:
        outputs = model.forward(model.unpack(graph), training=True)
        (values,) = model.objective(outputs).values()
        loss = 2 * tf.reduce_mean(values)
    np.testing.assert_allclose(loss, GOLDEN["loss"], rtol=1e-5)
    kernel = encoder.get_layer("projection").kernel
    weights = {"kernel": kernel, "discriminator": model.discriminator.kernel}
    gradients = tape.gradient(loss, [w.value for w in weights.values()])
    for name, gradient in zip(weights, gradients, strict=True):
        np.testing.assert_allclose(gradient, GOLDEN[f"{name}_gradient"], atol=1e-5)


def test_untrained_discriminator_gives_ln_2():
    model = make()
    model.discriminator.kernel.assign(np.zeros((WIDTH, WIDTH)))
    model.discriminator.bias.assign(0.0)
    model.compile("sgd")
    found = model.evaluate(
        tf.data.Dataset.from_tensors(ring()), verbose=0, return_dict=True
    )
    assert found["loss"] == pytest.approx(np.log(2), abs=1e-6)
    assert found["accuracy"] == 0.5


def test_large_logits_keep_their_gradient():
    # log(sigmoid(x) + 1e-15) would be flat here.
    model = make()
    logits = tf.constant([-60.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = model.objective({"clean": logits, "corrupt": logits})
        loss = loss["binary_crossentropy"]
    assert float(loss[0]) == pytest.approx(30.0)
    assert float(tape.gradient(loss, logits)[0]) == pytest.approx(-0.5)


def test_gradient_flows_through_the_summary():
    model, graph = make(), ring()
    rolled = {**graph, "features": tf.roll(graph["features"], 1, axis=0)}
    w, b = model.discriminator.weights
    kernel = model.encoder.get_layer("projection").kernel

    def by_hand(stop):
        with tf.GradientTape() as tape:
            clean, corrupt = model.encoder(graph), model.encoder(rolled)
            summary = tf.sigmoid(tf.reduce_mean(clean, axis=0))
            if stop:
                summary = tf.stop_gradient(summary)
            direction = tf.linalg.matvec(w.value, summary)
            good, bad = (tf.linalg.matvec(h, direction) + b for h in (clean, corrupt))
            loss = tf.nn.softplus(-good) + tf.nn.softplus(bad)
            loss = 0.5 * tf.reduce_sum(loss)
        return tape.gradient(loss, kernel.value).numpy()

    with tf.GradientTape() as tape:
        outputs = model.forward(model.unpack(graph), training=True)
        loss = tf.reduce_sum(model.objective(outputs)["binary_crossentropy"])
    found = tape.gradient(loss, kernel.value)
    np.testing.assert_allclose(found, by_hand(stop=False), atol=1e-5)
    assert np.abs(found - by_hand(stop=True)).max() > 1e-3


def test_graphs_of_a_batch_are_apart():
    model = make()
    one, two = ring(5, 1), ring(8, 2)
    expected = np.concatenate([losses(model, one), losses(model, two)])
    np.testing.assert_allclose(
        losses(model, side_by_side(one, two)), expected, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("readout", READ_OUT)
@pytest.mark.parametrize("corruption", ["roll", "shuffle"])
def test_padding_changes_nothing(readout, corruption):
    batch = side_by_side(ring(5, 1), ring(8, 2))
    found = []
    for graph in (batch, padded(batch), padded(batch, seed=9)):
        model = make(corruption, readout=readout, seed=0)
        found.append(losses(model, graph))
    np.testing.assert_allclose(found[0].shape, found[1].shape)
    np.testing.assert_allclose(found[1], found[2], atol=1e-5)
    if corruption == "roll":  # The shuffle's draw depends on the number of rows.
        np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    single = [losses(make(readout=readout), g) for g in (ring(), padded(ring()))]
    np.testing.assert_allclose(*single, atol=1e-5)


@pytest.mark.parametrize("summary", ["graph", "batch"])
def test_stacked_graphs_are_the_same_graphs(summary):
    graphs = data.GraphData(
        "rings",
        np.random.default_rng(0).normal(size=(11, 3)).astype("float32"),
        np.array([[0, 1], [1, 0], [3, 4], [4, 5], [10, 8]]),
        graph_ids=np.array([0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2]),
    )
    model = make(summary=summary)
    flat, stacked = (
        next(iter(data.graph_batches(graphs, 3, shuffle=False, stacked=s)))
        for s in (False, True)
    )
    np.testing.assert_allclose(losses(model, stacked), losses(model, flat), atol=1e-5)


def test_one_summary_of_the_batch():
    batch = side_by_side(ring(5, 1), ring(8, 2))
    model = make(summary="batch")
    # As one graph, but for the corruption, which stays within each.
    merged = {k: v for k, v in batch.items() if k != "graph"}
    logits = model.forward(model.unpack(batch), training=False)
    whole = model.forward(model.unpack(merged), training=False)
    np.testing.assert_allclose(logits["clean"], whole["clean"], atol=1e-5)
    assert np.abs(logits["corrupt"] - whole["corrupt"]).max() > 1e-3


def test_only_targets_are_read_out_and_trained_on():
    graph = ring()
    model = make()
    _, clean, _ = slow(model, graph)
    target = np.array([True, True, False, True, False, False])
    outputs = model.forward(model.unpack({**graph, "target": target}), False)
    assert outputs["clean"].shape == (3,)
    w, b = (v.numpy() for v in model.discriminator.weights)
    summary = sigmoid(clean[target].mean(0))
    np.testing.assert_allclose(
        outputs["clean"], clean[target] @ w @ summary + b, atol=1e-5
    )


def test_shuffles_differ_from_step_to_step_and_follow_the_seed():
    def runs(seed):
        keras.utils.set_random_seed(0)
        model = make("shuffle", seed=seed)
        return [losses(model, ring()) for _ in range(3)]

    first, again, other = runs(1), runs(1), runs(2)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 1e-4
    assert np.abs(first[0] - other[0]).max() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", ["gcn", "graph_sage", "gin"])
def test_shuffling_after_the_product_is_shuffling_before(name, sparse):
    """With the short cut and without it: the same losses and gradients."""
    encoder = encoders.build(name, (3,), units=[5, WIDTH], sparse_features=sparse)
    batch = ring()
    if sparse:
        features = tf.nn.relu(batch["features"])
        batch = {**batch, "features": tf.sparse.from_dense(features)}
    found = []
    for short in (True, False):
        model = make("shuffle", encoder=encoder, seed=3)
        assert model._encoder_parts() is not None
        if not short:
            model._encoder_parts = lambda: None
        with tf.GradientTape() as tape:
            outputs = model.forward(model.unpack(batch), training=True)
            loss = tf.reduce_sum(model.objective(outputs)["binary_crossentropy"])
        found.append([loss, *tape.gradient(loss, model.trainable_variables)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4, rtol=1e-4)


def test_encoders_that_read_features_twice_take_the_long_way():
    features = keras.Input((3,), name="features")
    edges = keras.Input((2,), name="edges", dtype="int32")
    x = graph_layers.NodeProjection(WIDTH)(features)
    x = graph_layers.GCNPropagation()(x, edges)
    x = x + keras.layers.Dense(WIDTH)(features)
    skip = keras.Model({"features": features, "edges": edges}, x)
    model = make(encoder=skip)
    assert model._encoder_parts() is None
    expected, _, _ = slow(model, ring())
    np.testing.assert_allclose(losses(model, ring()), expected, atol=1e-5)


@keras.saving.register_keras_serializable(package="test_dgi")
def zeros(batch, seed):
    return {**batch, "features": 0.0 * batch["features"]}


@keras.saving.register_keras_serializable(package="test_dgi")
def first_node(nodes, graph, graphs):
    keep = tf.where(graph >= 0)[:1, 0]
    return tf.gather(nodes, keep)


def test_functions_as_corruption_and_readout(tmp_path):
    model = make(zeros, readout=first_node)
    _, clean, _ = slow(model, ring())
    w, b = (v.numpy() for v in model.discriminator.weights)
    outputs = model.forward(model.unpack(ring()), training=False)
    summary = sigmoid(clean[0])
    np.testing.assert_allclose(outputs["clean"], clean @ w @ summary + b, atol=1e-5)
    np.testing.assert_allclose(outputs["corrupt"], b, atol=1e-5)  # GCN(0) = 0.
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.corruption is zeros and again.readout is first_node
    np.testing.assert_array_equal(losses(again, ring()), losses(model, ring()))


def test_wrong_arguments_are_named():
    encoder = encoders.gcn((3,), units=WIDTH)
    with pytest.raises(ValueError, match="Did you mean 'shuffle'"):
        methods.DeepGraphInfomax(encoder, corruption="shufle")
    with pytest.raises(ValueError, match="readout"):
        methods.DeepGraphInfomax(encoder, readout="median")
    with pytest.raises(ValueError, match="summary"):
        methods.DeepGraphInfomax(encoder, summary=len)
    model = make()
    for batch in (tf.ones((3, 3)), {"features": tf.ones((3, 3))}, ()):
        with pytest.raises(ValueError, match="'features'"):
            model.unpack(batch)
