# SPDX-License-Identifier: Apache-2.0
"""Random left-right flip."""

from __future__ import annotations

import tensorflow as tf

from cl_keras.augment import inputs


def random_flip(images: inputs.Images, seed: inputs.Seed, p: float = 0.5) -> tf.Tensor:
    """Mirrors images left to right, each with probability `p`.

    Together with a crop, `random_resized_crop(..., flip=p)` does it at no cost.

    Args:
        images: `(batch, height, width, channels)`, uint8 or float in [0, 1].
        seed: Two integers.
        p: Probability of each example.

    Returns:
        `(batch, height, width, channels)` float32 in [0, 1].

    Raises:
        ValueError: If `p` is outside [0, 1].

    Example:
    >>> random_flip(tf.zeros((4, 8, 8, 1)), (0, 1)).shape.as_list()
    [4, 8, 8, 1]
    """
    images = inputs.as_float(images)
    mirrored = inputs.chosen(images, inputs.as_seed(seed), p)
    return tf.where(inputs.per_image(mirrored), tf.reverse(images, [2]), images)
