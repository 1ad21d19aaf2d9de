# SPDX-License-Identifier: Apache-2.0
"""BGRL against plain NumPy, and its target against what it follows."""

import keras
import numpy as np
import pytest
from vectors import unit

from cl_keras import data, encoders, methods

RNG = np.random.default_rng(0)


def graph(nodes=12):
    edges = [[i, (i + step) % nodes] for i in range(nodes) for step in (1, nodes - 1)]
    return data.GraphData("ring", RNG.random((nodes, 6), np.float32), np.array(edges))


def bgrl(**options):
    keras.utils.set_random_seed(0)
    encoder = encoders.gcn((6,), (8, 4), batch_norm=True)
    model = methods.BGRL(encoder, seed=1, **options)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def test_the_loss_is_the_papers():
    p1, p2, t1, t2 = RNG.normal(size=(4, 7, 3))
    outputs = {"prediction1": p1, "prediction2": p2, "target1": t1, "target2": t2}
    (loss,) = bgrl().objective(outputs).values()
    cosines = np.sum(unit(p1) * unit(t2), 1) + np.sum(unit(p2) * unit(t1), 1)
    np.testing.assert_allclose(loss, 2 - cosines, atol=1e-5)


def test_the_target_sees_the_views_and_follows_the_weights():
    model = bgrl(momentum=0.75)
    (batch,) = data.whole_graph(graph())
    outputs = model.forward(model.unpack(batch), True)
    for view in "12":  # They start equal.
        np.testing.assert_allclose(
            outputs[f"target{view}"], outputs[f"embedding{view}"], atol=1e-5
        )
    before = model.encoder.trainable_variables[0].numpy()
    model.fit(data.whole_graph(graph()), verbose=0)
    after = model.encoder.trainable_variables[0].numpy()
    followed = model.target.copies[0].weights[0]
    np.testing.assert_allclose(followed, 0.75 * before + 0.25 * after, atol=1e-6)
    assert not np.allclose(before, after)


def test_padding_takes_no_part():
    (batch,) = data.whole_graph(graph())
    model = bgrl()
    outputs = model.forward(model.unpack({**batch, "mask": np.arange(12) < 5}), True)
    assert {x.shape for x in outputs.values()} == {(5, 4)}


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="momentum=1.5"):
        bgrl(momentum=1.5)
