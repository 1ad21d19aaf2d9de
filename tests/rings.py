# SPDX-License-Identifier: Apache-2.0
"""Rings of nodes, and Deep Graph Infomax on them, node by node."""

import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, methods

WIDTH = 4


def ring(nodes=6, seed=0):
    rng = np.random.default_rng(seed)
    edges = [(i, (i + s) % nodes) for i in range(nodes) for s in (1, nodes - 1)]
    return {
        "features": tf.constant(rng.normal(size=(nodes, 3)).astype("float32")),
        "edges": tf.constant(sorted(set(edges)), tf.int32),
    }


def side_by_side(*graphs):
    shifts = np.cumsum([0] + [len(g["features"]) for g in graphs])
    edges = [g["edges"] + shift for g, shift in zip(graphs, shifts, strict=False)]
    ids = np.repeat(np.arange(len(graphs)), np.diff(shifts)).astype("int32")
    return {
        "features": tf.concat([g["features"] for g in graphs], 0),
        "edges": tf.concat(edges, 0),
        "graph": tf.constant(ids),
    }


def padded(batch, count=3, seed=5):
    """Nodes of noise behind the real ones, with edges among themselves."""
    rng = np.random.default_rng(seed)
    nodes = len(batch["features"])
    noise = rng.normal(size=(count, 3)).astype("float32") * 50
    extra = [[nodes, nodes + 1], [nodes + 1, nodes]]
    result = {
        "features": tf.concat([batch["features"], noise], 0),
        "edges": tf.concat([batch["edges"], tf.constant(extra, tf.int32)], 0),
        "mask": tf.constant([True] * nodes + [False] * count),
    }
    if "graph" in batch:
        result["graph"] = tf.concat([batch["graph"], tf.zeros(count, tf.int32)], 0)
    return result


def make(corruption="roll", encoder=None, **options):
    keras.utils.set_random_seed(0)  # The same weights each time.
    encoder = encoder or encoders.gcn((3,), units=WIDTH)
    model = methods.DeepGraphInfomax(encoder, corruption=corruption, **options)
    kernel = model.discriminator.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    model.discriminator.bias.assign(0.3)
    return model


def losses(model, batch):
    outputs = model.forward(model.unpack(batch), training=False)
    return model.objective(outputs)["binary_crossentropy"].numpy()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


READ_OUT = {"mean": np.mean, "sum": np.sum, "max": np.max}


def slow(model, graph, readout="mean"):
    """One graph, node by node, from the embeddings on."""
    features = graph["features"]
    rolled = tf.roll(features, 1, axis=0)
    embed = model.encoder
    clean = embed({"features": features, "edges": graph["edges"]}).numpy()
    corrupt = embed({"features": rolled, "edges": graph["edges"]}).numpy()
    w, b = (v.numpy() for v in model.discriminator.weights)
    summary = sigmoid(READ_OUT[readout](clean, axis=0))
    result = []
    for h, other in zip(clean, corrupt, strict=True):
        good, bad = h @ w @ summary + b, other @ w @ summary + b
        result.append(-0.5 * (np.log(sigmoid(good)) + np.log(1 - sigmoid(bad))))
    return np.array(result), clean, summary
