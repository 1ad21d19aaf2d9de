# SPDX-License-Identifier: Apache-2.0
"""CCA-SSG against plain NumPy, and what its training does."""

import keras
import numpy as np
import pytest

from cl_keras import data, encoders, methods

RNG = np.random.default_rng(0)


def graph(nodes=30):
    edges = [[i, (i + step) % nodes] for i in range(nodes) for step in (1, nodes - 1)]
    return data.GraphData("ring", RNG.random((nodes, 6), np.float32), np.array(edges))


def cca_ssg(**options):
    keras.utils.set_random_seed(0)
    encoder = encoders.gcn((6,), (8, 4), activation="relu", last_activation="linear")
    model = methods.CCASSG(encoder, seed=1, **options)
    model.compile(keras.optimizers.Adam(0.01))
    return model


def test_the_loss_is_the_papers():
    views = RNG.normal(size=(2, 9, 4)).astype("float32")
    terms = cca_ssg(decorrelation_weight=0.3).objective(
        {"embedding1": views[0], "embedding2": views[1]}
    )
    z1, z2 = (views - views.mean(1, keepdims=True)) / views.std(1, ddof=1)[:, None]
    wanted = -np.trace(z1.T @ z2) / 9
    for z in (z1, z2):
        wanted += 0.3 * np.linalg.norm(z.T @ z / 9 - np.eye(4)) ** 2
    assert float(sum(terms.values())) == pytest.approx(wanted, rel=1e-5)


def test_training_brings_views_together_and_dimensions_apart():
    model = cca_ssg(decorrelation_weight=0.1)
    history = model.fit(data.whole_graph(graph()), epochs=60, verbose=0).history
    for name in ("invariance", "decorrelation"):
        assert np.mean(history[name][-10:]) < np.mean(history[name][:10]), name


def test_the_last_layer_has_no_activation():
    (batch,) = data.whole_graph(graph())
    assert np.min(cca_ssg().encoder(batch)) < 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decorrelation_weight": 0.0}, "decorrelation_weight=0.0"),
        ({"drop_edges": (0.5, 1.0)}, "drop_edges=1.0"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        cca_ssg(**options)
