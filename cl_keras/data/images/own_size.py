# SPDX-License-Identifier: Apache-2.0
"""The size that images get where none is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from cl_keras.data.file_kinds import paths_of
from cl_keras.preprocessing.decoding import decode_to, served, shown_size
from cl_keras.untuned import untuned

#: Side of square images, or height and width; None for the data's own.
ImageSize: TypeAlias = int | tuple[int, int] | None
#: Longest side of images that keep the size they have.
LARGEST_OWN = 256
#: Height and width of all others.
USUAL_SIZE = (224, 224)
_SMALL = (8, 8)  # As small as any, to see whether an image can be decoded.


def height_width(image_size: ImageSize) -> tuple[int, int] | None:
    """Height and width of images."""
    if image_size is None:
        return None
    height, width = (
        (image_size, image_size) if isinstance(image_size, int) else image_size
    )
    if min(height, width) < 1:
        raise ValueError(
            f"Expected `image_size` to be positive. Received: image_size={image_size}"
        )
    return height, width


def own_size(sources: Sequence[str] | Sequence[bytes]) -> tuple[int, int]:
    """Finds the size of images from their headers, before any is decoded."""
    if not sources:
        return USUAL_SIZE
    common: tuple[int, int] | None = None

    def measured(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return shown_size(content), content

    # Large images are known by the first of them: few files are read.
    files = image_sources(sources).map(measured).ignore_errors()
    for size, content in files.as_numpy_iterator():
        found = (int(size[0]), int(size[1]))
        # What is broken after its header is left out later: it tells nothing.
        if found != common and _can_be_decoded(content):
            if common is not None or max(found) > LARGEST_OWN:
                return USUAL_SIZE
            common = found
    return common or USUAL_SIZE


def _can_be_decoded(content: bytes) -> bool:
    try:
        decode_to(tf.constant(content), _SMALL)
    except tf.errors.OpError:
        return False
    return True


def image_sources(sources: Sequence[str] | Sequence[bytes]) -> tf.data.Dataset:
    """Makes a dataset of the contents of files, as TensorFlow decodes them."""
    with tf.device("CPU"):
        if isinstance(sources[0], bytes):
            contents = tf.data.Dataset.from_tensor_slices(list(sources))
            return untuned(contents.map(served))
        paths = paths_of([str(source) for source in sources])
        files = tf.data.Dataset.from_tensor_slices(paths)
        return untuned(files.map(lambda path: served(tf.io.read_file(path))))
