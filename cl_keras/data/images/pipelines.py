# SPDX-License-Identifier: Apache-2.0
"""tf.data pipelines for training and for prediction."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from cl_keras import augment
from cl_keras.augment.views import TwoViews
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.order import prepared, row_batches, seeded, shuffled_batches
from cl_keras.labels import Labels, as_labels
from cl_keras.preprocessing.pixels import check_channels_last, check_pixels
from cl_keras.seeds import check_seed

Images: TypeAlias = np.ndarray | ImageData | tf.data.Dataset
# As many images as these are shuffled among at once, in bytes and in number.
_BUFFER_BYTES, _BUFFER_IMAGES = 2**30, 10_000
Views: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]


def two_views(
    images: Images,
    views: Views,
    batch_size: int,
    *,
    labels: Labels | None = None,
    with_labels: bool = False,
    shuffle: bool = True,
    shuffle_buffer: int | None = None,
    seed: int = 0,
    drop_remainder: bool = True,
    cache: bool | str | os.PathLike[str] = False,
    prefetch: bool = True,
    repeat: bool = False,
    start: int = 0,
    worker: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Builds the training pipeline: shuffle, batch, two random views of each image.

    Views are drawn for whole batches, with a stateless seed for each batch: two
    datasets made with the same arguments give the same sequence of epochs, and each
    epoch differs from the one before. With `repeat`, what step n sees follows from
    `seed` and n alone, so that training can go on where it stopped; without, the
    sequence also follows `tf.random.set_seed` (and so `keras.utils.set_random_seed`),
    as everywhere in tf.data. uint8 is scaled to [0, 1]; floats outside and NaN are
    refused: of arrays at once, of a `Dataset` at the batch they are in.

    Args:
        images: `(count, height, width, channels)`, uint8 or float in [0, 1], as an
            array or `ImageData`; or an unbatched `tf.data.Dataset` of images or
            `(image, label)` pairs, all of one size.
        views: Called as `views(images, seed)` with `(batch, height, width, channels)`
            and two integers, such as `augment.SimCLRImages(size=32)`.
        batch_size: Images in a batch, at least 2: other images are the negatives.
        labels: One label an image of an array, as in `ImageData`.
        with_labels: Whether to pass on the labels of the `ImageData` or `Dataset`.
        shuffle: Whether to draw a new order for each epoch.
        shuffle_buffer: Images among which a `Dataset` is shuffled; they are held in
            memory. By default all of them, if their number is known and they fit into
            1 GiB or are 10,000 at most; else as many as that, with a warning: of a
            dataset sorted by class, batches would be of few classes. Arrays are
            always shuffled as a whole.
        seed: Seed of order and views.
        drop_remainder: Whether to leave out a last batch that is not full.
        cache: Whether to keep the images of a `Dataset` in memory (True) or in a file
            (its path) after the first epoch. Arrays are in memory anyway.
        prefetch: Whether to prepare batches while the model trains.
        repeat: Whether to go on without end; then give `fit` its `steps_per_epoch`.
        start: Step to begin at, with `repeat`: `model.optimizer.iterations` of a model
            that goes on training. A `Dataset` is read from its beginning up to there.
        worker: This worker's number and how many there are, with `repeat`. Each takes
            its own images of every batch, and makes the views of them that one worker
            would make; views of a class of your own are drawn per worker. Of a
            `Dataset`, every worker reads all images.

    Returns:
        A dataset of `(view1, view2)`, or `((view1, view2), labels)` with labels, each
        view `(batch, size, size, channels)` float32 in [0, 1].

    Raises:
        ValueError: If an argument is out of range or the images are unfit.
        TypeError: If `images` or `views` is of a wrong type.

    Example:
    >>> images = np.zeros((64, 32, 32, 3), np.uint8)
    >>> dataset = two_views(images, augment.SimCLRImages(size=32), batch_size=16)
    >>> len(dataset), next(iter(dataset))[0].shape.as_list()
    (4, [16, 32, 32, 3])
    """
    if not callable(views):
        raise TypeError(
            "Expected `views` to be callable as views(images, seed), such as "
            f"augment.SimCLRImages(). Received: views={views!r}"
        )
    if batch_size < 2:
        raise ValueError(
            "Expected `batch_size` to be at least 2: the other images of a batch are "
            f"the negatives. Received: batch_size={batch_size}"
        )
    source: tf.data.Dataset | None = None
    if isinstance(images, tf.data.Dataset):
        if labels is not None:
            raise ValueError(
                "Expected a dataset of (image, label) pairs and with_labels=True. "
                "Received: `labels` together with a tf.data.Dataset"
            )
        source = _elements(images, with_labels)
        if cache:
            source = source.cache("" if cache is True else os.fspath(cache))
        count = int(source.cardinality())

        def fetch(batch: Any) -> Any:
            return batch

    else:
        array, labels = _array(images, labels, with_labels)
        count = len(array)
        # Captured once, outside the graph; shuffling moves indices, not images.
        stored = _on_host(array)
        stored_labels = None if labels is None else _on_host(labels)

        def fetch(batch: Any) -> Any:
            taken = tf.gather(stored, batch)
            if stored_labels is None:
                return taken
            return taken, tf.gather(stored_labels, batch)

    check_batches(count, batch_size, drop_remainder)
    if source is None:
        dataset = row_batches(
            count,
            batch_size,
            shuffle=shuffle,
            seed=seed,
            drop_remainder=drop_remainder,
            repeat=repeat,
            start=start,
            worker=worker,
        )
    else:
        if shuffle:
            buffer = shuffle_buffer or _buffer(source, count)
        if shuffle and repeat:
            source = shuffled_batches(
                source,
                batch_size,
                buffer=buffer,
                seed=seed,
                drop_remainder=drop_remainder,
            )
        else:
            if shuffle:
                source = source.shuffle(buffer, seed=check_seed(seed))
            source = source.batch(batch_size, drop_remainder=drop_remainder)
        dataset = seeded(source, seed, repeat=repeat, start=start, worker=worker)

    own_draws = not isinstance(views, TwoViews | augment.ImageView)

    def make(batch: Any, view_seed: tf.Tensor) -> Any:
        batch = fetch(batch)
        if own_draws and worker[1] > 1:
            # Unknown views draw for the rows they see: not the same on all workers.
            view_seed = tf.random.experimental.stateless_fold_in(view_seed, worker[0])
        if isinstance(batch, tuple):
            return tuple(views(batch[0], view_seed)), batch[1]
        return tuple(views(batch, view_seed))

    return prepared(dataset, make, prefetch=prefetch)


def one_view(
    images: Images,
    batch_size: int,
    *,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = True,
    repeat: bool = False,
    start: int = 0,
    worker: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Builds the training pipeline of methods that look at an image as it is.

    Args:
        images: As in `two_views`; labels are dropped.
        batch_size: Images in a batch, at least 2.
        shuffle: Whether to draw a new order for each epoch.
        seed: Seed of the order.
        drop_remainder: Whether to leave out a last batch that is not full.
        repeat: As in `two_views`.
        start: As in `two_views`.
        worker: As in `two_views`.

    Returns:
        A dataset of `(images,)`, `(batch, height, width, channels)` float32 in
        [0, 1].

    Raises:
        ValueError: If an argument is out of range or the images are unfit.
        TypeError: If `images` is of a wrong type.

    Example:
    >>> (batch,) = next(iter(one_view(np.zeros((8, 16, 16, 1), np.uint8), 4)))
    >>> batch.shape.as_list()
    [4, 16, 16, 1]
    """
    return two_views(
        images,
        lambda batch, seed: (augment.as_float(batch),),
        batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        repeat=repeat,
        start=start,
        worker=worker,
    )


def batches(images: Images, batch_size: int = 256) -> tf.data.Dataset:
    """Builds the pipeline for prediction: float images in order, none left out.

    Args:
        images: As in `two_views`; labels are dropped.
        batch_size: Images in a batch.

    Returns:
        A dataset of `(batch, height, width, channels)`, float32 in [0, 1].

    Raises:
        ValueError: If an argument is out of range or the images are unfit.
        TypeError: If `images` is of a wrong type.

    Example:
    >>> [x.shape[0] for x in batches(np.zeros((5, 8, 8, 1), np.uint8), 2)]
    [2, 2, 1]
    """
    if batch_size < 1:
        raise ValueError(
            f"Expected `batch_size` to be positive. Received: batch_size={batch_size}"
        )
    if isinstance(images, tf.data.Dataset):
        dataset = _elements(images, False).batch(batch_size).map(augment.as_float)
    else:
        stored = _on_host(_array(images, None, False)[0])
        dataset = tf.data.Dataset.range(len(stored)).batch(batch_size)
        dataset = dataset.map(lambda rows: augment.as_float(tf.gather(stored, rows)))
    return dataset.prefetch(tf.data.AUTOTUNE)


def check_batches(count: int, batch_size: int, drop_remainder: bool) -> None:
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


def _array(
    images: np.ndarray | ImageData, labels: Labels | None, with_labels: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels of an array source, checked before training starts."""
    if isinstance(images, ImageData):
        if with_labels and labels is None:
            labels = images.labels
        images = images.images
    elif not isinstance(images, np.ndarray):
        raise TypeError(
            "Expected images as an array, ImageData or tf.data.Dataset. "
            f"Received: {type(images).__name__}"
        )
    if with_labels and labels is None:
        raise ValueError("Expected labels for with_labels=True. Received: none")
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            "Expected at least one image, as (count, height, width, channels). "
            f"Received shape: {images.shape}"
        )
    check_channels_last(images.shape[1:])
    check_pixels(images)
    if labels is not None:
        labels, _ = as_labels(labels, len(images), "an image")
    return images, labels


def _on_host(array: np.ndarray) -> tf.Tensor:
    # tf.data runs on the CPU; on a GPU the whole set would only be in the way.
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
    warnings.warn(
        f"A dataset of {known} is shuffled among {most} at a time: if it is sorted, by "
        "class for instance, batches are of few classes. Shuffle its files or records "
        "before, or give `shuffle_buffer`.",
        stacklevel=3,
    )
    return most


def _elements(dataset: tf.data.Dataset, with_labels: bool) -> tf.data.Dataset:
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
