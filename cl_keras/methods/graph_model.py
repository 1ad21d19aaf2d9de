# SPDX-License-Identifier: Apache-2.0
"""Methods on graphs."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras.methods.base import Batch, ContrastiveModel
from cl_keras.methods.batches import shapes
from cl_keras.methods.random_states import seed_generator


class GraphModel(ContrastiveModel):
    """What methods on graphs share: the form of a batch, and random draws.

    A batch is a dict (or a tuple that begins with one; labels are dropped):

    - `features` `(nodes, F)` float32, dense or a `tf.SparseTensor`;
    - `edges` `(edges, 2)` integers, rows (source, target);
    - `graph` `(nodes,)` integers from 0, the graph of each node, if there are several;
    - `mask` `(nodes,)` bool, False for padding, if there is any;
    - `target` `(nodes,)` bool, if some nodes are there only as neighbours of others,
      as in sampled subgraphs: the loss is of the nodes where it is True.

    Or the same with one more axis in front, one row a graph, as
    `cl_keras.data.graph_batches(..., stacked=True)` makes it; `edges` then count
    within their graph, -1 being padding. Only this form has an axis along which
    `tf.distribute` can split a batch.

    Args:
        encoder: Built model, {"features", "edges"} -> `(nodes, D)`. What is kept.
        seed: Of the random draws; drawn if None.
        **kwargs: Of `keras.Model`.
    """

    undivided_because = (
        "the embedding of a node depends on its neighbours, so the nodes of a graph "
        "cannot be encoded in parts; `data.sampled_subgraphs` makes small batches"
    )

    def __init__(
        self, encoder: keras.Model, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(encoder, **kwargs)
        self.seeds = seed_generator(seed)
        self.built = True

    def unpack(self, data: Batch) -> dict[str, Any]:
        """Takes the graph out of a batch; stacked graphs are laid side by side.

        Returns:
            `features`, `edges`, `graph`, `mask`, `target`, the last three perhaps None;
            and `counted`, the nodes that are no padding and that the loss is of, or
            None for all.
        """
        if isinstance(data, tuple | list) and data:
            data = data[0]
        if not isinstance(data, dict) or not {"features", "edges"} <= set(data):
            raise ValueError(
                f"{type(self).__name__} trains on dicts with 'features' (nodes, F) and "
                "'edges' (edges, 2), and perhaps 'graph', 'mask' and 'target'. "
                "`cl_keras.data.whole_graph` and others make them. "
                f"Received: {shapes(data)}"
            )
        if data["features"].shape.rank == 3:
            data = _side_by_side(data)
        graph, mask, target = (data.get(name) for name in ("graph", "mask", "target"))
        counted = mask if target is None else target
        if mask is not None and target is not None:
            counted = tf.logical_and(mask, target)
        return {
            "features": data["features"],
            "edges": data["edges"],
            "graph": None if graph is None else tf.cast(graph, tf.int32),
            "mask": mask,
            "target": target,
            "counted": counted,
        }

    def embed_nodes(self, graph: dict[str, Any], training: bool) -> tf.Tensor:
        """Encodes the nodes of a graph.

        Args:
            graph: `features` and `edges`.
            training: Whether the encoder is in training mode.

        Returns:
            `(nodes, D)` float32.
        """
        inputs = {name: graph[name] for name in ("features", "edges")}
        return tf.cast(self.encoder(inputs, training=training), tf.float32)

    def head(self, name: str, given: keras.Model | None, **sizes: int) -> keras.Model:
        """Takes the head that is given, or makes the method's own.

        Args:
            name: A key of `head_builders`.
            given: Model from the encoder's features to vectors; None for the own one.
            **sizes: Of the own one.

        Returns:
            The head.
        """
        return given or self.head_builders[name](self.encoder.output_shape[-1], **sizes)

    def only_counted(self, rows: tf.Tensor, inputs: dict[str, Any]) -> tf.Tensor:
        """Leaves out padding, and nodes that are only neighbours of others."""
        if inputs["counted"] is None:
            return rows
        return tf.boolean_mask(rows, inputs["counted"])

    def next_seed(self) -> tf.Tensor:
        """Draws a seed, `(2,)` int64, the same on all replicas."""
        return tf.cast(self.seeds.next(), tf.int64)


def _side_by_side(data: dict[str, Any]) -> dict[str, Any]:
    """Stacked graphs `(graphs, nodes, ...)` as one graph of several parts."""
    features, edges = data["features"], data["edges"]
    graphs, nodes, width = (tf.shape(features)[axis] for axis in range(3))
    width = features.shape[2] or width
    first = nodes * tf.range(graphs)
    edges = tf.cast(edges, tf.int32)
    real = tf.reduce_min(edges, axis=-1) >= 0
    flat: dict[str, Any] = {
        "features": tf.reshape(features, [graphs * nodes, width]),
        "edges": tf.boolean_mask(edges + first[:, tf.newaxis, tf.newaxis], real),
        "graph": tf.repeat(tf.range(graphs), nodes),
    }
    for name in ("mask", "target"):
        if name in data:
            flat[name] = tf.reshape(data[name], [-1])
    return flat
