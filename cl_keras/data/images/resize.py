# SPDX-License-Identifier: Apache-2.0
"""Whole sets of images at one size."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from cl_keras.preprocessing.resizing import resize_and_crop

_BATCH = 1024


def resize_all(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Applies `resize_and_crop` to a whole set, a block at a time."""
    if images.shape[1:3] == size:
        return images
    result = np.empty((len(images), *size, images.shape[-1]), np.uint8)
    for start in range(0, len(images), _BATCH):
        block = tf.constant(images[start : start + _BATCH])
        result[start : start + _BATCH] = resize_and_crop(block, size)
    return result
