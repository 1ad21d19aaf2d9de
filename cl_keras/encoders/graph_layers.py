# SPDX-License-Identifier: Apache-2.0
"""Layers of graph networks: a product with each node's features, then messages.

Each convolution of the literature is a linear map of every node followed by a sum
over its edges. The two are layers of their own here, because what is done to nodes
one by one commutes with any reordering of the nodes: a method can shuffle rows
after the product instead of before it, and computes the product once.

Shapes: `nodes` `(n, F)` float, `edges` `(e, 2)` integers, rows (source, target).
Edges are used as they are given: they should hold no self loops and no duplicates
(`cl_keras.data.GraphData` sees to that).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check
from cl_keras.encoders.sparse_product import sparse_product

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="cl_keras")
class NodeProjection(keras.layers.Layer):
    """X W: a linear map of each node's features, without bias.

    Args:
        units: Features of the result.
        kernel_initializer: Of W, `(F, units)`.
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If `units` is not positive.

    Example:
    >>> nodes = tf.sparse.from_dense([[0.0, 2.0]])  # Or a dense tensor.
    >>> NodeProjection(3, kernel_initializer="ones")(nodes).numpy().tolist()
    [[2.0, 2.0, 2.0]]
    """

    # Rows do not see each other, so a reordering may as well follow.
    node_wise = True

    def __init__(
        self, units: int, kernel_initializer: Any = "glorot_uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check.at_least(1, units=units)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        # There is no compiled kernel for products with sparse tensors.
        self.supports_jit = False

    def build(self, nodes_shape: Shape) -> None:
        """Creates W."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(nodes_shape[-1], self.units),
            initializer=self.kernel_initializer,
        )

    def call(self, nodes: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
        """Computes X W, of dense or sparse X."""
        kernel = tf.convert_to_tensor(self.kernel)
        if isinstance(nodes, tf.SparseTensor):
            return sparse_product(nodes, kernel)
        return tf.matmul(nodes, kernel)

    def compute_output_shape(self, nodes_shape: Shape) -> Shape:
        """Returns (n, units)."""
        return (nodes_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` rebuilds this layer from."""
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


class _Propagation(keras.layers.Layer):
    """What nodes get from their neighbours, plus a bias."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False

    def build(self, nodes_shape: Shape, edges_shape: Shape) -> None:
        self.bias = self.add_weight(
            name="bias",
            shape=self.compute_output_shape(nodes_shape, edges_shape)[1:],
            initializer="zeros",
        )

    def compute_output_shape(self, nodes_shape: Shape, edges_shape: Shape) -> Shape:
        return tuple(nodes_shape)


@keras.saving.register_keras_serializable(package="cl_keras")
class GCNPropagation(_Propagation):
    """D^(-1/2) (A + I) D^(-1/2) X + b, D being the degrees of A + I.

    With directed edges, degrees are numbers of incoming edges.

    Args:
        **kwargs: Of `keras.layers.Layer`.

    Reference:
        Kipf and Welling (2017), Semi-Supervised Classification with Graph
        Convolutional Networks, arXiv:1609.02907, equation 2.

    Example:
    >>> pair = tf.constant([[0, 1], [1, 0]])
    >>> GCNPropagation()(tf.constant([[2.0], [4.0]]), pair).numpy().round(3).tolist()
    [[3.0], [3.0]]
    """

    def call(self, nodes: tf.Tensor, edges: tf.Tensor) -> tf.Tensor:
        """Computes the normalised sum over neighbours and the node itself."""
        return normalized_sum(edges, nodes)(nodes) + self.bias


@keras.saving.register_keras_serializable(package="cl_keras")
class DiffusionPropagation(_Propagation):
    """alpha (I - (1 - alpha) S)^(-1) X + b, S being the matrix of `GCNPropagation`.

    Each node gets from where random walks end that start there and stop with the
    probability alpha at each step: personalised PageRank. The inverse is never made;
    it is approached in steps, each a sparse product, and what is missing after so many
    is below 2 (1 - alpha)^steps of the largest eigenvalue.

    Args:
        alpha: Probability of the stop, in (0, 1].
        steps: Products with S.
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If a number is out of its range.

    Reference:
        Klicpera, Weißenberger and Günnemann (2019), Diffusion Improves Graph Learning,
        arXiv:1911.05485, equation 1; the steps are those of Klicpera, Bojchevski and
        Günnemann (2019), Predict then Propagate, arXiv:1810.05997, equation 5.

    Example:
    >>> pair = tf.constant([[0, 1], [1, 0]])
    >>> nodes = tf.constant([[2.0], [4.0]])
    >>> DiffusionPropagation(alpha=0.5)(nodes, pair).numpy().round(3).tolist()
    [[2.5], [3.5]]
    """

    def __init__(self, alpha: float = 0.2, steps: int = 20, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check.positive(alpha=alpha)
        check.between(0, 1, alpha=alpha)
        check.at_least(1, steps=steps)
        self.alpha, self.steps = alpha, steps

    def call(self, nodes: tf.Tensor, edges: tf.Tensor) -> tf.Tensor:
        """Computes the diffused nodes."""
        spread, diffused = normalized_sum(edges, nodes), nodes
        for _ in range(self.steps):
            diffused = (1.0 - self.alpha) * spread(diffused) + self.alpha * nodes
        return diffused + self.bias

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` rebuilds this layer from."""
        return {**super().get_config(), "alpha": self.alpha, "steps": self.steps}


@keras.saving.register_keras_serializable(package="cl_keras")
class MeanPropagation(_Propagation):
    """X_self + mean of the neighbours' X_neighbour, plus b: GraphSAGE.

    The two halves of the incoming features are what a node keeps for itself and what
    it sends: `(n, 2 D)` -> `(n, D)`. A node without neighbours keeps its own half.

    Args:
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If the number of incoming features is odd.

    Reference:
        Hamilton, Ying and Leskovec (2017), Inductive Representation Learning on
        Large Graphs, arXiv:1706.02216, algorithm 1 with the mean aggregator; the
        product with the concatenation is the sum of two products.

    Example:
    >>> edges = tf.constant([[1, 0], [2, 0]])
    >>> nodes = tf.constant([[1.0, 9.0], [0.0, 2.0], [0.0, 4.0]])
    >>> MeanPropagation()(nodes, edges).numpy().tolist()
    [[4.0], [0.0], [0.0]]
    """

    def build(self, nodes_shape: Shape, edges_shape: Shape) -> None:
        """Creates b."""
        if nodes_shape[-1] is None or nodes_shape[-1] % 2:
            raise ValueError(
                "Expected an even number of features: a node's own half and what it "
                f"sends. Received: shape {nodes_shape}"
            )
        super().build(nodes_shape, edges_shape)

    def call(self, nodes: tf.Tensor, edges: tf.Tensor) -> tf.Tensor:
        """Computes the node's own half plus the mean of what arrives."""
        own, sent = tf.split(nodes, 2, axis=-1)
        degrees = in_degrees(edges, tf.shape(nodes)[0])
        weights = 1.0 / tf.gather(degrees, edges[:, 1])
        return own + neighbor_sum(sent, edges, weights) + self.bias

    def compute_output_shape(self, nodes_shape: Shape, edges_shape: Shape) -> Shape:
        """Returns (n, D)."""
        width = nodes_shape[-1]
        return (nodes_shape[0], None if width is None else width // 2)


@keras.saving.register_keras_serializable(package="cl_keras")
class SumPropagation(_Propagation):
    """(1 + epsilon) X + sum of the neighbours' X, plus b: GIN.

    Args:
        learn_epsilon: Whether epsilon is learnt (GIN-epsilon) or 0 (GIN-0).
        **kwargs: Of `keras.layers.Layer`.

    Reference:
        Xu et al. (2019), How Powerful are Graph Neural Networks?, arXiv:1810.00826,
        equation 4.1. The first product of the network that follows there is taken
        before the sum, with which it commutes.

    Example:
    >>> edges = tf.constant([[1, 0]])
    >>> SumPropagation()(tf.constant([[1.0], [2.0]]), edges).numpy().tolist()
    [[3.0], [2.0]]
    """

    def __init__(self, learn_epsilon: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.learn_epsilon = learn_epsilon

    def build(self, nodes_shape: Shape, edges_shape: Shape) -> None:
        """Creates b and, if it is learnt, epsilon."""
        super().build(nodes_shape, edges_shape)
        if self.learn_epsilon:
            self.epsilon = self.add_weight(name="epsilon", initializer="zeros")

    def call(self, nodes: tf.Tensor, edges: tf.Tensor) -> tf.Tensor:
        """Computes the weighted node plus what arrives."""
        own = nodes * (1.0 + self.epsilon) if self.learn_epsilon else nodes
        return own + neighbor_sum(nodes, edges) + self.bias

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` rebuilds this layer from."""
        return {**super().get_config(), "learn_epsilon": self.learn_epsilon}


def in_degrees(edges: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Counts the edges that arrive at each node."""
    ones = tf.ones_like(edges[:, 1], tf.float32)
    return tf.math.unsorted_segment_sum(ones, edges[:, 1], count)


def normalized_sum(
    edges: tf.Tensor, nodes: tf.Tensor
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Makes the product with D^(-1/2) (A + I) D^(-1/2), for as many nodes."""
    scale = tf.math.rsqrt(1.0 + in_degrees(edges, tf.shape(nodes)[0]))
    weights = tf.gather(scale, edges[:, 0]) * tf.gather(scale, edges[:, 1])
    own = tf.cast(tf.square(scale)[:, tf.newaxis], nodes.dtype)
    return lambda rows: own * rows + neighbor_sum(rows, edges, weights)


def neighbor_sum(
    nodes: tf.Tensor, edges: tf.Tensor, weights: tf.Tensor | None = None
) -> tf.Tensor:
    """Sums what each node receives along its edges."""
    count = tf.shape(nodes, tf.int64)[0]
    if weights is None:
        weights = tf.ones_like(edges[:, 0], tf.float32)
    # As a sparse product: unlike gather and segment sum it holds no (e, D) tensor.
    adjacency = tf.SparseTensor(
        tf.cast(tf.reverse(edges, axis=[1]), tf.int64),
        tf.cast(weights, nodes.dtype),
        tf.stack([count, count]),
    )
    return sparse_product(adjacency, nodes)
