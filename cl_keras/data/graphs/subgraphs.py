# SPDX-License-Identifier: Apache-2.0
"""Sampled neighbourhoods of a graph, for training on graphs of any size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from cl_keras.data.graphs.batches import Batch
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.order import prepared, row_batches


def sampled_subgraphs(
    graph: GraphData,
    batch_size: int,
    fan_outs: Sequence[int] = (10, 10, 25),
    *,
    nodes: np.ndarray | None = None,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = False,
    repeat: bool = False,
    start: int = 0,
) -> tf.data.Dataset:
    """Builds the inductive pipeline: nodes and a sample of what lies around them.

    From each node of a batch, at most `fan_outs[0]` of the nodes that send it
    messages are drawn, from those at most `fan_outs[1]`, and so on. A node with no
    more neighbours than the fan-out keeps all of them; others are drawn with
    replacement, and repeated edges are merged.

    Args:
        graph: One graph. Features are kept in memory as a dense array.
        batch_size: Nodes in a batch, without those around them.
        fan_outs: Neighbours at most, from the nodes of the batch outwards: one
            number a layer of the encoder. The paper has 10, 10 and 25 for Reddit.
        nodes: Numbers of the nodes to train on; all by default.
        shuffle: Whether to draw a new order for each epoch. Neighbours are drawn
            anew in each step either way.
        seed: Seed of order and neighbours.
        drop_remainder: Whether to leave out a last batch that is not full.
        repeat: Whether to go on without end; then give `fit` its `steps_per_epoch`.
        start: Step to begin at, with `repeat`.

    Returns:
        A dataset of dicts: `features` `(n, F)` float32 and `edges` `(e, 2)` int32 of
        the subgraph, and `target` `(n,)` bool, True for the nodes of the batch, which
        come first: what a method reads out and trains on.

    Raises:
        ValueError: If there is a set of graphs, or an argument is out of range.

    Example:
    >>> path = GraphData("path", np.eye(3, dtype="float32"), np.array([[0, 1], [1, 2]]))
    >>> batch = next(iter(sampled_subgraphs(path, 1, [1], nodes=np.array([2]))))
    >>> batch["edges"].numpy().tolist(), batch["target"].numpy().tolist()
    ([[1, 0]], [True, False])

    Reference:
        Hamilton, Ying and Leskovec (2017), Inductive Representation Learning on
        Large Graphs, arXiv:1706.02216, algorithm 2; Veličković et al. (2019),
        section 4.2.
    """
    chosen = chosen_nodes(graph, nodes)
    if not fan_outs or any(fan_out < 1 for fan_out in fan_outs):
        raise ValueError(f"Expected positive `fan_outs`. Received: fan_outs={fan_outs}")
    if not 1 <= batch_size <= len(chosen):
        raise ValueError(
            f"Expected `batch_size` in 1..{len(chosen)}, the number of nodes. "
            f"Received: batch_size={batch_size}"
        )
    with tf.device("CPU"):
        features = tf.constant(graph.dense_features())
        roots = tf.constant(chosen.astype(np.int64))
        # Edges are sorted by target: the sources of node v are
        # senders[first[v]:first[v + 1]].
        senders = tf.constant(graph.edges[:, 0])
        first = tf.constant(
            np.searchsorted(graph.edges[:, 1], np.arange(graph.nodes + 1))
        )

    def sample(batch: tf.Tensor, seed: tf.Tensor) -> Batch:
        found, frontier = batch, batch
        edges = tf.zeros([0, 2], tf.int64)
        for hop, fan_out in enumerate(fan_outs):
            sampled = _neighbours(senders, first, frontier, fan_out, seed + hop)
            edges = tf.concat([edges, sampled], axis=0)
            # `unique` keeps the order of first appearance: the batch stays first,
            # and what is new comes last.
            count = tf.shape(found)[0]
            found, _ = tf.unique(tf.concat([found, sampled[:, 0]], axis=0))
            frontier = found[count:]
        keys, _ = tf.unique(edges[:, 1] * graph.nodes + edges[:, 0])
        # Numbers within the subgraph.
        order = tf.argsort(found)
        ordered = tf.gather(found, order)
        source, target = (
            tf.gather(order, tf.searchsorted(ordered, numbers))
            for numbers in (keys % graph.nodes, keys // graph.nodes)
        )
        return {
            "features": tf.gather(features, found),
            "edges": tf.stack([source, target], axis=1),
            "target": tf.range(tf.shape(found)[0]) < tf.shape(batch)[0],
        }

    rows = row_batches(
        len(chosen),
        batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        repeat=repeat,
        start=start,
    )
    return prepared(rows, lambda rows, seed: sample(tf.gather(roots, rows), seed))


def _neighbours(
    senders: tf.Tensor,
    first: tf.Tensor,
    frontier: tf.Tensor,
    fan_out: int,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Sampled edges into the nodes of the frontier, (edges, 2)."""
    start = tf.gather(first, frontier)[:, tf.newaxis]
    degree = tf.gather(first, frontier + 1)[:, tf.newaxis] - start
    draws = tf.random.stateless_uniform(
        [tf.shape(frontier)[0], fan_out], seed, dtype=tf.float64
    )
    drawn = tf.cast(draws * tf.cast(degree, tf.float64), tf.int64)
    every = tf.range(fan_out, dtype=tf.int64)[tf.newaxis]
    few = degree <= fan_out
    kept = tf.logical_or(every < degree, tf.logical_not(few))
    edge = tf.boolean_mask(start + tf.where(few, every, drawn), kept)
    target = tf.boolean_mask(
        tf.broadcast_to(frontier[:, tf.newaxis], tf.shape(kept)), kept
    )
    return tf.stack([tf.gather(senders, edge), target], axis=1)


def chosen_nodes(graph: GraphData, nodes: np.ndarray | None) -> np.ndarray:
    """Checks which nodes of a graph to sample around."""
    if graph.graph_ids is not None:
        raise ValueError(
            "Expected one graph; `graph_batches` makes batches of whole graphs. "
            f"Received: a set of {graph.graphs} graphs"
        )
    chosen = np.arange(graph.nodes) if nodes is None else np.asarray(nodes)
    received = f"{chosen.dtype} of shape {chosen.shape}"
    is_numbers = chosen.ndim == 1 and len(chosen) and chosen.dtype.kind in "iu"
    if is_numbers and chosen.min() >= 0 and chosen.max() < graph.nodes:
        return chosen
    if is_numbers:
        received = f"{chosen.min()}..{chosen.max()}"
    raise ValueError(
        f"Expected `nodes` as an array of node numbers in 0..{graph.nodes - 1}. "
        f"Received: {received}"
    )


def induced(graph: GraphData, nodes: np.ndarray) -> GraphData:
    """Takes some nodes of a graph, and the edges that join two of them."""
    kept = np.zeros(graph.nodes, bool)
    kept[chosen_nodes(graph, nodes)] = True
    number = np.cumsum(kept) - 1
    inside = kept[graph.edges].all(axis=1)
    return GraphData(
        graph.name,
        graph.features[kept],
        number[graph.edges[inside]],
        None if graph.labels is None else graph.labels[kept],
        graph.class_names,
    )
