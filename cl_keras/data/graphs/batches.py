# SPDX-License-Identifier: Apache-2.0
"""tf.data pipelines of graphs: one whole graph, or batches of whole graphs.

A batch is a dict of `features` `(nodes, F)` float32, dense or a `tf.SparseTensor`,
and `edges` `(edges, 2)` int32 rows (source, target). Where several graphs lie side
by side it also has `graph` `(nodes,)` int32, the graph that each node is in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.order import prepared, row_batches
from cl_keras.untuned import untuned

Batch = dict[str, Any]


def whole_graph(
    graph: GraphData, *, sparse: bool | None = None, repeat: bool = False
) -> tf.data.Dataset:
    """Builds the pipeline of one graph, or of a set of graphs as one batch.

    For `fit` (an epoch is one step) and for `encoder.predict`, which gives a row a
    node.

    Args:
        graph: The graph.
        sparse: Whether features are given as a `tf.SparseTensor`; by default if the
            graph has them so. Encoders take them as they are if built with
            `sparse_features=True`, and make them dense in each step otherwise.
        repeat: Whether to go on without end; then give `fit` its `steps_per_epoch`.

    Returns:
        A dataset of one element.

    Raises:
        TypeError: If `graph` is not `GraphData`.

    Example:
    >>> pair = GraphData("pair", np.eye(2, dtype="float32"), np.array([[0, 1]]))
    >>> next(iter(whole_graph(pair)))["edges"].numpy().tolist()
    [[0, 1]]
    """
    _check(graph)
    sparse = graph.is_sparse if sparse is None else sparse
    with tf.device("CPU"):
        batch: Batch = {
            "features": _features(graph, sparse),
            "edges": tf.constant(graph.edges.astype(np.int32)),
        }
        if graph.graph_ids is not None:
            batch["graph"] = tf.constant(graph.graph_ids.astype(np.int32))
    dataset = tf.data.Dataset.from_tensors(batch)
    return untuned(dataset.repeat() if repeat else dataset)


def graph_batches(
    graphs: GraphData,
    batch_size: int,
    *,
    stacked: bool = False,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = False,
    repeat: bool = False,
    start: int = 0,
    worker: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Builds the pipeline of a set of graphs: batches of whole graphs.

    Graphs of a batch lie side by side, nodes below nodes, as one graph of several
    parts. That form has no axis of graphs, so `tf.distribute` cannot split it over
    replicas; `stacked` batches have one.

    Args:
        graphs: A set of graphs with `graph_ids`.
        batch_size: Graphs in a batch.
        stacked: Whether each graph is a row of its own, filled up to the largest of
            the batch: `features` `(graphs, nodes, F)`, `edges` `(graphs, edges, 2)`
            counted within the graph and filled with -1, `mask` `(graphs, nodes)`
            bool, False for padding. For training on several replicas.
        shuffle: Whether to draw a new order for each epoch.
        seed: Seed of the order.
        drop_remainder: Whether to leave out a last batch that is not full.
        repeat: Whether to go on without end; then give `fit` its `steps_per_epoch`.
        start: Step to begin at, with `repeat`.
        worker: This worker's number and how many there are, with `repeat`: each takes
            its own graphs of every batch.

    Returns:
        A dataset of batches.

    Raises:
        ValueError: If there are no graph ids or `batch_size` is out of range.
        TypeError: If `graphs` is not `GraphData`.

    Example:
    >>> ids = np.array([0, 0, 1])
    >>> graphs = GraphData("two", np.eye(3, dtype="float32"), np.array([[0, 1]]),
    ...                    graph_ids=ids)
    >>> next(iter(graph_batches(graphs, 2, shuffle=False)))["graph"].numpy().tolist()
    [0, 0, 1]
    """
    _check(graphs)
    if graphs.graph_ids is None:
        raise ValueError(
            "Expected a set of graphs, with `graph_ids`. For one graph use "
            "`whole_graph` or `sampled_subgraphs`. Received: one graph"
        )
    if not 1 <= batch_size <= graphs.graphs:
        raise ValueError(
            f"Expected `batch_size` in 1..{graphs.graphs}, the number of graphs. "
            f"Received: batch_size={batch_size}"
        )
    numbers = row_batches(
        graphs.graphs,
        batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        repeat=repeat,
        start=start,
        worker=worker,
    )
    make = _maker(graphs, stacked)
    return prepared(numbers, lambda numbers, seed: make(numbers))


def _maker(graphs: GraphData, stacked: bool) -> Callable[[tf.Tensor], Batch]:
    """What makes a batch of the graphs of some numbers."""
    with tf.device("CPU"):
        first_node, first_edge = map(tf.constant, graphs.bounds())
        features = tf.constant(graphs.dense_features())
        edges = tf.constant(graphs.edges)

    def parts(numbers: tf.Tensor) -> tuple[tf.Tensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Where each graph's nodes start, and the rows of its nodes and edges."""
        starts = tf.gather(first_node, numbers)
        nodes = tf.ragged.range(starts, tf.gather(first_node, numbers + 1))
        return (
            starts,
            nodes,
            tf.ragged.range(
                tf.gather(first_edge, numbers), tf.gather(first_edge, numbers + 1)
            ),
        )

    def stack(numbers: tf.Tensor) -> Batch:
        starts, nodes, rows = parts(numbers)
        own = tf.gather(edges, rows.flat_values)
        own -= tf.gather(starts, rows.value_rowids())[:, tf.newaxis]
        values = {
            "features": (nodes, tf.gather(features, nodes.flat_values), 0.0),
            "edges": (rows, tf.cast(own, tf.int32), -1),
            "mask": (nodes, tf.ones_like(nodes.flat_values, tf.bool), False),
        }
        return {
            name: places.with_flat_values(flat).to_tensor(fill)
            for name, (places, flat, fill) in values.items()
        }

    def side_by_side(numbers: tf.Tensor) -> Batch:
        starts, nodes, rows = parts(numbers)
        # Where each graph's nodes lie in the batch, less where they lay before.
        shift = tf.gather(nodes.row_starts() - starts, rows.value_rowids())
        own = tf.gather(edges, rows.flat_values) + shift[:, tf.newaxis]
        return {
            "features": tf.gather(features, nodes.flat_values),
            "edges": tf.cast(own, tf.int32),
            "graph": tf.cast(nodes.value_rowids(), tf.int32),
        }

    return stack if stacked else side_by_side


def _check(graph: GraphData) -> None:
    if not isinstance(graph, GraphData):
        raise TypeError(
            f"Expected a cl_keras.data.GraphData. Received: {type(graph).__name__}"
        )


def _features(graph: GraphData, sparse: bool) -> tf.Tensor | tf.SparseTensor:
    if not sparse:
        return tf.constant(graph.dense_features())
    if not graph.is_sparse:
        return tf.sparse.from_dense(graph.features)
    entries = graph.features.tocoo()
    indices = np.stack([entries.row, entries.col], axis=1).astype(np.int64)
    # Rows of a CSR matrix are in order; columns within a row may not be.
    return tf.sparse.reorder(tf.SparseTensor(indices, entries.data, entries.shape))
