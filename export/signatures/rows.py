# SPDX-License-Identifier: Apache-2.0
"""The rows of an answer, some of which could not be read."""

from __future__ import annotations

import tensorflow as tf

from cl_keras import artifact
from cl_keras.export.signatures.signature import Tensors


def masked(outputs: Tensors, valid: tf.Tensor) -> Tensors:
    """Sets the rows that are not valid to zero, whatever was computed of them."""

    def only_valid(output: tf.Tensor) -> tf.Tensor:
        mask = tf.reshape(valid, (-1, *[1] * (output.shape.rank - 1)))
        return tf.where(mask, output, tf.zeros((), output.dtype))

    return {k: only_valid(v) for k, v in outputs.items()} | {artifact.VALID: valid}
