# SPDX-License-Identifier: Apache-2.0
"""Random views of graphs."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from cl_keras import check
from cl_keras.augment.graph import node_noise, on_walks
from cl_keras.augment.inputs import Seed, split_seed


@dataclasses.dataclass(frozen=True)
class GraphView:
    """Leaves out edges, nodes' links and features at random.

    The nodes stay the same rows, so that those of two views compare.

    Args:
        drop_edges: Share of the edges that are left out, each row (source, target) by
            itself.
        drop_nodes: Share of the nodes that lose all their edges and features.
        mask_features: Share of the columns that are set to 0, for all nodes alike.
        walk_starts: Share of the nodes, in (0, 1], that a random walk starts from. The
            nodes on no walk lose all their edges and features, so what is left is a
            subgraph; at 1 it is the whole. Nodes are drawn one by one, and of a small
            graph there may be none.
        walk_length: Steps of a walk, at least 1, each along one of the edges that leave
            the node and are not left out. A node without any ends its walk.
        one_of: Whether a view draws one of the ways that are set, each as likely, in
            place of all of them.

    Raises:
        ValueError: If a number is out of its range; the first three are in [0, 1).

    Example:
    >>> graph = {"features": tf.ones((4, 6)), "edges": tf.constant([[0, 1], [1, 0]])}
    >>> view = GraphView(mask_features=0.5)(graph, tf.constant([0, 1]))
    >>> view["features"].shape, view["edges"].shape
    (TensorShape([4, 6]), TensorShape([2, 2]))

    Reference: Zhu et al. (2020), Deep Graph Contrastive Representation Learning,
    arXiv:2006.04131, section 3.2.2; You et al. (2020), Graph Contrastive Learning with
    Augmentations, arXiv:2010.13902, section 3.1 (nodes, subgraphs); many walks, as in
    Zhu et al. (2021), An Empirical Study of Graph Contrastive Learning,
    arXiv:2109.01116.
    """

    drop_edges: float = 0.0
    drop_nodes: float = 0.0
    mask_features: float = 0.0
    walk_starts: float = 1.0
    walk_length: int = 10
    one_of: bool = False

    def __post_init__(self) -> None:
        check.share_below_one(
            drop_edges=self.drop_edges,
            drop_nodes=self.drop_nodes,
            mask_features=self.mask_features,
        )
        check.positive(walk_starts=self.walk_starts)
        check.between(0, 1, walk_starts=self.walk_starts)
        check.at_least(1, walk_length=self.walk_length)

    def __call__(self, graph: dict[str, Any], seed: Seed) -> dict[str, Any]:
        """Draws a view; on replicas each draws what one device would for its rows.

        It has `features` and `edges`, and `kept` `(nodes,)` bool where nodes are
        left out.
        """
        features, edges = graph["features"], graph["edges"]
        count, nodes = tf.shape(features)[0], None
        seeds = split_seed(seed, 5)
        idle = self._idle(seeds[4])
        if self.drop_edges:
            noise = node_noise(tf.shape(edges)[0], seeds[0])
            edges = tf.boolean_mask(edges, (noise >= self.drop_edges) | idle[0])
        if self.drop_nodes:
            nodes = (node_noise(count, seeds[1]) >= self.drop_nodes) | idle[1]
            features, edges = _only(nodes, features, edges)
        if self.walk_starts < 1:
            noise = node_noise(count, seeds[3], 1 + self.walk_length)
            kept = on_walks(edges, noise[:, 0] < self.walk_starts, noise[:, 1:])
            kept |= idle[3]
            features, edges = _only(kept, features, edges)
            nodes = kept if nodes is None else nodes & kept
        if self.mask_features:
            noise = tf.random.stateless_uniform([features.shape[1]], seeds[2])
            kept = (noise >= self.mask_features) | idle[2]
            features = _times(features, kept, axis=1)
        view = {"features": features, "edges": edges}
        return view if nodes is None else view | {"kept": nodes}

    def _idle(self, seed: tf.Tensor) -> list[Any]:
        """Which of edges, nodes, features and walks this view leaves alone."""
        active = (self.drop_edges, self.drop_nodes, self.mask_features)
        ways = [i for i, share in enumerate((*active, 1 - self.walk_starts)) if share]
        if not self.one_of or not ways:
            return [False] * 4
        drawn = tf.random.stateless_uniform([], seed, 0, len(ways), tf.int32)
        return [tf.gather(ways, drawn) != i for i in range(4)]


def _only(kept: tf.Tensor, features: Any, edges: tf.Tensor) -> tuple[Any, tf.Tensor]:
    """Features of the nodes that are kept, and the edges between them."""
    ends = tf.gather(kept, edges)
    edges = tf.boolean_mask(edges, tf.reduce_all(ends, axis=-1))
    return _times(features, kept, axis=0), edges


def _times(features: Any, kept: tf.Tensor, axis: int) -> Any:
    """Features of the rows or columns that are kept, zeros in place of the others."""
    if isinstance(features, tf.SparseTensor):
        factors = tf.gather(kept, features.indices[:, axis])
        values = features.values * tf.cast(factors, features.dtype)
        return tf.SparseTensor(features.indices, values, features.dense_shape)
    return features * tf.expand_dims(tf.cast(kept, features.dtype), 1 - axis)
