# SPDX-License-Identifier: Apache-2.0
"""A batch in equal parts.

All replicas have the same number of parts. Where they do not divide the batch, the last
ones begin again with its first rows; such a row counts for nothing but the statistics
of batch normalisation in its part. A replica without rows encodes a row of zeros, which
counts for nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cl_keras import distribute


class BatchParts:
    """A batch's rows in equal parts of `largest` at most."""

    def __init__(self, inputs: Any, largest: int) -> None:
        self.inputs = inputs
        self.axis: int | None = tf.nest.flatten(inputs)[0].shape[0]
        self.rows = self.axis or tf.shape(tf.nest.flatten(inputs)[0])[0]
        self.taken = most = self.rows  # Rows there are to take parts of.
        if distribute.num_replicas() > 1:
            # As many parts everywhere, so that random states go on alike.
            sizes = distribute.all_gather(tf.convert_to_tensor(self.rows)[tf.newaxis])
            most = tf.reduce_max(sizes)
            self.taken = tf.maximum(self.rows, 1)
            self.inputs = tf.nest.map_structure(self._with_a_row, inputs)
        self.count = -(-most // largest)
        self.size = -(-self.taken // self.count)
        sizes_known = isinstance(self.count, int)
        self.even = sizes_known and self.count * self.size == self.rows

    def loop(self, body: Callable[..., tuple], *start: list) -> tuple:
        """Runs `body(index, *lists)` for each part, one after the other."""
        return tf.while_loop(
            lambda index, *_: index < self.count,
            body,
            (tf.constant(0), *start),
            parallel_iterations=1,
        )

    def of_inputs(self, index: tf.Tensor) -> Any:
        """A part of the inputs."""
        rows = self._positions(index) % self.taken
        return tf.nest.map_structure(lambda x: tf.gather(x, rows), self.inputs)

    def of_gradient(self, index: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """A part of a gradient by rows; rows that begin again have none."""
        positions = self._positions(index)
        if self.even:
            return tf.gather(values, positions)
        taken = tf.gather(self._with_a_row(values), positions % self.taken)
        shape = [-1] + [1] * (values.shape.rank - 1)
        counts = tf.cast(positions < self.rows, values.dtype)
        return taken * tf.reshape(counts, shape)

    def join(self, stacked: tf.Tensor) -> tf.Tensor:
        """(parts, size, ...) as the rows of the batch, (b, ...)."""
        shape = [self.count * self.size, *tf.unstack(tf.shape(stacked)[2:])]
        rows = tf.reshape(stacked, shape)[: self.rows]
        return tf.ensure_shape(rows, [self.axis, *stacked.shape[2:]])

    def _with_a_row(self, values: tf.Tensor) -> tf.Tensor:
        if self.taken is self.rows:
            return values
        missing = [[0, self.taken - self.rows], *[[0, 0]] * (values.shape.rank - 1)]
        return tf.ensure_shape(tf.pad(values, missing), [None, *values.shape[1:]])

    def _positions(self, index: tf.Tensor) -> tf.Tensor:
        return index * self.size + tf.range(self.size)
