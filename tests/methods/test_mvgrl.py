# SPDX-License-Identifier: Apache-2.0
"""MVGRL against NumPy with the inverse matrix of the diffusion."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import data, encoders, methods
from cl_keras.encoders import graph_layers

NODES = 12
RNG = np.random.default_rng(0)


def graph():
    edges = [[i, (i + step) % NODES] for i in range(NODES) for step in (1, NODES - 1)]
    edges += [[0, 5], [5, 0]]
    return data.GraphData("ring", RNG.random((NODES, 6), np.float32), np.array(edges))


def mvgrl(**options):
    keras.utils.set_random_seed(0)
    encoder = encoders.diffusion_gcn((6,), 5, activation="linear", steps=60)
    model = methods.MVGRL(encoder, seed=1, **options)
    model.compile(keras.optimizers.Adam(0.01))
    return model


def matrices(edges, alpha=0.2):
    """S and alpha (I - (1 - alpha) S)^-1."""
    looped = np.eye(NODES)
    looped[edges[:, 1], edges[:, 0]] = 1
    scale = looped.sum(1) ** -0.5
    spread = scale[:, None] * looped * scale
    return spread, alpha * np.linalg.inv(np.eye(NODES) - (1 - alpha) * spread)


@pytest.mark.parametrize("alpha", [0.2, 0.6, 1.0])
def test_diffusion_is_the_inverse(alpha):
    x, edges = graph().features, graph().edges
    _, inverse = matrices(edges, alpha)
    layer = graph_layers.DiffusionPropagation(alpha, steps=60)
    nodes = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(nodes)
        found = layer(nodes, tf.constant(edges))
        total = tf.reduce_sum(found[:, 0] * tf.constant(x[:, 1]))
    np.testing.assert_allclose(found, inverse @ x, atol=1e-5)
    slope = tape.gradient(total, nodes)[:, 0]
    np.testing.assert_allclose(slope, inverse.T @ x[:, 1], atol=1e-5)
    # What few steps leave out is no more than is promised.
    few = graph_layers.DiffusionPropagation(alpha, steps=5)(x, tf.constant(edges))
    missing = np.linalg.norm(few - inverse @ x, 2)
    assert missing <= 2 * (1 - alpha) ** 5 * np.linalg.norm(x, 2) + 1e-5


def test_logits_by_hand():
    model = mvgrl(corruption="roll")
    whole = graph()
    (batch,) = data.whole_graph(whole)
    get = {w.path: w.numpy() for w in model.encoder.weights}
    kernel, bias = (w.numpy() for w in model.discriminator.weights)
    spread, diffused = matrices(whole.edges)
    views = []
    for x in (whole.features, np.roll(whole.features, 1, axis=0)):
        views += [
            spread @ x @ get["projection_graph/kernel"],
            diffused @ x @ get["projection_diffusion/kernel"],
        ]
    h1, h2, h3, h4 = views
    s1, s2 = (1 / (1 + np.exp(-h.mean(0))) for h in (h1, h2))
    clean = np.concatenate([h1 @ kernel @ s2, h2 @ kernel @ s1]) + bias
    corrupt = np.concatenate([h3 @ kernel @ s2, h4 @ kernel @ s1]) + bias
    outputs = model.forward(model.unpack(batch), True)
    np.testing.assert_allclose(outputs["clean"], clean, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(outputs["corrupt"], corrupt, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(model.encoder(batch), h1 + h2, atol=1e-5)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="no layer|Did you mean|graph"):
        methods.MVGRL(encoders.gcn((6,), 5))
    with pytest.raises(ValueError, match="alpha=0"):
        encoders.diffusion_gcn((6,), alpha=0)
    with pytest.raises(ValueError, match="steps=0"):
        encoders.diffusion_gcn((6,), steps=0)
