# SPDX-License-Identifier: Apache-2.0
"""Means over the examples of an epoch."""

from __future__ import annotations

import keras
import tensorflow as tf


class RunningMean(keras.metrics.Mean):
    """Mean over the batches of an epoch, each as much as it has examples.

    A last batch of one example counts as one example. NaN before the first batch.

    Example:
    >>> mean = RunningMean(name="loss")
    >>> mean.count_batch(tf.constant(1.0), tf.constant(3.0))
    >>> mean.count_batch(tf.constant(5.0), tf.constant(1.0))
    >>> float(mean.result())
    2.0
    """

    def count_batch(
        self, value: tf.Tensor, examples: tf.Tensor, *, pairs: bool = False
    ) -> None:
        """Takes a batch in."""
        value = tf.cast(value, tf.float32)
        if pairs:
            undefined = tf.math.is_nan(value) & (examples < 2.0)
            value = tf.where(undefined, 0.0, value)
            examples = tf.where(undefined, 0.0, examples)
        self.total.assign_add(value * examples)
        self.count.assign_add(examples)

    def result(self) -> tf.Tensor:
        """Computes the mean over what was taken in."""
        return tf.convert_to_tensor(self.total) / tf.convert_to_tensor(self.count)
