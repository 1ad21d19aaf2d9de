# SPDX-License-Identifier: Apache-2.0
"""Many encoded images to one array, with those that fail named."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras.decoding import decode_rgb
from cl_keras.resizing import resize_and_crop

MAX_BYTES = 8 * 2**30
_MIXED_SIZE = (224, 224)
_BATCH = 256


def decode_all(
    sources: Sequence[str] | Sequence[bytes],
    size: tuple[int, int] | None = None,
    *,
    channels: int = 3,
    max_bytes: int = MAX_BYTES,
) -> tuple[np.ndarray, dict[int, str]]:
    """Decodes JPEG, PNG, GIF (first frame) and BMP images in parallel.

    See `cl_keras.decoding.decode_rgb` for palettes, grey, transparency and depth.

    Args:
        sources: Paths of files, or the files' contents.
        size: Height and width wanted; images of other sizes are resized to cover it
            and cut to the centre. If None: the size of the images where it is the
            same for all, else 224 x 224.
        channels: 3, or 1 to keep the first of them: of images that are grey.
        max_bytes: Largest allowed size of the result, in bytes.

    Returns:
        `(count, *size, channels)` uint8, those that could be decoded, in order; and
        why the others could not, by row.

    Raises:
        ValueError: If the result would be too large.

    Example:
    >>> png = tf.io.encode_png(np.zeros((2, 2, 3), np.uint8)).numpy()
    >>> images, bad = decode_all([b"no image", png])
    >>> images.shape, sorted(bad)
    ((1, 2, 2, 3), [0])
    """
    target = size or _first_size(sources)
    images, good, mixed = _read(sources, target, size is not None, channels, max_bytes)
    if mixed:
        images, good, _ = _read(sources, _MIXED_SIZE, True, channels, max_bytes)
    bad = {row: reason(sources[row]) for row in np.flatnonzero(~good).tolist()}
    return images, bad


def reason(source: str | bytes) -> str:
    """Decodes a bad image once more to learn what is wrong with it.

    Args:
        source: Path of a file, or its content.

    Returns:
        What TensorFlow says, in one line.
    """
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
        if not content:
            return "an empty file"
        decode_rgb(tf.constant(content))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except tf.errors.OpError as error:
        message = error.message.partition("{{")[2].partition("}} ")[2] or error.message
        return message.splitlines()[0].partition(" [Op:")[0][:120].rstrip()
    return "could not be resized"


def warn_of_skipped(
    skipped: Sequence[str], total: int, place: object, *, depth: int = 5
) -> None:
    """Says how many files were left out, and names the first.

    Args:
        skipped: Each with the reason.
        total: How many there were.
        place: Where.
        depth: How many calls up the line is that asked for the data: past this
            function, the loader, `_load` and `data.load` or `load_splits`.
    """
    if skipped:
        warnings.warn(
            f"Skipped {len(skipped)} of {total} files in {place}: "
            f"{'; '.join(skipped[:3])}" + (" ..." if len(skipped) > 3 else ""),
            stacklevel=depth,
        )


def content_of(source: tf.Tensor, is_file: bool) -> tf.Tensor:
    """The bytes of an image, in a pipeline.

    Args:
        source: Scalar string, a path or the bytes themselves.
        is_file: Whether it is a path.

    Returns:
        Scalar string.
    """
    return tf.io.read_file(source) if is_file else source


def _first_size(sources: Sequence[str] | Sequence[bytes]) -> tuple[int, int]:
    for source in sources:
        try:
            content = content_of(tf.constant(source), isinstance(source, str))
            height, width = decode_rgb(content).shape[:2]
        except tf.errors.OpError:
            continue
        return height, width
    return _MIXED_SIZE


def _read(
    sources: Sequence[str] | Sequence[bytes],
    size: tuple[int, int],
    resize: bool,
    channels: int,
    max_bytes: int,
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Decodes files in parallel.

    Returns the images that could be decoded, which files those are, and whether an
    image of another size made it stop (only where `resize` is False).
    """
    needed = len(sources) * size[0] * size[1] * channels
    if needed > max_bytes:
        raise ValueError(
            f"{len(sources)} images of {size[0]} x {size[1]} need "
            f"{needed / 2**30:.1f} GiB of memory, more than the limit of "
            f"{max_bytes / 2**30:.1f} GiB. Choose a smaller `image_size`, or train "
            "from the encoded files: data.encoded_images and data.encoded_two_views."
        )
    is_file = isinstance(sources[0], str)

    def load(row: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image = decode_rgb(content_of(stored[row], is_file))
        same = tf.reduce_all(tf.shape(image)[:2] == size)
        other = (
            (lambda: resize_and_crop(image, size))
            if resize
            else (lambda: tf.zeros((*size, 3), tf.uint8))
        )
        fitted = tf.cond(same, lambda: image, other)[..., :channels]
        return row, tf.ensure_shape(fitted, (*size, channels)), same

    with tf.device("CPU"):
        stored = tf.constant(sources)
    dataset = (
        tf.data.Dataset.range(len(sources))
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .ignore_errors()
        .batch(_BATCH)
        .prefetch(2)
    )
    images = np.empty((len(sources), *size, channels), np.uint8)
    good = np.zeros(len(sources), bool)
    count = 0
    for rows, block, same in dataset.as_numpy_iterator():
        if not resize and not same.all():
            return images[:0], good, True
        images[count : count + len(rows)] = block
        good[rows] = True
        count += len(rows)
    return images[:count], good, False
