# SPDX-License-Identifier: Apache-2.0
"""What is drawn of graphs: nodes, orders of them within their graph, random walks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cl_keras import distribute


def node_noise(rows: tf.Tensor, seed: tf.Tensor, *shape: int) -> tf.Tensor:
    """Numbers in [0, 1) for each node or edge, however the batch is split."""
    return distribute.draw_rows(
        rows, lambda n: tf.random.stateless_uniform([n, *shape], seed, dtype=tf.float64)
    )


def some_of(nodes: tf.Tensor, most: int, seed: tf.Tensor) -> tf.Tensor:
    """Tells which of the `nodes` `(n,)` are among `most` drawn of all replicas'."""
    noise = node_noise(tf.size(nodes), seed)
    noise = tf.where(nodes, noise, 2.0)  # The others come last.
    everyone = distribute.all_gather(noise)
    smallest = -tf.math.top_k(-everyone, tf.minimum(most, tf.size(everyone))).values
    return nodes & (noise <= smallest[-1])


def on_walks(edges: tf.Tensor, starts: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Tells which nodes are on the walks from `starts` `(n,)`.

    `noise` `(n, steps)` chooses among the edges that leave the node where the walk is
    by then; all nodes walk, and those that do not start leave no trace.
    """
    nodes = tf.range(tf.size(starts))
    edges = tf.cast(edges, tf.int32)
    edges = tf.gather(edges, tf.argsort(edges[:, 0], stable=True))
    first = tf.searchsorted(edges[:, 0], nodes)
    degrees = tf.searchsorted(edges[:, 0], nodes, side="right") - first
    # A node that no edge leaves has one to itself, after all others.
    first = tf.where(degrees > 0, first, tf.shape(edges)[0] + nodes)
    targets = tf.concat([edges[:, 1], nodes], axis=0)
    path = [nodes]
    for step in tf.unstack(noise, axis=1):
        chosen = step * tf.cast(tf.gather(degrees, path[-1]), step.dtype)
        edge = tf.gather(first, path[-1]) + tf.cast(chosen, tf.int32)
        path.append(tf.gather(targets, edge))
    counts = tf.tile(tf.cast(starts, tf.int32), [len(path)])
    return tf.math.unsorted_segment_sum(counts, tf.concat(path, 0), tf.size(starts)) > 0


def shuffle(graph: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Draws an order of nodes that is random within each graph."""
    # The places of each graph's nodes, and its nodes in the order of their noise.
    places = tf.argsort(graph, stable=True)
    nodes = tf.argsort(tf.cast(graph, noise.dtype) + noise)
    return _put(nodes, places)


def roll(graph: tf.Tensor) -> tf.Tensor:
    """Moves each node on by one within its graph; the last becomes the first."""
    places = tf.argsort(graph, stable=True)
    ordered = tf.gather(graph, places)
    begins = tf.concat([[True], ordered[1:] != ordered[:-1]], 0)
    starts = tf.cast(tf.where(begins)[:, 0], tf.int32)
    ends = tf.concat([starts[1:], tf.shape(graph)], 0) - 1
    number = tf.cumsum(tf.cast(begins, tf.int32)) - 1
    before = tf.where(begins, tf.gather(ends, number), tf.range(tf.size(graph)) - 1)
    return _put(tf.gather(places, before), places)


def reorder(nodes: tf.Tensor | tf.SparseTensor, rows: tf.Tensor) -> Any:
    """Takes nodes in another order."""
    if not isinstance(nodes, tf.SparseTensor):
        return _gather(nodes, rows)
    # Row r goes to where `rows` asks for it.
    places = tf.cast(tf.math.invert_permutation(rows), tf.int64)
    row, column = nodes.indices[:, 0], nodes.indices[:, 1]
    indices = tf.stack([tf.gather(places, row), column], axis=1)
    result = tf.SparseTensor(indices, nodes.values, nodes.dense_shape)
    result = tf.sparse.reorder(result)
    result.set_shape(nodes.shape)
    return result


@tf.custom_gradient
def _gather(nodes: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
    # TensorFlow would add up the gradient row by row; each row occurs once, so it is
    # a gather in the inverse order.
    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        return tf.gather(upstream, tf.math.invert_permutation(rows)), None

    return tf.gather(nodes, rows), gradient


def _put(values: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    return tf.scatter_nd(places[:, tf.newaxis], values, tf.shape(values))
