# SPDX-License-Identifier: Apache-2.0
"""GraphCL against plain NumPy, and what its views leave out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from vectors import unit

from cl_keras import augment, data, encoders, losses, methods

RNG = np.random.default_rng(0)


def graphs(count=6, nodes=8):
    ring = np.array([[i, (i + s) % nodes] for i in range(nodes) for s in (1, -1)])
    edges = np.concatenate([ring + nodes * graph for graph in range(count)])
    features = RNG.random((count * nodes, 5), np.float32)
    ids = np.repeat(np.arange(count), nodes)
    return data.GraphData("rings", features, edges, graph_ids=ids)


def graphcl(**options):
    keras.utils.set_random_seed(0)
    model = methods.GraphCL(encoders.gin((5,), 4), seed=1, **options)
    model.compile(keras.optimizers.Adam(0.01))
    return model


@pytest.mark.parametrize("block", [None, 3])
def test_the_loss_is_the_papers_both_ways(block):
    first, second = RNG.normal(size=(2, 7, 4))
    found = losses.dcl(first, second, 0.3, within=False, block_size=block)
    products = np.exp(unit(first) @ unit(second).T / 0.3)
    others = products - np.diag(np.diag(products))
    one, two = (-np.log(np.diag(products) / others.sum(axis)) for axis in (1, 0))
    np.testing.assert_allclose(found, (one + two) / 2, rtol=1e-4)
    terms = graphcl(temperature=0.3).objective(
        {"embedding1": first, "embedding2": second}
    )
    np.testing.assert_allclose(terms["graphcl"], found, rtol=1e-6)


def test_a_view_draws_one_way():
    (batch,) = data.whole_graph(graphs(50, 20))
    view = augment.GraphView(0.3, 0.3, 0.5, walk_starts=0.05, one_of=True)
    ways = set()
    for number in range(24):
        seen = view(batch, tf.constant([number, 0]))
        zero = seen["features"].numpy() == 0
        gone = ~seen["kept"].numpy()
        np.testing.assert_array_equal(zero.all(1), gone)
        fewer = len(seen["edges"]) < len(batch["edges"])
        columns = zero[~gone].all(0).any()
        assert columns + bool(fewer) <= 1
        way = "edges" if fewer and not gone.any() else "columns" if columns else "none"
        if gone.any():  # Rings of 20: few walks leave more out than three in ten.
            assert fewer and not columns
            way = "walks" if gone.mean() > 0.4 else "nodes"
        ways.add(way)
    assert {"edges", "columns", "nodes", "walks"} <= ways


def test_graphs_are_the_sums_of_the_nodes_that_are_left():
    model = graphcl()
    model.view = augment.GraphView(drop_nodes=0.5)
    (batch,) = data.whole_graph(graphs())
    state = np.array(model.seeds.state)
    outputs = model.forward(model.unpack(batch), True)
    model.seeds.state.assign(state)
    for name in ("embedding1", "embedding2"):
        view = model.view(batch, model.next_seed())
        inputs = {key: view[key] for key in ("features", "edges")}
        nodes = model.encoder(inputs).numpy() * view["kept"].numpy()[:, None]
        wanted = model.projector(nodes.reshape(6, 8, 4).sum(1))
        np.testing.assert_allclose(outputs[name], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.0}, "share=0.0"),
        ({"share": 1.0}, "share=1.0"),
        ({"temperature": 0.0}, "temperature=0.0"),
        ({"readout": "median"}, "readout"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        graphcl(**options)
