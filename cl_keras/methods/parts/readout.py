# SPDX-License-Identifier: Apache-2.0
"""From the nodes of a graph to a vector of the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cl_keras import distribute

READOUTS = ("mean", "sum", "max")


def read_out(
    nodes: tf.Tensor,
    graph: tf.Tensor | None,
    counted: tf.Tensor | None,
    readout: str | Callable[..., Any] = "mean",
    of_batch: bool = False,
) -> tf.Tensor:
    """Summarises the nodes of each graph."""
    single = of_batch or graph is None
    if single:
        graph = tf.zeros([tf.shape(nodes)[0]], tf.int32)
    # A replica may have none.
    last = tf.reduce_max(tf.concat([graph, [-1]], axis=0))
    graphs = tf.constant(1) if single else last + 1
    if counted is not None:
        graph = tf.where(counted, graph, -1)
    across = of_batch and distribute.num_replicas() > 1
    if callable(readout):
        if across:
            raise ValueError(
                "A summary of the batch over several replicas needs a readout of "
                f"{READOUTS}. Received: {readout}"
            )
        return readout(nodes, graph, graphs)
    if readout == "max":
        value = tf.math.unsorted_segment_max(nodes, graph, graphs)
        if across:
            gathered = distribute.all_gather(value)
            value = tf.reduce_max(gathered, axis=0, keepdims=True)
        # A graph without a node to count has no largest value.
        return tf.where(value > nodes.dtype.min, value, 0.0)
    counts = tf.cast(tf.greater_equal(graph, 0), tf.float32)
    if single:
        # A product: unlike a segment sum it runs on all cores.
        total = tf.matmul(counts[tf.newaxis], nodes)
    else:
        total = tf.math.unsorted_segment_sum(nodes, graph, graphs)
    if across:
        total = distribute.all_sum(total)
    if readout == "sum":
        return total
    size = tf.math.unsorted_segment_sum(counts, graph, graphs)
    if across:
        size = distribute.all_sum(size)
    return total / tf.maximum(size, 1.0)[:, tf.newaxis]
