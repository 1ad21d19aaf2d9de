# SPDX-License-Identifier: Apache-2.0
"""The one rule for decoding image files, in training and in serving."""

from __future__ import annotations

import tensorflow as tf


def decode_rgb(content: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF (first frame) or BMP file to RGB.

    Grey images repeat their channel, palettes are looked up, transparency is dropped
    and 16 bits a channel are cut to the upper 8. EXIF rotation is not applied. Plain
    TensorFlow operations: it can be part of a pipeline and of a served graph.

    Args:
        content: Scalar string, the file's bytes.

    Returns:
        `(height, width, 3)` uint8.

    Raises:
        tf.errors.InvalidArgumentError: If the bytes are no such file, or a BMP of
            other than 8, 24 or 32 bits a pixel.

    Example:
    >>> decode_rgb(tf.io.encode_png(tf.zeros((2, 4, 1), tf.uint8))).shape
    TensorShape([2, 4, 3])
    """
    image = tf.cond(
        tf.equal(tf.strings.substr(content, 0, 2), b"BM"),
        lambda: _decode_bmp(content),
        lambda: tf.io.decode_image(content, channels=3, expand_animations=False),
    )
    return tf.ensure_shape(image, (None, None, 3))


def _decode_bmp(content: tf.Tensor) -> tf.Tensor:
    # Asked for three channels, TensorFlow refuses a BMP that has one or four.
    image = tf.io.decode_bmp(content)
    return tf.cond(
        tf.equal(tf.shape(image)[-1], 1),
        lambda: _look_up(image[..., 0], content),
        lambda: image[..., :3],
    )


def _look_up(indices: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    """Colours of a BMP of 8 bits: TensorFlow leaves it at numbers in its palette."""
    # Where the pixels begin, and how long the second header is, from bytes 10 and 14.
    pixels, header = tf.unstack(
        tf.io.decode_raw(tf.strings.substr(content, 10, 8), tf.int32), num=2
    )
    # The palette fills the space between: blue, green, red and an unused byte each.
    start = 14 + header
    entries = tf.strings.substr(content, start, pixels - start)
    palette = tf.reshape(tf.io.decode_raw(entries, tf.uint8), (-1, 4))
    return tf.gather(palette[:, 2::-1], tf.cast(indices, tf.int32))
