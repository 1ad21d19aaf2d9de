# SPDX-License-Identifier: Apache-2.0
"""GRACE against plain NumPy, and what its views leave out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import augment, data, encoders, methods

RNG = np.random.default_rng(0)


def graph(nodes=9):
    edges = [[i, (i + step) % nodes] for i in range(nodes) for step in (1, nodes - 1)]
    features = RNG.random((nodes, 6), np.float32)
    return data.GraphData("ring", features, np.array(edges))


def grace(**options):
    keras.utils.set_random_seed(0)
    model = methods.GRACE(encoders.gcn((6,), units=5), seed=1, **options)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def slow_loss(first, second, temperature):
    """Equation 1, node by node, in both directions."""
    first, second = (
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in (first, second)
    )
    total = np.zeros(len(first))
    for own, other in ((first, second), (second, first)):
        across = np.exp(own @ other.T / temperature)
        within = np.exp(own @ own.T / temperature)
        for node in range(len(own)):
            rivals = across[node].sum() + within[node].sum() - within[node, node]
            total[node] -= 0.5 * np.log(across[node, node] / rivals)
    return total


def test_the_loss_is_the_papers():
    first, second = RNG.normal(size=(2, 7, 4))
    outputs = {"embedding1": first, "embedding2": second}
    (loss,) = grace(temperature=0.3).objective(outputs).values()
    np.testing.assert_allclose(loss, slow_loss(first, second, 0.3), rtol=1e-5)
    # Nothing to tell apart by: a guess among all others.
    ones = dict.fromkeys(outputs, np.ones((7, 4)))
    np.testing.assert_allclose(
        grace().objective(ones)["nt_xent"], np.log(13), rtol=1e-6
    )


def test_without_views_both_are_the_graph():
    model = grace(drop_edges=(0.0, 0.0), mask_features=(0.0, 0.0))
    (batch,) = data.whole_graph(graph())
    outputs = model.forward(model.unpack(batch), False)
    expected = model.projector(model.encoder(batch))
    for name in ("embedding1", "embedding2"):
        np.testing.assert_allclose(outputs[name], expected, atol=1e-6)
    # The views of a step differ from each other and from the next step's.
    model = grace()
    found = [model.forward(model.unpack(batch), True) for _ in range(2)]
    drawn = [x[name].numpy() for x in found for name in sorted(x)]
    assert len({x.tobytes() for x in drawn}) == 4


def test_padding_and_neighbours_take_no_part():
    (batch,) = data.whole_graph(graph())
    target = np.arange(9) < 4
    for name in ("mask", "target"):
        model = grace()
        outputs = model.forward(model.unpack({**batch, name: target}), True)
        assert outputs["embedding1"].shape == (4, 5)


def test_a_sample_is_of_the_same_nodes_of_both_views():
    def project(sample, steps=1):
        # Without edges' share: two nodes that see only each other are alike.
        model = grace(sample=sample, drop_edges=(0.0, 0.0))
        inputs = model.unpack({**batch, "mask": np.arange(9) != 3})
        outputs = [model.forward(inputs, True) for _ in range(steps)][-1]
        return model, np.stack([outputs[f"embedding{view}"] for view in "12"])

    (batch,) = data.whole_graph(graph())
    whole, drawn = project(None)[1], project(4)[1]
    np.testing.assert_array_equal(project(8)[1], whole)
    # Each is one of the rows of all, and they stay in order.
    apart = np.abs(drawn[:, :, None] - whole[:, None]).max(-1)
    (taken, of_second), least = apart.argmin(-1), apart.min(-1)
    assert least.max() < 1e-5 and (taken == of_second).all()
    assert len(taken) == 4 and (np.diff(taken) > 0).all()
    views = dict(zip(("embedding1", "embedding2"), drawn, strict=True))
    (loss,) = project(4)[0].objective(views).values()
    np.testing.assert_allclose(loss, slow_loss(*whole[:, taken], 0.4), rtol=1e-4)
    np.testing.assert_array_equal(project(4)[1], drawn)
    assert not np.allclose(project(4, steps=2)[1], drawn)


def test_training_tells_nodes_apart():
    ring = graph(30)
    named = data.GraphData("ring", np.eye(30, dtype=np.float32), ring.edges)
    model = methods.GRACE(encoders.gcn((30,), units=16), seed=1)
    model.compile(keras.optimizers.Adam(0.01))
    loss = model.fit(data.whole_graph(named), epochs=100, verbose=0).history["loss"]
    assert np.mean(loss[-10:]) < np.log(59) - 1.0  # A guess among all others.


@pytest.mark.parametrize("sparse", [False, True])
def test_views_leave_out_their_shares(sparse):
    features = np.ones((4, 1000), np.float32)
    edges = RNG.integers(0, 4, (1000, 2))
    given = tf.sparse.from_dense(features) if sparse else tf.constant(features)
    graph = {"features": given, "edges": tf.constant(edges)}
    view = augment.GraphView(drop_edges=0.3, mask_features=0.6)
    seed = tf.constant([1, 2], tf.int64)
    seen = view(graph, seed)
    dense = tf.sparse.to_dense(seen["features"]) if sparse else seen["features"]
    columns = dense.numpy().mean(0)
    assert set(columns) == {0.0, 1.0}  # The same for all nodes.
    assert abs(columns.mean() - 0.4) < 0.06
    assert abs(len(seen["edges"]) / 1000 - 0.7) < 0.06
    again = view(graph, seed)
    np.testing.assert_array_equal(again["edges"], seen["edges"])


def test_nodes_that_are_dropped_have_no_links():
    features = tf.ones((200, 2))
    edges = tf.constant(RNG.integers(0, 200, (2000, 2)))
    view = augment.GraphView(drop_nodes=0.5)
    seen = view({"features": features, "edges": edges}, tf.constant([1, 2]))
    gone = np.flatnonzero(seen["features"].numpy().sum(1) == 0)
    assert abs(len(gone) / 200 - 0.5) < 0.15
    assert not np.isin(seen["edges"].numpy(), gone).any()
    whole = ~np.isin(edges.numpy(), gone).any(1)
    np.testing.assert_array_equal(seen["edges"], edges.numpy()[whole])


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_bad_shares(share):
    with pytest.raises(ValueError, match="`mask_features` must be at least 0"):
        grace(mask_features=(0.1, share))


def test_a_sample_of_one_node():
    with pytest.raises(ValueError, match="`sample` must be at least 2. Received: .*=1"):
        grace(sample=1)
