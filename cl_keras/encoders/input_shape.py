# SPDX-License-Identifier: Apache-2.0
"""Shapes of inputs: whether they are images', and the same network for another."""

from __future__ import annotations

from typing import Any

import keras


def check_image_shape(input_shape: tuple[int | None, ...]) -> None:
    """Raises for what is no shape of an image."""
    if len(input_shape) != 3 or any(not s or s < 1 for s in input_shape):
        raise ValueError(
            "`input_shape` must be (height, width, channels), all positive. "
            f"Received: input_shape={tuple(input_shape)}"
        )


def with_input_shape(
    encoder: keras.Model, input_shape: tuple[int | None, ...]
) -> keras.Model:
    """Builds an encoder for inputs of another size, with the same weights.

    Convolutions with global pooling allow any size, and vision transformers that
    interpolate their positions; a dense layer on a flattened map does not.

    Args:
        encoder: A functional or sequential model of one input.
        input_shape: Of one example, such as (height, width, channels); None for an
            open dimension.

    Returns:
        The encoder itself if it takes such inputs already, else a new model.

    Raises:
        ValueError: If the network does not allow this size.

    Example:
    >>> from cl_keras import encoders
    >>> small = encoders.compact_resnet((32, 32, 3), width=8)
    >>> with_input_shape(small, (96, 96, 3)).input_shape
    (None, 96, 96, 3)
    """
    before = encoder.input_shape
    wanted = (None, *input_shape)
    if not isinstance(before, tuple) or before == wanted:
        return encoder
    fits = len(before) == len(wanted) and all(
        old in (None, new) for old, new in zip(before, wanted, strict=True)
    )
    if fits:
        return encoder
    error = ValueError(
        f"The encoder {encoder.name} takes inputs of {before[1:]}, and its network "
        f"does not allow {input_shape}."
    )
    if len(before) != len(wanted) or before[-1] != wanted[-1]:
        raise error
    try:
        made = _again(encoder, wanted)
        made.set_weights(encoder.get_weights())
    except Exception as reason:
        raise error from reason
    return made


def _again(layer: Any, shape: tuple[int | None, ...] | None = None) -> Any:
    """A layer once more; of models within it all sizes but the channels are open."""
    if isinstance(layer, keras.Sequential) and shape is None:
        return keras.Sequential(
            [_again(part) for part in layer.layers], name=layer.name
        )
    if not isinstance(layer, keras.Model):
        return type(layer).from_config(layer.get_config())
    (tensor,) = layer.inputs
    if shape is None:
        shape = (None,) * (len(tensor.shape) - 1) + (tensor.shape[-1],)
    inputs = keras.Input(batch_shape=shape, dtype=tensor.dtype, name=tensor.name)
    return keras.models.clone_model(layer, inputs, clone_function=_again)
