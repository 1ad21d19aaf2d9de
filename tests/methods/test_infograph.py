# SPDX-License-Identifier: Apache-2.0
"""InfoGraph against loops over pairs of nodes and graphs."""

import keras
import numpy as np
import pytest

from cl_keras import data, encoders, methods

IDS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])


def graphs():
    rng = np.random.default_rng(0)
    edges = [[i, j] for i in range(9) for j in range(9) if i != j and IDS[i] == IDS[j]]
    features = rng.random((9, 6), np.float32)
    return data.GraphData("three", features, np.array(edges), graph_ids=IDS)


def infograph(**options):
    keras.utils.set_random_seed(0)
    encoder = encoders.gin((6,), (5, 4), concatenate=True)
    model = methods.InfoGraph(encoder, **options)
    model.compile(keras.optimizers.Adam(0.01))
    return model


def softplus(x):
    return np.log1p(np.exp(x))


@pytest.mark.parametrize("readout", ["sum", "mean", "max"])
def test_the_loss_is_the_papers(readout):
    model = infograph(readout=readout)
    (batch,) = data.whole_graph(graphs())
    nodes = model.encoder(batch).numpy()
    assert nodes.shape == (9, 9)
    pooled = np.stack([getattr(nodes[IDS == i], readout)(0) for i in range(3)])
    local, whole = model.projector(nodes).numpy(), model.predictor(pooled).numpy()
    apart, together = [], []
    for node in range(9):
        for graph in range(3):
            score = local[node] @ whole[graph]
            (together if IDS[node] == graph else apart).append(score)
    wanted = softplus(-np.array(together)).mean() + softplus(np.array(apart)).mean()
    (loss,) = model.objective(model.forward(model.unpack(batch), True)).values()
    assert float(loss) == pytest.approx(wanted - np.log(4), rel=1e-4)


def test_padding_changes_nothing():
    model = infograph()
    (batch,) = data.whole_graph(graphs())
    wanted = model.objective(model.forward(model.unpack(batch), True))
    stacked = next(iter(data.graph_batches(graphs(), 3, stacked=True, shuffle=False)))
    found = model.objective(model.forward(model.unpack(stacked), True))
    np.testing.assert_allclose(found["jsd"], wanted["jsd"], rtol=1e-5)


def test_training_tells_graphs_apart():
    model = infograph()
    batches = data.graph_batches(graphs(), 3)
    loss = model.fit(batches, epochs=60, verbose=0).history["loss"]
    assert np.mean(loss[-5:]) < np.mean(loss[:5]) - 0.3


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="readout"):
        infograph(readout="median")
    model = infograph()
    (batch,) = data.whole_graph(graphs())
    alone = {name: batch[name] for name in ("features", "edges")}
    with pytest.raises(ValueError, match="at least two graphs"):
        model.objective(model.forward(model.unpack(alone), True))
