# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from cl_keras.augment import GraphView
from cl_keras.augment.graph import on_walks

RNG = np.random.default_rng(0)
SEED = tf.constant([1, 2], tf.int64)


def slow_walks(edges, starts, noise):
    """Walk by walk, from lists of the nodes that each node's edges lead to."""
    seen = set(np.flatnonzero(starts))
    for node in np.flatnonzero(starts):
        at = node
        for number in noise[node]:
            onward = [target for source, target in edges if source == at]
            if onward:
                at = onward[int(number * len(onward))]
            seen.add(at)
    return np.isin(np.arange(len(starts)), list(seen))


@pytest.mark.parametrize("edges", [0, 15, 60])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_walks_by_loops(edges, dtype):
    edges = RNG.integers(0, 20, (edges, 2)).astype(dtype)
    for _ in range(20):
        starts, noise = RNG.random(20) < 0.15, RNG.random((20, 4))
        noise[:5, 0] = np.nextafter(1, 0)  # The last edge, not the one after it.
        found = on_walks(tf.constant(edges), tf.constant(starts), tf.constant(noise))
        np.testing.assert_array_equal(found, slow_walks(edges, starts, noise))


@pytest.mark.parametrize("sparse", [False, True])
def test_a_subgraph_of_a_directed_ring_is_arcs(sparse):
    nodes, length = 5000, 4
    ring = np.stack([np.arange(nodes), (np.arange(nodes) + 1) % nodes], 1)
    features = np.ones((nodes, 2), np.float32)
    given = tf.sparse.from_dense(features) if sparse else tf.constant(features)
    graph = {"features": given, "edges": tf.constant(RNG.permutation(ring))}
    view = GraphView(walk_starts=0.05, walk_length=length)
    seen = view(graph, SEED)
    dense = tf.sparse.to_dense(seen["features"]) if sparse else seen["features"]
    kept = dense.numpy().all(1)
    np.testing.assert_array_equal(kept, dense.numpy().any(1))
    # A node is left if a walk starts at it or at one of the four before it.
    assert abs(kept.mean() - (1 - 0.95 ** (length + 1))) < 0.03
    begins = np.flatnonzero(kept & ~np.roll(kept, 1))
    assert all(kept[(begin + np.arange(length + 1)) % nodes].all() for begin in begins)
    whole = kept[graph["edges"].numpy()].all(1)
    np.testing.assert_array_equal(seen["edges"], graph["edges"].numpy()[whole])
    np.testing.assert_array_equal(view(graph, SEED)["edges"], seen["edges"])


def test_walks_go_along_the_edges_that_are_left():
    nodes = np.arange(20000)
    ring = tf.constant(np.stack([nodes, np.roll(nodes, -1)], 1))
    view = GraphView(drop_edges=0.5, walk_starts=0.05, walk_length=4)
    seen = view({"features": tf.ones((20000, 1)), "edges": ring}, SEED)
    # Not kept: no start at the node, nor at those before it up to the first cut.
    lost = sum(0.475**k for k in range(1, 5)) + 0.95 * 0.475**4
    assert abs(seen["features"].numpy().mean() - (1 - lost)) < 0.01


def test_each_neighbour_is_as_likely():
    edges = tf.constant([[0, 1], [0, 2], [0, 3]])
    starts = tf.constant([True, False, False, False])
    noise = tf.constant(RNG.random((600, 4, 1)))
    seen = sum(on_walks(edges, starts, x).numpy().astype(int) for x in noise)
    assert seen[0] == 600
    assert seen[1:].sum() == 600
    assert min(seen[1:]) > 155  # 200 times each, sd 12.


def test_all_nodes_start_by_default():
    edges = tf.constant(RNG.integers(0, 9, (20, 2)))
    seen = GraphView()({"features": tf.ones((9, 2)), "edges": edges}, SEED)
    np.testing.assert_array_equal(seen["edges"], edges)
    np.testing.assert_array_equal(seen["features"], np.ones((9, 2)))


@pytest.mark.slow
def test_two_replicas_draw_what_one_device_does():
    view = GraphView(0.2, 0.2, 0.2, walk_starts=0.3, walk_length=3)
    features = tf.constant(RNG.random((50, 6)) + 1.0, tf.float32)
    # Two graphs, of 30 and of 20 nodes; each replica has one.
    graphs = [
        (features[:30], tf.constant(RNG.integers(0, 30, (70, 2)))),
        (features[30:], tf.constant(RNG.integers(0, 20, (40, 2)))),
    ]
    both = {
        "features": features,
        "edges": tf.concat([graphs[0][1], graphs[1][1] + 30], 0),
    }
    wanted = view(both, SEED)
    assert 0 < len(wanted["edges"]) < 60
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    def give(part):
        return strategy.experimental_distribute_values_from_function(
            lambda context: graphs[context.replica_id_in_sync_group][part]
        )

    @tf.function
    def seen(features, edges):
        found = view({"features": features, "edges": edges}, SEED)
        return found["features"], found["edges"]

    found = strategy.run(seen, (give(0), give(1)))
    rows, edges = map(strategy.experimental_local_results, found)
    np.testing.assert_array_equal(np.concatenate(rows), wanted["features"])
    edges = np.concatenate([edges[0], edges[1] + 30])
    np.testing.assert_array_equal(edges, wanted["edges"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop_edges": 1.0}, "`drop_edges` must be at least 0 and below 1"),
        ({"drop_nodes": -0.1}, "`drop_nodes` must be at least 0 and below 1"),
        ({"walk_starts": 0}, "`walk_starts` must be positive"),
        ({"walk_starts": float("nan")}, "`walk_starts` must be positive"),
        ({"walk_starts": 1.1}, "`walk_starts` must be from 0 to 1"),
        ({"walk_length": 0}, "`walk_length` must be at least 1"),
    ],
)
def test_bad_ranges(options, message):
    with pytest.raises(ValueError, match=message):
        GraphView(**options)


def test_a_bad_seed():
    with pytest.raises(ValueError, match="`seed` to be two integers"):
        GraphView()({"features": tf.ones((2, 1)), "edges": tf.ones((1, 2), "int32")}, 3)
