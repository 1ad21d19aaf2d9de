# SPDX-License-Identifier: Apache-2.0
"""What methods take out of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from cl_keras.preprocessing.pixels import unit_pixels
from cl_keras.specification import input_shape, is_subclassed, takes_images


def single_input(
    method: str, data: Any, encoder: keras.Model, what: str, maker: str
) -> tf.Tensor:
    """Takes the inputs out of a batch of methods that look at one input an example."""
    data = without_none(data)
    parts = data if isinstance(data, tuple | list) else (data,)
    single = len(parts) in (1, 2) and not isinstance(parts[0], dict | tuple | list)
    inputs = tf.convert_to_tensor(parts[0]) if single else None
    of_images = takes_images(encoder)
    if of_images and inputs is not None:
        check_images(method, encoder, inputs.shape)
    shape = tf.TensorShape(input_shape(encoder))
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
    if of_images:
        return unit_pixels(inputs)
    if not inputs.dtype.is_floating:
        raise ValueError(
            f"{method} trains on float {what}, such as waveforms in [-1, 1], as "
            f"{maker} makes them. Received: dtype {inputs.dtype.name}"
        )
    return tf.cast(inputs, tf.float32)


def without_none(data: Any) -> Any:
    """Leaves out the labels and weights that `train_on_batch` has in place of none."""
    if not isinstance(data, tuple | list):
        return data
    parts = list(data)
    while parts and parts[-1] is None:
        parts.pop()
    return tuple(parts)


def in_order(data: Any, names: Sequence[str]) -> tuple[Any, ...]:
    """Takes an example's several inputs out of a batch: tuples, or dicts by name."""
    if isinstance(data, dict):
        return tuple(data[name] for name in names if name in data)
    if not isinstance(data, tuple | list) or not data:
        return ()
    return tuple(data[0] if isinstance(data[0], tuple | list) else data)


def taken_shape(encoder: keras.Model) -> tf.TensorShape:
    """The shape of an encoder's batches; unknown of one that may take others too."""
    shape = None if is_subclassed(encoder) else input_shape(encoder)
    return tf.TensorShape(shape)


def check_images(method: str, encoder: keras.Model, shape: tf.TensorShape) -> None:
    """Checks the form of a batch of images against that of an encoder's."""
    channels = input_shape(encoder)[-1]
    if shape.rank != 4 or channels is None or shape[-1] in (None, channels):
        return
    first = shape[1] == channels
    hint = (
        " Channels come first there: turn the images with tf.transpose(images, "
        "(0, 2, 3, 1))."
        if first
        else ""
    )
    raise ValueError(
        f"{method} has an encoder of images (height, width, {channels}). Received: "
        f"shape {tuple(shape)}.{hint}"
    )


def shapes(data: Any) -> Any:
    """Says what is in a batch, for messages: the shape of whatever has one."""
    return tf.nest.map_structure(lambda x: getattr(x, "shape", x), data)
