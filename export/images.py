# SPDX-License-Identifier: Apache-2.0
"""From encoded image bytes to an encoder's input, inside the served graph."""

from __future__ import annotations

import tensorflow as tf

from cl_keras.decoding import MAX_PIXELS as MAX_PIXELS
from cl_keras.decoding import decode_to

#: What `decode_images` does, for manifests and cards.
PREPROCESSING = (
    "decode (JPEG, PNG, BMP, WebP, first frame of a GIF); turn as Exif says; resize, "
    "bilinear with "
    "antialiasing, until the image just covers the input size; central crop; "
    "scale to [0, 1]"
)


def decode_image(
    content: tf.Tensor,
    height: int,
    width: int,
    channels: int,
    max_pixels: int | None = MAX_PIXELS,
) -> tf.Tensor:
    """Decodes an encoded image the way evaluation prepares images.

    It is decoded at `height` x `width` by `cl_keras.decoding.decode_to`, as
    `cl_keras.data` does; its 256 levels are divided by 255. An image that has the
    right size already is only scaled.

    Args:
        content: Scalar string: a JPEG, PNG, GIF, BMP or WebP file.
        height: Height of the result in pixels.
        width: Width of the result in pixels.
        channels: 3, or 1 for greyscale (ITU-R BT.601 luma, exact for grey files).
        max_pixels: Largest image, by its header; None for no limit.

    Returns:
        float32, shape `(height, width, channels)`, in `[0, 1]`.

    Raises:
        ValueError: If `channels` is neither 1 nor 3.
        tf.errors.InvalidArgumentError: When run, if it is no such file or too large.

    Example:
    >>> png = tf.io.encode_png(tf.zeros((40, 60, 3), tf.uint8))
    >>> decode_image(png, 32, 32, 3).shape
    TensorShape([32, 32, 3])
    """
    image = decode_to(content, (height, width), channels, max_pixels)
    return tf.cast(image, tf.float32) / 255.0
