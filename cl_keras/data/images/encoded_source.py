# SPDX-License-Identifier: Apache-2.0
"""Encoded images by row, wherever they are: in memory, in files or in records."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from cl_keras.augment.inputs import check_size
from cl_keras.data.examples import Examples
from cl_keras.preprocessing.decoding import decode_to


class EncodedSource(Examples):
    """What pipelines decode images of, each when its turn comes.

    Subclasses are frozen dataclasses of these attributes and of where the bytes are.
    """

    name: str
    #: Height and width of each, `(count, 2)`; None where that shows when it is read.
    sizes: np.ndarray | None
    class_names: tuple[str, ...] | None
    skipped: tuple[str, ...]
    ids: tuple[str, ...] | None = None
    pixels: np.ndarray | None

    def read(self, rows: np.ndarray) -> list[bytes]:
        """Reads the contents of some images.

        Args:
            rows: Their numbers.

        Returns:
            The encoded images' bytes.
        """
        return list(self.reader()(tf.constant(rows, tf.int64)).numpy())

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Makes the function by which a pipeline gets at the contents.

        Any row is read for itself, so an order can be any permutation of all rows,
        without a buffer to shuffle in, and training goes on at any step without
        reading what came before.

        Returns:
            Maps rows, int64 `(batch,)` or one, to contents, string of the same shape.
        """
        raise NotImplementedError

    @property
    def needs_pillow(self) -> bool:
        """Whether there are, by their names, TIFF, HEIC or AVIF files among them."""
        return False

    def note(self, rows: np.ndarray) -> None:
        """Keeps in mind which images could not be decoded.

        Args:
            rows: Their numbers.

        Raises:
            ValueError: If each has been decoded before, so that this is an accident.
        """
        raise ValueError(f"Image {rows[0]} of {self.name} cannot be read any more.")

    def unreadable(self) -> list[str]:
        """Names the images that could not be decoded so far, each with the reason."""
        return []

    def dataset(self, size: int) -> tf.data.Dataset:
        """Whole images at one size, read and decoded anew on every pass, in order.

        Args:
            size: Side of the square images, which are resized to cover it and cut to
                the centre.

        Returns:
            A dataset of `(size, size, 3)` uint8, or of such images with their labels,
            as `data.two_views`, `one_view` and `batches` take it.
        """
        check_size(size)
        read = self.reader()
        images = tf.data.Dataset.range(len(self)).map(
            lambda row: decode_to(read(row), (size, size)),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        if self.labels is None:
            return images
        labels = tf.data.Dataset.from_tensor_slices(self.labels)
        return tf.data.Dataset.zip(images, labels)


def each_row(
    read: Callable[[tf.Tensor], tf.Tensor],
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Makes what reads one row read a batch of them, too."""
    content = tf.TensorSpec((), tf.string)

    def rows_or_one(rows: tf.Tensor) -> tf.Tensor:
        rows = tf.convert_to_tensor(rows)
        if rows.shape.rank == 0:
            return read(rows)
        return tf.map_fn(read, rows, fn_output_signature=content)

    return rows_or_one
