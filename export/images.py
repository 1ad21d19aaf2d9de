# SPDX-License-Identifier: Apache-2.0
"""From encoded image bytes to an encoder's input, inside the served graph."""

from __future__ import annotations

import tensorflow as tf

from cl_keras.decoding import decode_rgb
from cl_keras.resizing import resize_and_crop

#: What `decode_images` does, for manifests and cards.
PREPROCESSING = (
    "decode (JPEG, PNG, BMP, first frame of a GIF); resize, bilinear with "
    "antialiasing, until the image just covers the input size; central crop; "
    "scale to [0, 1]"
)


def decode_images(
    image_bytes: tf.Tensor, height: int, width: int, channels: int
) -> tf.Tensor:
    """Decodes a batch of encoded images the way evaluation prepares images.

    Each image is decoded by `cl_keras.decoding.decode_rgb`, resized until it just
    covers `height` x `width` and cut to its centre by
    `cl_keras.resizing.resize_and_crop`, as `cl_keras.data` does; its 256 levels are
    divided by 255. An image that has the right size already is only scaled.

    Args:
        image_bytes: String, shape `(batch,)`: JPEG, PNG, GIF or BMP files. The
            batch may be empty.
        height: Height of the result in pixels.
        width: Width of the result in pixels.
        channels: 3, or 1 for greyscale (ITU-R BT.601 luma, exact for grey files).

    Returns:
        float32, shape `(batch, height, width, channels)`, in `[0, 1]`.

    Raises:
        ValueError: If `channels` is neither 1 nor 3.

    Example:
    >>> png = tf.io.encode_png(tf.zeros((40, 60, 3), tf.uint8))
    >>> decode_images(png[None], 32, 32, 3).shape
    TensorShape([1, 32, 32, 3])
    """
    if channels not in (1, 3):
        raise ValueError(f"Expected 1 or 3 channels. Received: channels={channels}")

    def decode(contents: tf.Tensor) -> tf.Tensor:
        image = decode_rgb(contents)
        if channels == 1:
            image = tf.image.rgb_to_grayscale(image)
        image = resize_and_crop(image, (height, width))
        return tf.cast(image, tf.float32) / 255.0

    shape = (height, width, channels)
    return tf.map_fn(
        decode, image_bytes, fn_output_signature=tf.TensorSpec(shape, tf.float32)
    )
