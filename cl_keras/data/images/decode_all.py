# SPDX-License-Identifier: Apache-2.0
"""Many encoded images to one array, with those that fail named."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras.data.file_kinds import paths_of
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.images.own_size import own_size
from cl_keras.data.skipped import warn_of_skipped
from cl_keras.preprocessing.decoding import decode_to, defect, served
from cl_keras.progress import Progress
from cl_keras.untuned import ahead

MAX_BYTES = 8 * 2**30
#: Images decoded at the same time: each may take `decoding.MAX_PIXELS` in full.
PARALLEL = min(os.cpu_count() or 1, 16)
_BATCH, _BATCH_BYTES = 256, 2**26


def decode_all(
    sources: Sequence[str] | Sequence[bytes],
    size: tuple[int, int] | None = None,
    *,
    channels: int = 3,
    max_bytes: int = MAX_BYTES,
    place: str = "",
) -> tuple[np.ndarray, dict[int, str]]:
    """Decodes JPEG, PNG, GIF (first frame), BMP, WebP and, by Pillow, other images.

    See `preprocessing.decoding` for orientation, palettes, grey, transparency and
    depth. What takes long says how far it is on standard error.
    """
    size = size or own_size(sources)
    needed = len(sources) * size[0] * size[1] * channels
    if needed > max_bytes:
        raise ValueError(
            f"{len(sources)} images of {size[0]} x {size[1]} need "
            f"{needed / 2**30:.1f} GiB of memory, more than the limit of "
            f"{max_bytes / 2**30:.1f} GiB. Choose a smaller `image_size`, or train "
            "from the encoded files: `--set data.stream=true`, or "
            "data.encoded_images and data.encoded_two_views."
        )
    images, good = _read(sources, size, channels, place)
    bad = {row: reason(sources[row]) for row in np.flatnonzero(~good).tolist()}
    return images, bad


def reason(source: str | bytes) -> str:
    """Decodes a bad image once more to learn what is wrong with it."""
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return defect(content) or "could not be resized"


def decode_images(
    name: str,
    sources: Sequence[str] | Sequence[bytes],
    size: tuple[int, int] | None,
    *,
    ids: Sequence[str],
    labels: np.ndarray | None,
    class_names: tuple[str, ...] | None,
    skipped: Sequence[str] = (),
    messages: Sequence[str] | None = None,
    **options: Any,
) -> ImageData:
    """Decodes what can be; the rest is named, and counted in a warning.

    `messages` name the sources there, where their ids do not.
    """
    images, bad = decode_all(sources, size, place=name, **options)
    total = len(sources) + len(skipped)
    failed = [f"{(messages or ids)[row]} ({why})" for row, why in bad.items()]
    if not len(images):
        raise ValueError(
            f"None of the {total} images of {name} can be read. First: {failed[0]}"
        )
    skipped = (*skipped, *failed)
    warn_of_skipped(skipped, total, name)
    good = [row for row in range(len(sources)) if row not in bad]
    return ImageData(
        name,
        images,
        None if labels is None else labels[good],
        class_names,
        skipped,
        tuple(ids[row] for row in good),
    )


def content_of(source: tf.Tensor, is_file: bool) -> tf.Tensor:
    """The bytes of an image, in a pipeline, as TensorFlow decodes them."""
    return served(tf.io.read_file(source) if is_file else source)


def decode_each(
    read: Callable[[tf.Tensor], tf.Tensor],
    rows: np.ndarray,
    size: tuple[int, int],
    channels: int = 3,
    *,
    place: str = "",
) -> tuple[np.ndarray, np.ndarray]:
    """Decodes what a function reads of some rows: those that are good, and which."""
    images = np.empty((len(rows), *size, channels), np.uint8)
    good = np.zeros(len(rows), bool)
    if not len(rows):
        return images, good

    def load(index: tf.Tensor, row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return index, decode_to(read(row), size, channels)

    dataset = ahead(
        tf.data.Dataset.from_tensor_slices((np.arange(len(rows)), rows))
        .map(load, num_parallel_calls=PARALLEL, deterministic=True)
        .ignore_errors()
        .batch(min(_BATCH, max(1, _BATCH_BYTES // max(1, images[:1].nbytes)))),
        1,
    )
    progress = Progress(f"images{f' of {place}' if place else ''} read", len(rows))
    count = 0
    for indices, block in dataset.as_numpy_iterator():
        images[count : count + len(indices)] = block
        good[indices] = True
        count += len(indices)
        progress.add(len(indices))
    return images[:count], good


def _read(
    sources: Sequence[str] | Sequence[bytes],
    size: tuple[int, int],
    channels: int,
    place: str,
) -> tuple[np.ndarray, np.ndarray]:
    is_file = bool(sources) and isinstance(sources[0], str)
    with tf.device("CPU"):
        stored = tf.constant(
            paths_of([str(x) for x in sources]) if is_file else list(sources), tf.string
        )
    return decode_each(
        lambda row: content_of(stored[row], is_file),
        np.arange(len(sources)),
        size,
        channels,
        place=place,
    )
