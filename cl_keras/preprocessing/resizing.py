# SPDX-License-Identifier: Apache-2.0
"""The one rule for bringing images to a common size, in training and in serving."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_BATCH = 1024  # Images of a set that are resized at a time.


def resize_and_crop(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Resizes images so that they just cover `size`, then takes the centre.

    Both sides are resized with one factor, the smallest that covers `size` (for a
    square: the shorter side becomes its side), bilinear with antialiasing. Values
    are rounded to 256 levels. Only the pixels that stay are computed, so that memory
    is bounded by `size` and the image, whatever its aspect ratio.
    """
    # float64 holds every size exactly, also those beyond int32 that a very long
    # image would have if it were resized as a whole.
    given = tf.cast(tf.shape(image)[-3:-1], tf.float64)
    wanted = tf.constant(size, tf.float64)
    factor = tf.reduce_max(wanted / given)
    # Never below the wanted size, whatever the rounding.
    covering = tf.maximum(tf.round(given * factor), wanted)
    offset = tf.floor((covering - wanted) / 2)
    scale = covering / given
    # The part of the image that the centre is made of: the triangle kernel reaches
    # one pixel of the image or of the result, whichever is larger.
    reach = 1.0 + tf.maximum(1.0 / scale, 1.0)
    first = tf.maximum(tf.floor(offset / scale - reach), 0.0)
    last = tf.minimum(tf.math.ceil((offset + wanted) / scale + reach), given)
    top, left = tf.unstack(tf.cast(first, tf.int32))
    bottom, right = tf.unstack(tf.cast(last, tf.int32))
    part = image[..., top:bottom, left:right, :]
    # tf.image.resize(image, covering, antialias=True) and the crop in one op.
    resized = tf.raw_ops.ScaleAndTranslate(
        images=part if image.shape.rank == 4 else part[tf.newaxis],
        size=tf.constant(size, tf.int32),
        scale=tf.cast(scale, tf.float32),
        translation=tf.cast(first * scale - offset, tf.float32),
        kernel_type="triangle",
        antialias=True,
    )
    levels = tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)
    return levels if image.shape.rank == 4 else levels[0]


def resize_all(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Applies `resize_and_crop` to a whole set, a block at a time."""
    if images.shape[1:3] == size:
        return images
    result = np.empty((len(images), *size, images.shape[-1]), np.uint8)
    for start in range(0, len(images), _BATCH):
        block = tf.constant(images[start : start + _BATCH])
        result[start : start + _BATCH] = resize_and_crop(block, size)
    return result
