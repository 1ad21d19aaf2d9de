# SPDX-License-Identifier: Apache-2.0
"""One rule for bringing images to a common size."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_BATCH = 1024


def resize_and_crop(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Resizes images so that they cover `size`, then takes the centre.

    Bilinear with antialiasing; the aspect ratio is kept.

    Args:
        image: `([batch,] height, width, channels)` uint8.
        size: Height and width wanted.

    Returns:
        `([batch,] *size, channels)` uint8.

    Example:
    >>> resize_and_crop(tf.zeros((10, 30, 3), tf.uint8), (8, 8)).shape.as_list()
    [8, 8, 3]
    """
    height, width = tf.unstack(tf.shape(image)[-3:-1])
    scale = tf.maximum(size[0] / height, size[1] / width)
    scaled = tf.round(scale * tf.cast([height, width], scale.dtype))
    # Never below the wanted size, whatever the rounding.
    covering = tf.maximum(tf.cast(scaled, tf.int32), size)
    image = tf.image.resize(image, covering, antialias=True)
    top, left = (covering[0] - size[0]) // 2, (covering[1] - size[1]) // 2
    image = image[..., top : top + size[0], left : left + size[1], :]
    return tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)


def resize_all(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Applies `resize_and_crop` to a whole set, a block at a time.

    Args:
        images: `(count, height, width, channels)` uint8.
        size: Height and width wanted.

    Returns:
        `(count, *size, channels)` uint8.

    Example:
    >>> resize_all(np.zeros((2, 8, 8, 1), np.uint8), (16, 16)).shape
    (2, 16, 16, 1)
    """
    if images.shape[1:3] == size:
        return images
    result = np.empty((len(images), *size, images.shape[-1]), np.uint8)
    for start in range(0, len(images), _BATCH):
        block = tf.constant(images[start : start + _BATCH])
        result[start : start + _BATCH] = resize_and_crop(block, size)
    return result
