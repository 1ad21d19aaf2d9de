# SPDX-License-Identifier: Apache-2.0
"""Random rotation about the centre."""

from __future__ import annotations

import math

import tensorflow as tf

from cl_keras.augment import draws, inputs


def random_rotation(
    images: inputs.Images, seed: inputs.Seed, degrees: float = 15.0
) -> tf.Tensor:
    """Turns each image about its centre by an angle of its own.

    Args:
        images: `(batch, height, width, channels)`, uint8 or float in [0, 1].
        seed: Two integers.
        degrees: Largest angle to either side; angles are uniform in between.

    Returns:
        `(batch, height, width, channels)` float32 in [0, 1], interpolated bilinearly.
        What is turned in from outside is the image mirrored, as in Keras.

    Raises:
        ValueError: If `degrees` is not in [0, 180].

    Example:
    >>> random_rotation(tf.zeros((4, 8, 8, 1)), (0, 1)).shape.as_list()
    [4, 8, 8, 1]
    """
    check_degrees(degrees)
    images = inputs.as_float(images)
    shape = tf.shape(images)
    largest = math.radians(degrees)
    angles = draws.uniform(shape[:1], inputs.as_seed(seed), -largest, largest)
    cos, sin = tf.cos(angles), tf.sin(angles)
    middle = tf.cast(shape[1:3] - 1, tf.float32) / 2.0
    top, left, zeros = middle[0], middle[1], tf.zeros_like(angles)
    # Where pixel (x, y) of the result comes from; the centre stays where it is.
    rows = [cos, -sin, left - cos * left + sin * top]
    rows += [sin, cos, top - sin * left - cos * top, zeros, zeros]
    turned = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(rows, axis=1),
        output_shape=shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return tf.clip_by_value(tf.ensure_shape(turned, images.shape), 0.0, 1.0)


def check_degrees(degrees: float) -> None:
    """Checks the largest angle of a rotation."""
    if not 0.0 <= degrees <= 180.0:
        raise ValueError(
            f"Expected `degrees` of a rotation in [0, 180]. Received: {degrees}"
        )
