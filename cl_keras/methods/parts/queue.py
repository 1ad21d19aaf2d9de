# SPDX-License-Identifier: Apache-2.0
"""The newest keys of past batches."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, distribute


class Queue(keras.layers.Layer):
    """Holds the newest rows, those of all replicas, in the order of the global batch.

    It starts full of random rows of length 1. `rows` are what it holds; no gradient
    reaches them.

    Args:
        size: Rows it holds.
        width: Width of a row.
        seed: Of the rows it starts with.
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If size or width are not positive.

    Reference: He et al. (2020), Momentum Contrast for Unsupervised Visual
    Representation Learning, arXiv:1911.05722, section 3.2.
    """

    def __init__(
        self, size: int, width: int, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check.positive(size=size, width=width)
        self.size = size
        self.rows = self.add_weight(
            shape=(size, width), initializer="zeros", trainable=False, name="rows"
        )
        self.start = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="start"
        )
        drawn = keras.random.normal((size, width), seed=seed)
        self.rows.assign(tf.math.l2_normalize(drawn, axis=-1))
        self.built = True

    def push(self, keys: tf.Tensor) -> None:
        """Takes the rows of all replicas in; the oldest go."""
        everyone = tf.stop_gradient(distribute.all_gather(keys))
        everyone = tf.cast(everyone, self.rows.dtype)[-self.size :]
        count = tf.shape(everyone)[0]
        start = tf.convert_to_tensor(self.start)
        places = (start + tf.range(count)) % self.size
        rows = tf.tensor_scatter_nd_update(self.rows, places[:, tf.newaxis], everyone)
        distribute.assign(self.rows, rows)
        distribute.assign(self.start, (start + count) % self.size)
