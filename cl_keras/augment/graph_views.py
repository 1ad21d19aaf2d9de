# SPDX-License-Identifier: Apache-2.0
"""Random views of graphs."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from cl_keras import check
from cl_keras.augment.graph import node_noise


@dataclasses.dataclass(frozen=True)
class GraphView:
    """Leaves out edges, nodes' links and features at random.

    The nodes stay the same rows, so that those of two views compare.

    Args:
        drop_edges: Share of the edges that are left out, each row (source, target) by
            itself.
        drop_nodes: Share of the nodes that lose all their edges and features.
        mask_features: Share of the columns that are set to 0, for all nodes alike.

    Raises:
        ValueError: If a share is not in [0, 1).

    Example:
    >>> graph = {"features": tf.ones((4, 6)), "edges": tf.constant([[0, 1], [1, 0]])}
    >>> view = GraphView(mask_features=0.5)(graph, tf.constant([0, 1]))
    >>> view["features"].shape, view["edges"].shape
    (TensorShape([4, 6]), TensorShape([2, 2]))

    Reference: Zhu et al. (2020), Deep Graph Contrastive Representation Learning,
    arXiv:2006.04131, section 3.2.2; You et al. (2020), Graph Contrastive Learning with
    Augmentations, arXiv:2010.13902, section 3.1 (nodes).
    """

    drop_edges: float = 0.0
    drop_nodes: float = 0.0
    mask_features: float = 0.0

    def __post_init__(self) -> None:
        check.share_below_one(**dataclasses.asdict(self))

    def __call__(self, graph: dict[str, Any], seed: tf.Tensor) -> dict[str, Any]:
        """Draws a view; on replicas each draws what one device would for its rows."""
        features, edges = graph["features"], graph["edges"]
        seeds = tf.unstack(tf.random.split(seed, 3))
        if self.drop_edges:
            noise = node_noise(tf.shape(edges)[0], seeds[0])
            edges = tf.boolean_mask(edges, noise >= self.drop_edges)
        if self.drop_nodes:
            noise = node_noise(tf.shape(features)[0], seeds[1])
            kept = noise >= self.drop_nodes
            ends = tf.gather(kept, edges)
            edges = tf.boolean_mask(edges, tf.reduce_all(ends, axis=-1))
            features = _times(features, kept, axis=0)
        if self.mask_features:
            noise = tf.random.stateless_uniform([features.shape[1]], seeds[2])
            features = _times(features, noise >= self.mask_features, axis=1)
        return {"features": features, "edges": edges}


def _times(features: Any, kept: tf.Tensor, axis: int) -> Any:
    """Features of the rows or columns that are kept, zeros in place of the others."""
    if isinstance(features, tf.SparseTensor):
        factors = tf.gather(kept, features.indices[:, axis])
        values = features.values * tf.cast(factors, features.dtype)
        return tf.SparseTensor(features.indices, values, features.dense_shape)
    return features * tf.expand_dims(tf.cast(kept, features.dtype), 1 - axis)
