# SPDX-License-Identifier: Apache-2.0
"""Batches of images, wherever these are: arrays, encoded images or a dataset."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from cl_keras.data.images.encoded_source import EncodedSource
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.order import prepared, row_batches, seeded, shuffled_batches
from cl_keras.data.skipped import warn_caller
from cl_keras.labels import Labels, as_labels
from cl_keras.preprocessing.good_rows import DECODED_AT_ONCE
from cl_keras.preprocessing.pixels import check_channels_last, check_pixels
from cl_keras.seeds import check_seed

Images: TypeAlias = np.ndarray | ImageData | EncodedSource | tf.data.Dataset
# As many images as these are shuffled among at once, in bytes and in number.
_BUFFER_BYTES, _BUFFER_IMAGES = 2**30, 10_000


def pipeline(
    images: Images,
    views: Callable[[Any, tf.Tensor], Any],
    batch_size: int,
    *,
    labels: Labels | None = None,
    with_labels: bool = False,
    shuffle_buffer: int | None = None,
    cache: bool | str | os.PathLike[str] = False,
    prefetch: bool = True,
    fold: int | None = None,
    **order: Any,
) -> tf.data.Dataset:
    """Batches of the views of images, wherever these are, with labels or without.

    `views` of encoded images are those of `encoded_views`.
    `fold`, a worker's number, changes the seeds of views that draw for what they see.
    """
    if batch_size < 2:
        raise ValueError(
            "Expected `batch_size` to be at least 2: the other images of a batch are "
            f"the negatives. Received: batch_size={batch_size}"
        )
    if isinstance(images, tf.data.Dataset):
        if labels is not None:
            raise ValueError(
                "Expected a dataset of (image, label) pairs and with_labels=True. "
                "Received: `labels` together with a tf.data.Dataset"
            )
        source = image_elements(images, with_labels)
        if cache:
            source = source.cache("" if cache is True else os.fspath(cache))
        _check_batches(int(source.cardinality()), batch_size, order["drop_remainder"])
        dataset = _dataset_batches(source, batch_size, shuffle_buffer, **order)

        def of_dataset(batch: Any, seed: tf.Tensor) -> tuple[Any, Any]:
            examples, chosen = batch if isinstance(batch, tuple) else (batch, None)
            return views(examples, seed), chosen

        look: Callable[[Any, tf.Tensor], tuple[Any, Any]] = of_dataset
    else:
        count, look = _by_row(images, views, labels, with_labels)
        _check_batches(count, batch_size, order["drop_remainder"])
        dataset = row_batches(count, batch_size, **order)

    def make(batch: Any, seed: tf.Tensor) -> Any:
        if fold is not None:
            seed = tf.random.experimental.stateless_fold_in(seed, fold)
        made, chosen = look(batch, seed)
        return tuple(made) if chosen is None else (tuple(made), chosen)

    parallel = tf.data.AUTOTUNE
    if isinstance(images, EncodedSource) and images.sizes is None:
        # All cores decode one batch: the first is there soonest, and few in memory.
        parallel = max(1, (os.cpu_count() or 1) // DECODED_AT_ONCE)
    return prepared(dataset, make, prefetch=prefetch, parallel=parallel)


def _by_row(
    images: np.ndarray | ImageData | EncodedSource,
    views: Callable[[Any, tf.Tensor], Any],
    labels: Labels | None,
    with_labels: bool,
) -> tuple[int, Callable[[tf.Tensor, tf.Tensor], tuple[Any, Any]]]:
    """How many images there are, and what makes views of rows, with their labels.

    Tensors are captured once, outside the graph; shuffling moves rows, not images.
    """
    if with_labels and labels is None:
        labels = getattr(images, "labels", None)
        if labels is None:
            raise ValueError("Expected labels for with_labels=True. Received: none")
    if isinstance(images, EncodedSource):
        count = len(images)

        def shown(rows: tf.Tensor, seed: tf.Tensor) -> tuple[Any, tf.Tensor]:
            made, places = views(rows, seed)
            return made, rows if places is None else tf.gather(rows, places)

    else:
        stored = on_host(image_array(images))
        count = len(stored)

        def shown(rows: tf.Tensor, seed: tf.Tensor) -> tuple[Any, tf.Tensor]:
            return views(tf.gather(stored, rows), seed), rows

    if labels is None:
        return count, lambda rows, seed: (shown(rows, seed)[0], None)
    stored_labels = on_host(as_labels(labels, count, "an image")[0])

    def labelled(rows: tf.Tensor, seed: tf.Tensor) -> tuple[Any, tf.Tensor]:
        made, rows = shown(rows, seed)
        return made, tf.gather(stored_labels, rows)

    return count, labelled


def _dataset_batches(
    source: tf.data.Dataset,
    batch_size: int,
    shuffle_buffer: int | None,
    *,
    shuffle: bool,
    seed: int,
    drop_remainder: bool,
    **order: Any,
) -> tf.data.Dataset:
    buffer = 0
    if shuffle:
        buffer = shuffle_buffer or _buffer(source, int(source.cardinality()))
    if shuffle and order["repeat"]:
        batches = shuffled_batches(
            source, batch_size, buffer=buffer, seed=seed, drop_remainder=drop_remainder
        )
    else:
        if shuffle:
            source = source.shuffle(buffer, seed=check_seed(seed))
        batches = source.batch(batch_size, drop_remainder=drop_remainder)
    return seeded(batches, seed, **order)


def _check_batches(count: int, batch_size: int, drop_remainder: bool) -> None:
    """Checks that images fill a batch and leave none alone in the last one."""
    if count == 0:
        raise ValueError("Expected at least one image. Received: an empty dataset")
    if drop_remainder and 0 < count < batch_size:
        raise ValueError(
            f"Expected `batch_size` to be at most the number of images, {count}, or "
            f"drop_remainder=False. Received: batch_size={batch_size}"
        )
    if not drop_remainder and count > 0 and count % batch_size == 1:
        raise ValueError(
            f"{count} images in batches of {batch_size} leave a last batch of one "
            "image, which has no negatives. Choose another `batch_size`, or "
            f"drop_remainder=True. Received: batch_size={batch_size}"
        )


def image_array(images: np.ndarray | ImageData) -> np.ndarray:
    """Images in memory, checked before training starts."""
    if isinstance(images, ImageData):
        images = images.images
    elif not isinstance(images, np.ndarray):
        raise TypeError(
            "Expected images as an array, ImageData, encoded images or a "
            f"tf.data.Dataset. Received: {type(images).__name__}"
        )
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            "Expected at least one image, as (count, height, width, channels). "
            f"Received shape: {images.shape}"
        )
    check_channels_last(images.shape[1:])
    check_pixels(images)
    return images


def on_host(array: np.ndarray) -> tf.Tensor:
    """Keeps an array where tf.data runs: on a GPU it would only be in the way."""
    with tf.device("CPU"):
        return tf.convert_to_tensor(array)


def _buffer(source: tf.data.Dataset, count: int) -> int:
    """How many images to shuffle among; a warning where that is not all of them."""
    spec = source.element_spec
    image = spec[0] if isinstance(spec, tuple) else spec
    size = image.shape.num_elements()
    most = _BUFFER_IMAGES
    if size:
        most = max(most, _BUFFER_BYTES // (size * image.dtype.size))
    if 0 < count <= most:
        return count
    known = f"{count} images" if count > 0 else "an unknown number of images"
    warn_caller(
        f"A dataset of {known} is shuffled among {most} at a time: if it is sorted, by "
        "class for instance, batches are of few classes. Shuffle its files or records "
        "before, or give `shuffle_buffer`."
    )
    return most


def image_elements(dataset: tf.data.Dataset, with_labels: bool) -> tf.data.Dataset:
    """Images, or (image, label) pairs, of a dataset, with their form checked."""
    spec = dataset.element_spec
    pairs = isinstance(spec, tuple)
    if (pairs and len(spec) != 2) or (with_labels and not pairs):
        wanted = "(image, label) pairs" if with_labels else "images or pairs"
        raise ValueError(f"Expected a dataset of {wanted}. Received: {spec}")
    image = spec[0] if pairs else spec
    if not isinstance(image, tf.TensorSpec):
        raise ValueError(f"Expected a dataset of image tensors. Received: {spec}")
    if image.shape.rank != 3:
        hint = " Call unbatch() on it first." if image.shape.rank == 4 else ""
        raise ValueError(
            "Expected a dataset of single images, (height, width, channels). "
            f"Received shape: {image.shape}.{hint}"
        )
    check_channels_last(image.shape)
    if image.dtype != tf.uint8 and not image.dtype.is_floating:
        raise TypeError(
            "Expected images as uint8 in 0..255 or floating in [0, 1]. "
            f"Received dtype: {image.dtype.name}"
        )
    if pairs and not with_labels:
        return dataset.map(lambda image, label: image)
    return dataset
