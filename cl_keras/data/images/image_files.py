# SPDX-License-Identifier: Apache-2.0
"""Images that stay in their files, for folders that are larger than memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras.data.file_kinds import paths_of
from cl_keras.data.images.encoded_files import whole_images


@dataclasses.dataclass(frozen=True, eq=False)
class ImageFiles:
    """Image files, each of which has been decoded once and is good.

    They are read anew whenever they are needed, and must stay as they are.

    Args:
        name: Where the images come from.
        files: Their paths.
        sizes: `(count, 2)` int64, height and width of each, in pixels.
        labels: `(count,)` int64, or None.
        class_names: Name of each label, or None.
        skipped: Files that could not be used, each with the reason.
        ids: Path of each file in its folder.

    Example:
    >>> images = encoded_images("photos", max_bytes=0)  # doctest: +SKIP
    """

    name: str
    files: tuple[str, ...]
    sizes: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()
    ids: tuple[str, ...] | None = None
    pixels: None = None

    def __len__(self) -> int:
        return len(self.files)

    def take(self, rows: np.ndarray) -> ImageFiles:
        """As `EncodedImages.take`."""
        return dataclasses.replace(
            self,
            files=tuple(self.files[row] for row in rows),
            sizes=self.sizes[rows],
            labels=None if self.labels is None else self.labels[rows],
            ids=None if self.ids is None else tuple(self.ids[row] for row in rows),
        )

    def read(self, rows: np.ndarray) -> list[bytes]:
        """As `EncodedImages.read`."""
        return [Path(self.files[row]).read_bytes() for row in rows]

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """As `EncodedImages.reader`."""
        with tf.device("CPU"):
            paths = tf.constant(paths_of(self.files))
        return lambda rows: tf.map_fn(
            tf.io.read_file,
            tf.gather(paths, rows),
            fn_output_signature=tf.TensorSpec((), tf.string),
        )

    def dataset(self, size: int) -> tf.data.Dataset:
        """As `EncodedImages.dataset`."""
        paths = tf.data.Dataset.from_tensor_slices(paths_of(self.files))
        return whole_images(paths.map(tf.io.read_file), size, self.labels)
