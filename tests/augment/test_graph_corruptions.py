# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from cl_keras.augment import graph

IDS = np.array([1, 0, 1, 1, 0, 2, 1, 0], np.int32)


@pytest.mark.slow
def test_shuffle_stays_within_each_graph_and_is_even():
    seen = {}
    for seed in range(600):
        noise = np.random.default_rng(seed).random(8)
        rows = graph.shuffle(tf.constant(IDS), tf.constant(noise)).numpy()
        assert sorted(rows) == list(range(8))
        assert (IDS[rows] == IDS).all()
        order = tuple(rows[[1, 4, 7]])
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6  # Every order of three nodes,
    assert min(seen.values()) > 65  # 100 times each, sd 9.


def test_some_nodes_are_drawn_evenly_and_none_of_the_others():
    nodes = tf.constant(IDS != 2)  # Seven of eight.
    seen = np.array([graph.some_of(nodes, 3, [seed, 1]) for seed in range(500)])
    assert (seen.sum(1) == 3).all() and not seen[:, 5].any()
    # Each 214 times, sd 11.
    assert np.abs(np.delete(seen.sum(0), 5) - 500 * 3 / 7).max() < 45
    for most in (7, 9):
        np.testing.assert_array_equal(graph.some_of(nodes, most, [0, 1]), nodes)


def test_roll_takes_the_node_before():
    assert graph.roll(tf.constant(IDS)).numpy().tolist() == [6, 7, 0, 2, 1, 5, 3, 4]


def test_reorder_of_dense_and_sparse_and_its_gradient():
    rng = np.random.default_rng(0)
    x = rng.random((6, 3), np.float32) * (rng.random((6, 3)) < 0.5)
    rows = rng.permutation(6).astype("int32")
    np.testing.assert_array_equal(graph.reorder(tf.constant(x), rows), x[rows])
    found = graph.reorder(tf.sparse.from_dense(x), tf.constant(rows))
    np.testing.assert_array_equal(tf.sparse.to_dense(found), x[rows])
    weights = rng.random((6, 3), np.float32)
    nodes = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(nodes)
        loss = tf.reduce_sum(graph.reorder(nodes, tf.constant(rows)) * weights)
    expected = np.zeros_like(weights)
    expected[rows] = weights
    np.testing.assert_array_equal(tape.gradient(loss, nodes), expected)
