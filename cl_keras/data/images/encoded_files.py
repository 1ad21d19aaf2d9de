# SPDX-License-Identifier: Apache-2.0
"""Encoded images, one after the other: from files, and to pixels of one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from cl_keras.augment.inputs import check_size
from cl_keras.decoding import decode_rgb
from cl_keras.resizing import resize_and_crop


def read_encoded(
    files: Sequence[str],
) -> Iterator[tuple[int, bytes, tuple[int, int]]]:
    """Reads image files one after the other, leaving out those that are none.

    Args:
        files: Paths.

    Yields:
        Row in `files`, content, and height and width, of each file that can be
        decoded.
    """

    def load(row: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, ...]:
        content = tf.io.read_file(path)
        return row, content, tf.shape(decode_rgb(content))[:2]

    dataset = (
        tf.data.Dataset.from_tensor_slices((np.arange(len(files)), list(files)))
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .ignore_errors()
        .prefetch(tf.data.AUTOTUNE)
    )
    for row, content, size in dataset.as_numpy_iterator():
        yield int(row), content, (int(size[0]), int(size[1]))


def whole_images(
    contents: tf.data.Dataset, size: int, labels: np.ndarray | None
) -> tf.data.Dataset:
    """Decodes a dataset of encoded images at one size.

    Args:
        contents: Scalar strings.
        size: Side of the square images, which are resized to cover it and cut to the
            centre.
        labels: One for each, or None.

    Returns:
        A dataset of `(size, size, 3)` uint8, or of such images with their labels.
    """
    check_size(size)
    images = contents.map(
        lambda content: whole_image(content, size),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    if labels is None:
        return images
    return tf.data.Dataset.zip(images, tf.data.Dataset.from_tensor_slices(labels))


def whole_image(content: tf.Tensor, size: int) -> tf.Tensor:
    """Decodes one image.

    Args:
        content: Scalar string.
        size: Side of the square image, as in `whole_images`.

    Returns:
        `(size, size, 3)` uint8.
    """
    image = resize_and_crop(decode_rgb(content), (size, size))
    return tf.ensure_shape(image, (size, size, 3))
