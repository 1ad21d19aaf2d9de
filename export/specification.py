# SPDX-License-Identifier: Apache-2.0
"""Which models can be exported."""

from __future__ import annotations

import keras


def specification(encoder: keras.Model) -> tuple[tuple[int, ...], int]:
    """Returns an encoder's input shape and feature width.

    Args:
        encoder: The model.

    Returns:
        The shape of one input, such as `(32, 32, 3)`, and the number of features.

    Raises:
        TypeError: If `encoder` is not a Keras model.
        ValueError: If it has not one float input of known shape and one output
            `(batch, features)`.

    Example:
    >>> specification(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
    ((4,), 2)
    """
    if not isinstance(encoder, keras.Model):
        raise TypeError(f"Expected a keras.Model. Received: {type(encoder).__name__}")
    inputs = getattr(encoder, "inputs", None)
    outputs = getattr(encoder, "outputs", None)
    if not inputs or not outputs:
        raise ValueError(
            "Expected an encoder whose input shape is known: a functional model, or "
            "keras.Sequential([keras.Input(shape), encoder]); of a method, pass its "
            f"`.encoder`. Received: {type(encoder).__name__} {encoder.name!r}"
        )
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            "Expected an encoder with one input and one output. Received: "
            f"{len(inputs)} inputs and {len(outputs)} outputs"
        )
    shape = tuple(inputs[0].shape)[1:]
    if not shape or None in shape or "float" not in str(inputs[0].dtype):
        raise ValueError(
            "Expected an encoder with a float input of known height, width and "
            f"channels, (batch, H, W, C). Received: {tuple(inputs[0].shape)}, "
            f"{inputs[0].dtype}"
        )
    output = tuple(outputs[0].shape)
    if len(output) != 2 or output[1] is None:
        raise ValueError(
            "Expected an encoder with output (batch, features); add a pooling or "
            f"flattening layer. Received: {output}"
        )
    return shape, int(output[1])
