# SPDX-License-Identifier: Apache-2.0
"""How many images of a dataset are shuffled at a time."""

from __future__ import annotations

import math
import warnings

import tensorflow as tf

LEAST = 10_000
LARGEST_BYTES = 2**30


def images_to_shuffle(images: tf.data.Dataset, wanted: int | None) -> int:
    """Chooses the size of a shuffle buffer, and warns where it may not be enough.

    Args:
        images: Of single images, or `(image, label)` pairs.
        wanted: What the user chose; None for a choice by number and size.

    Returns:
        The number of images.

    Raises:
        ValueError: If what was chosen is not positive.

    Example:
    >>> images_to_shuffle(tf.data.Dataset.from_tensors(tf.zeros((8, 8, 1))), None)
    1
    """
    if wanted is not None:
        if wanted < 1:
            raise ValueError(
                "Expected `shuffle_buffer` as a positive number of images, or None. "
                f"Received: shuffle_buffer={wanted}"
            )
        return wanted
    image = tf.nest.flatten(images.element_spec)[0]
    size = image.shape.num_elements()
    fit = 0 if size is None else LARGEST_BYTES // (max(size, 1) * image.dtype.size)
    buffer = max(LEAST, fit)
    count = int(images.cardinality())
    if count == tf.data.INFINITE_CARDINALITY:
        count = math.inf
    if 0 < count <= buffer:
        return count
    known = f"of {count:,}" if count > 0 else "of an unknown number"
    warnings.warn(
        f"Images are shuffled among {buffer:,} at a time, {known}: if the dataset is "
        "sorted by class, batches are nearly of one class. Shuffle its files or rows "
        "before, say its size by `tf.data.experimental.assert_cardinality`, or give "
        "`shuffle_buffer`.",
        stacklevel=3,
    )
    return buffer
