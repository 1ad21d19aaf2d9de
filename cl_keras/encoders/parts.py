# SPDX-License-Identifier: Apache-2.0
"""Means of parts in place of one mean over time."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from cl_keras import check


@keras.saving.register_keras_serializable(package="cl_keras")
class PartMeans(layers.Layer):
    """Means over equal parts of time: (batch, time, D) -> (batch, parts * D).

    Args:
        parts: How many parts; of fewer frames, some stand for several parts.
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If `parts` is not positive.

    Example:
    >>> PartMeans(2)(tf.reshape(tf.range(4.0), (1, 4, 1))).numpy().tolist()
    [[0.5, 2.5]]
    """

    def __init__(self, parts: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check.at_least(1, parts=parts)
        self.parts = parts

    def call(self, inputs: tf.Tensor, mask: None = None) -> tf.Tensor:
        """Averages each part; the mean that it stands in for takes a mask."""
        count = tf.shape(inputs)[1]
        means = []
        for part in range(self.parts):
            start = count * part // self.parts
            end = tf.maximum(count * (part + 1) // self.parts, start + 1)
            means.append(tf.reduce_mean(inputs[:, start:end], axis=1))
        return tf.concat(means, axis=-1)

    def compute_output_shape(self, shape: tuple) -> tuple:  # noqa: D102
        return shape[0], self.parts * shape[2]

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_config(), "parts": self.parts}


def means_of_parts(encoder: keras.Model, parts: int) -> keras.Model:
    """Gives an encoder whose features keep the coarse order of what was heard.

    Each mean over time becomes the means of equal parts of the time, one after the
    other; weights are shared. What was learnt does not change.

    Args:
        encoder: Functional model with `GlobalAveragePooling1D` layers and, behind them,
            nothing that depends on their width, such as `audio_conv`,
            `vector_sequence` and `mel_conv`.
        parts: How many parts; 1 gives the encoder's own features.

    Returns:
        A model from the same inputs to (batch, parts * features) float32.

    Raises:
        ValueError: If `parts` is not positive or the encoder has no mean over time.

    Example:
    >>> from cl_keras import encoders
    >>> encoder = encoders.vector_sequence((None, 3), channels=4, context=8)
    >>> means_of_parts(encoder, 3).output_shape
    (None, 36)
    """
    check.at_least(1, parts=parts)
    found = [x for x in encoder.layers if isinstance(x, layers.GlobalAveragePooling1D)]
    if not found:
        raise ValueError(
            "Expected an encoder with a mean over time (GlobalAveragePooling1D). "
            f"Received: {encoder.name}"
        )
    if parts == 1:
        return encoder

    def replaced(layer: layers.Layer) -> layers.Layer:
        if layer in found:
            return PartMeans(parts, dtype="float32", name=layer.name)
        return layer

    return keras.models.clone_model(encoder, clone_function=replaced)
