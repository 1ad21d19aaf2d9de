# SPDX-License-Identifier: Apache-2.0
"""The size that images get where none is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from cl_keras.data.file_kinds import paths_of
from cl_keras.decoding import shown_size

#: Longest side of images that keep the size they have.
LARGEST_OWN = 256
#: Height and width of all others.
USUAL_SIZE = (224, 224)
_BATCH = 16


def own_size(sources: Sequence[str] | Sequence[bytes]) -> tuple[int, int]:
    """Finds the size of images from their headers, before any is decoded.

    Args:
        sources: Paths of files, or the files' contents.

    Returns:
        Height and width of the images where they are the same for all and no side is
        above 256; else (224, 224). Files without a header that can be read do not
        count.

    Example:
    >>> own_size([tf.io.encode_png(tf.zeros((2, 4, 3), tf.uint8)).numpy()])
    (2, 4)
    """
    if not sources:
        return USUAL_SIZE
    common: tuple[int, int] | None = None
    # Large images are known by the first of them: few files are read.
    for sizes in image_sources(sources).map(shown_size).ignore_errors().batch(_BATCH):
        for height, width in sizes.numpy().tolist():
            common = common or (height, width)
            if common != (height, width) or max(common) > LARGEST_OWN:
                return USUAL_SIZE
    return common or USUAL_SIZE


def image_sources(sources: Sequence[str] | Sequence[bytes]) -> tf.data.Dataset:
    """Makes a dataset of the contents of files.

    Args:
        sources: Paths of files, or the files' contents.

    Returns:
        A dataset of scalar strings, in order; it fails at a file that cannot be read.
    """
    with tf.device("CPU"):
        if isinstance(sources[0], bytes):
            return tf.data.Dataset.from_tensor_slices(list(sources))
        paths = paths_of([str(source) for source in sources])
        return tf.data.Dataset.from_tensor_slices(paths).map(tf.io.read_file)
