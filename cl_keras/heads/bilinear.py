# SPDX-License-Identifier: Apache-2.0
"""A bilinear score of nodes and summaries."""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="cl_keras")
class BilinearDiscriminator(keras.layers.Layer):
    """h^T W s + b: the logit that a node belongs to a summary.

    W starts uniform in +-sqrt(6 / (D^2 + D)), which is what the authors' code, by
    `xavier_uniform_`, makes of a (1, D, D) tensor: 16 times less than the Glorot
    limit of a matrix at D = 512. b starts at 0.

    Args:
        **kwargs: Of `keras.layers.Layer`.

    Reference:
        Veličković et al. (2019), Deep Graph Infomax, arXiv:1809.10341, section 3.4.

    Example:
    >>> BilinearDiscriminator()(tf.ones((5, 4)), tf.ones((1, 4))).shape
    TensorShape([5])
    """

    def build(self, nodes_shape: tuple[int | None, ...], *_: object) -> None:
        """Creates W and b."""
        width = nodes_shape[-1]
        if width is None:
            raise ValueError(
                f"Expected a known number of features. Received: shape {nodes_shape}"
            )
        limit = (6.0 / (width * width + width)) ** 0.5
        self.kernel = self.add_weight(
            name="kernel",
            shape=(width, width),
            initializer=keras.initializers.RandomUniform(-limit, limit),
        )
        self.bias = self.add_weight(name="bias", shape=(), initializer="zeros")

    def call(
        self, nodes: tf.Tensor, summary: tf.Tensor, graph: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Scores nodes."""
        # W s first: there are fewer summaries than nodes.
        kernel = tf.convert_to_tensor(self.kernel)
        summary = tf.matmul(summary, kernel, transpose_b=True)
        if graph is None:
            logits = tf.linalg.matvec(nodes, summary[0])
        else:
            own = tf.gather(summary, graph)
            logits = tf.reduce_sum(nodes * own, axis=-1)
        return logits + self.bias
