# SPDX-License-Identifier: Apache-2.0
"""The one rule for decoding image files, in training and in serving."""

from __future__ import annotations

import tensorflow as tf

from cl_keras import image_header


def decode_rgb(content: tf.Tensor, max_pixels: int | None = None) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF (first frame) or BMP file to RGB.

    Grey images repeat their channel, palettes are looked up, transparency is dropped
    and 16 bits a channel are cut to the upper 8. EXIF rotation is not applied. Plain
    TensorFlow operations: it can be part of a pipeline and of a served graph.

    Args:
        content: Scalar string, the file's bytes.
        max_pixels: Largest height x width, as the header states it; what is larger
            is refused before it is decoded. None for no limit, and for whatever else
            TensorFlow can decode.

    Returns:
        `(height, width, 3)` uint8.

    Raises:
        tf.errors.InvalidArgumentError: If the bytes are no such file, or a BMP of
            other than 8, 24 or 32 bits a pixel, or the image is too large.

    Example:
    >>> decode_rgb(tf.io.encode_png(tf.zeros((2, 4, 1), tf.uint8))).shape
    TensorShape([2, 4, 3])
    """
    if max_pixels is not None:
        size = image_header.stated_size(content)
        fits = tf.debugging.Assert(
            # Divided, not multiplied: a product may be beyond int64.
            size[0] <= max_pixels // tf.maximum(size[1], 1),
            [f"Expected at most {max_pixels} pixels. Received height, width:", size],
        )
        with tf.control_dependencies([fits]):
            content = tf.identity(content)
    image = tf.case(
        [
            (image_header.is_bmp(content), lambda: _decode_bmp(content)),
            (
                image_header.is_gif(content),
                lambda: _decode(image_header.first_frame(content)),
            ),
        ],
        lambda: _decode(content),
    )
    return tf.ensure_shape(image, (None, None, 3))


def _decode(content: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(content, channels=3, expand_animations=False)


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
