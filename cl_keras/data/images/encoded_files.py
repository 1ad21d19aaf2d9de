# SPDX-License-Identifier: Apache-2.0
"""Encoded images from files, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from cl_keras.data.file_kinds import paths_of
from cl_keras.data.images.decode_all import PARALLEL
from cl_keras.preprocessing.decoding import decode_rgb, decode_to, shown_size
from cl_keras.progress import Progress


class EncodedFile(NamedTuple):
    """An image file that has been decoded once and is good.

    Attributes:
        row: Its number among those asked for.
        content: Its bytes.
        size: Height and width, turned upright.
        pixels: The whole image at the side asked for, or of side 0.
    """

    row: int
    content: bytes
    size: tuple[int, int]
    pixels: np.ndarray


def read_encoded(
    files: Sequence[str], side: int | None = None, *, place: str = ""
) -> Iterator[EncodedFile]:
    """Reads image files one after the other, leaving out those that are none.

    Each is decoded once, no larger than needed, to see whether it can be.
    """

    def load(row: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, ...]:
        content = tf.io.read_file(path)
        pixels = (
            _no_pixels(content) if side is None else decode_to(content, (side, side))
        )
        return row, content, shown_size(content), pixels

    dataset = (
        tf.data.Dataset.from_tensor_slices((np.arange(len(files)), paths_of(files)))
        .map(load, num_parallel_calls=PARALLEL, deterministic=True)
        .ignore_errors()
        .prefetch(PARALLEL)
    )
    progress = Progress(f"images{f' of {place}' if place else ''} read", len(files))
    before = 0
    for row, content, size, pixels in dataset.as_numpy_iterator():
        progress.add(int(row) + 1 - before)
        before = int(row) + 1
        yield EncodedFile(int(row), content, (int(size[0]), int(size[1])), pixels)


# Traced once, as what `decode_to` calls is: each pipeline would trace it again.
@tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
def _no_pixels(content: tf.Tensor) -> tf.Tensor:
    # All of a JPEG is read for an eighth of it, too.
    return decode_rgb(content, spare=tf.constant(8.0))[:0, :0]
