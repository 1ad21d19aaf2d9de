# SPDX-License-Identifier: Apache-2.0
"""What methods take out of a batch."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def single_input(
    method: str, data: Any, encoder: keras.Model, what: str, maker: str
) -> tf.Tensor:
    """Takes the inputs out of a batch of methods that look at one input an example.

    Args:
        method: Name of the method, for the messages.
        data: `inputs`, `(inputs,)` or `(inputs, labels)`. Labels are dropped.
        encoder: Whose input shape the inputs must have.
        what: What the inputs are called, in the plural.
        maker: What makes such batches.

    Returns:
        The inputs, float32.

    Raises:
        ValueError: For anything else, two batches of inputs, or inputs that are not
            of floating dtype.

    Example:
    >>> inputs = keras.Input((2,))
    >>> encoder = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    >>> single_input("Method", (tf.zeros((4, 2)),), encoder, "inputs", "...").shape
    TensorShape([4, 2])
    """
    parts = data if isinstance(data, tuple | list) else (data,)
    single = len(parts) in (1, 2) and not isinstance(parts[0], dict | tuple | list)
    inputs = tf.convert_to_tensor(parts[0]) if single else None
    shape = tf.TensorShape(encoder.input_shape)
    if inputs is None or not shape.is_compatible_with(inputs.shape):
        raise ValueError(
            f"{method} trains on single {what} of the encoder's shape {shape}: {what}, "
            f"({what},) or ({what}, labels), as {maker} makes them. "
            f"Received: {shapes(data)}"
        )
    labels = getattr(parts[-1], "shape", ()) if len(parts) == 2 else ()
    if len(labels) == 4 and inputs.shape.is_compatible_with(labels):
        raise ValueError(
            f"{method} trains on one image an example, without views. Received two "
            f"batches of images: {shapes(data)}"
        )
    if not inputs.dtype.is_floating:
        raise ValueError(
            f"{method} trains on float {what}: waveforms in [-1, 1], images in [0, 1], "
            f"as {maker} makes them. Received: dtype {inputs.dtype.name}"
        )
    return tf.cast(inputs, tf.float32)


def shapes(data: Any) -> Any:
    """Says what is in a batch, for messages: the shape of whatever has one.

    Args:
        data: A batch.

    Returns:
        The same structure of shapes.

    Example:
    >>> shapes((tf.zeros((4, 2)), "labels"))
    (TensorShape([4, 2]), 'labels')
    """
    return tf.nest.map_structure(lambda x: getattr(x, "shape", x), data)
