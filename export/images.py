# SPDX-License-Identifier: Apache-2.0
"""From encoded image bytes to an encoder's input, inside the served graph."""

from __future__ import annotations

import tensorflow as tf

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

    Each image is resized with one factor for both sides, the smallest that covers
    `height` x `width` (for a square input: the shorter side becomes the input's
    side), bilinear with antialiasing; then its centre is cropped and rounded to 256
    levels, which are divided by 255. An image that has the right size already is
    only scaled. This is the rule of `cl_keras.data` (a test compares the two).

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
        # Always as RGB: TensorFlow cannot read GIF and BMP files as greyscale.
        image = tf.io.decode_image(contents, channels=3, expand_animations=False)
        image.set_shape((None, None, 3))
        if channels == 1:
            image = tf.image.rgb_to_grayscale(image)
        image = _cover(tf.cast(image, tf.float32), height, width)
        # Training and evaluation keep resized images as uint8.
        return tf.clip_by_value(tf.round(image), 0.0, 255.0) / 255.0

    shape = (height, width, channels)
    return tf.map_fn(
        decode, image_bytes, fn_output_signature=tf.TensorSpec(shape, tf.float32)
    )


def _cover(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    size = tf.shape(image)[:2]
    target = tf.constant((height, width), tf.int32)
    factor = tf.reduce_max(tf.cast(target, tf.float64) / tf.cast(size, tf.float64))
    covered = tf.cast(tf.round(tf.cast(size, tf.float64) * factor), tf.int32)
    covered = tf.maximum(covered, target)
    offset = (covered - target) // 2
    # tf.image.resize(image, covered, antialias=True) and the crop in one op: only
    # the pixels that stay are computed, so a 1 x 60,000 image costs no more memory.
    image = tf.raw_ops.ScaleAndTranslate(
        images=image[None],
        size=target,
        scale=tf.cast(covered, tf.float32) / tf.cast(size, tf.float32),
        translation=-tf.cast(offset, tf.float32),
        kernel_type="triangle",
        antialias=True,
    )[0]
    return tf.ensure_shape(image, (height, width, None))
