# SPDX-License-Identifier: Apache-2.0
"""GGD against the sums of its nodes, worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import data, encoders, methods

NODES = 12


def graph():
    rng = np.random.default_rng(0)
    edges = [[i, (i + step) % NODES] for i in range(NODES) for step in (1, NODES - 1)]
    return data.GraphData("ring", rng.random((NODES, 6), np.float32), np.array(edges))


def ggd(**options):
    keras.utils.set_random_seed(0)
    model = methods.GGD(encoders.gcn((6,), 5), seed=1, **options)
    model.compile(keras.optimizers.Adam(0.01))
    return model


def test_logits_and_loss_by_hand():
    model = ggd(mask_features=0.0, corruption="roll")
    (batch,) = data.whole_graph(graph())
    rolled = {**batch, "features": tf.roll(batch["features"], 1, axis=0)}
    (kernel,) = (w.numpy() for w in model.projector.weights)
    clean, corrupt = (model.encoder(x).numpy() @ kernel.sum(1) for x in (batch, rolled))
    outputs = model.forward(model.unpack(batch), True)
    np.testing.assert_allclose(outputs["clean"], clean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs["corrupt"], corrupt, rtol=1e-4, atol=1e-5)
    (loss,) = model.objective(outputs).values()
    wanted = np.log1p(np.exp(-clean)) / 2 + np.log1p(np.exp(corrupt)) / 2
    np.testing.assert_allclose(loss, wanted, rtol=1e-4)


def test_both_groups_lack_the_same_features():
    seen = []

    def corruption(batch, seed):
        seen.append(batch["features"].numpy())
        return {"features": batch["features"], "edges": batch["edges"]}

    model = ggd(mask_features=0.5, corruption=corruption)
    (batch,) = data.whole_graph(graph())
    for _ in range(4):
        outputs = model.forward(model.unpack(batch), True)
        np.testing.assert_allclose(outputs["clean"], outputs["corrupt"], atol=1e-5)
    masks = [np.all(x == 0, axis=0) for x in seen]
    assert len({mask.tobytes() for mask in masks}) > 1
    for mask, x in zip(masks, seen, strict=True):
        np.testing.assert_array_equal(x[:, ~mask], graph().features[:, ~mask])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="mask_features=1.0"):
        ggd(mask_features=1.0)
    with pytest.raises(ValueError, match="corruption"):
        ggd(corruption="mix")
