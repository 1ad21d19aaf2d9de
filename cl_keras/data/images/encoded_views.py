# SPDX-License-Identifier: Apache-2.0
"""Training pipelines of encoded images, each decoded when its turn comes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from cl_keras.augment import draws
from cl_keras.augment.crop import random_boxes
from cl_keras.augment.inputs import as_float, check_size, split_seed
from cl_keras.augment.views import ImageView, TwoViews
from cl_keras.data.images.encoded_files import whole_image
from cl_keras.data.images.pipelines import check_batches
from cl_keras.data.order import prepared, row_batches
from cl_keras.preprocessing.decoding import decode_rgb
from cl_keras.preprocessing.pixels import known_range


class EncodedSource(Protocol):
    """Encoded images by row, wherever they are: the attributes of `EncodedImages`."""

    @property
    def name(self) -> str:
        """Where they come from."""

    @property
    def sizes(self) -> np.ndarray:
        """Height and width of each, in pixels."""

    @property
    def labels(self) -> np.ndarray | None:
        """One for each, or None."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Name of each label, or None."""

    @property
    def skipped(self) -> tuple[str, ...]:
        """Files that could not be used."""

    @property
    def pixels(self) -> np.ndarray | None:
        """Whole images at one side, or None."""

    def __len__(self) -> int:
        """Number of images."""

    def take(self, rows: np.ndarray) -> EncodedSource:
        """As `EncodedImages.take`."""

    def read(self, rows: np.ndarray) -> list[bytes]:
        """As `EncodedImages.read`."""

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """As `EncodedImages.reader`."""


def encoded_two_views(
    images: EncodedSource,
    views: TwoViews,
    batch_size: int,
    *,
    with_labels: bool = False,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = True,
    repeat: bool = False,
    start: int = 0,
    worker: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Builds the training pipeline of encoded images, each decoded as it is cropped.

    As `data.two_views`, but that the boxes of both random crops are drawn first, and
    a JPEG is decoded for them once, at 1/2, 1/4 or 1/8 of its size where no view needs
    more. (Decoding only each box, `tf.image.decode_and_crop_jpeg`, takes as long as
    the whole image does for two views.) Boxes are rounded to whole pixels, as in
    SimCLR's own code, and the crops are resized with antialiasing.

    Images of one size, none of whose crops can be larger than a view, are decoded and
    then cropped as a batch, many times faster: they give what `data.two_views` gives
    of the decoded images, number for number.

    Args:
        images: The images, in memory (`encoded_images`) or in files of records
            (`record_images`).
        views: Such as `augment.SimCLRImages(size=224)`.
        batch_size: Images in a batch, at least 2.
        with_labels: Whether to pass on the labels.
        shuffle: Whether to draw a new order for each epoch.
        seed: Seed of order and views.
        drop_remainder: Whether to leave out a last batch that is not full.
        repeat: Whether to go on without end.
        start: Step to begin at, with `repeat`.
        worker: This worker's number and how many there are: each takes its own share
            of every batch, and all together take the batch of one worker.

    Returns:
        As `data.two_views`.

    Raises:
        ValueError: If an argument is out of range.
        TypeError: If `views` has no two distributions of views.

    Example:
    >>> png = tf.io.encode_png(np.zeros((20, 30, 3), np.uint8)).numpy()
    >>> images = data.EncodedImages("two", (png, png), np.array([[20, 30]] * 2))
    >>> dataset = encoded_two_views(images, augment.SimCLRImages(size=16), 2)
    >>> next(iter(dataset))[0].shape.as_list()
    [2, 16, 16, 3]
    """
    if not isinstance(views, TwoViews):
        raise TypeError(
            "Expected views such as augment.SimCLRImages(), which say how they crop. "
            f"Received: {views!r}"
        )

    shapes = np.unique(images.sizes, axis=0)
    smallest = min(view.size for view in views.views)
    as_batch = len(shapes) == 1 and shapes.max() <= smallest

    def make(
        contents: tf.Tensor, sizes: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        if as_batch:
            return views(_decode_batch(contents, shapes[0]), seed)
        *crop_seeds, seed1, seed2 = split_seed(seed, 4)
        crops = _crops(views.views, contents, sizes, crop_seeds)
        with known_range():
            return tuple(
                # All that makes the view, but for the crop.
                dataclasses.replace(view, scale=(1.0, 1.0), ratio=(1.0, 1.0))(*made)
                for view, *made in zip(views.views, crops, (seed1, seed2), strict=True)
            )

    return _pipeline(
        images,
        make,
        batch_size,
        with_labels=with_labels,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        repeat=repeat,
        start=start,
        worker=worker,
    )


def encoded_one_view(
    images: EncodedSource, size: int, batch_size: int, **order: Any
) -> tf.data.Dataset:
    """Builds the training pipeline of methods that look at an encoded image as it is.

    Args:
        images: As in `encoded_two_views`.
        size: Side of the square images, which are resized to cover it and cut to the
            centre.
        batch_size: Images in a batch, at least 2.
        **order: `shuffle`, `seed`, `drop_remainder`, `repeat`, `start` and `worker`,
            as in `encoded_two_views`.

    Returns:
        As `data.one_view`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> png = tf.io.encode_png(np.zeros((20, 30, 3), np.uint8)).numpy()
    >>> images = data.EncodedImages("two", (png, png), np.array([[20, 30]] * 2))
    >>> (batch,) = next(iter(encoded_one_view(images, 16, 2)))
    >>> batch.shape.as_list()
    [2, 16, 16, 3]
    """
    check_size(size)

    def make(
        contents: tf.Tensor, sizes: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor]:
        del sizes, seed
        spec = tf.TensorSpec((size, size, 3), tf.uint8)
        whole = tf.map_fn(
            lambda content: whole_image(content, size),
            contents,
            fn_output_signature=spec,
        )
        return (as_float(whole),)

    return _pipeline(images, make, batch_size, **order)


def _pipeline(
    images: EncodedSource,
    make: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]],
    batch_size: int,
    *,
    with_labels: bool = False,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = True,
    **order: Any,
) -> tf.data.Dataset:
    """Batches of what `make` makes of contents, sizes and a batch's seed."""
    if not 2 <= batch_size <= len(images):
        raise ValueError(
            "Expected `batch_size` to be at least 2 and at most the number of images, "
            f"{len(images)}. Received: batch_size={batch_size}"
        )
    check_batches(len(images), batch_size, drop_remainder)
    if with_labels and images.labels is None:
        raise ValueError("Expected labels for with_labels=True. Received: none")
    read = images.reader()
    with tf.device("CPU"):
        sizes = tf.constant(images.sizes, tf.int32)
        labels = None if images.labels is None else tf.constant(images.labels)

    def batch(rows: tf.Tensor, batch_seed: tf.Tensor) -> object:
        views = make(read(rows), tf.gather(sizes, rows), batch_seed)
        return (views, tf.gather(labels, rows)) if with_labels else views

    rows = row_batches(
        len(images),
        batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        **order,
    )
    return prepared(rows, batch)


def _crops(
    views: tuple[ImageView, ImageView],
    contents: tf.Tensor,
    sizes: tf.Tensor,
    seeds: list[tf.Tensor],
) -> tuple[tf.Tensor, ...]:
    """A random crop of each image for each view, resized, float32 in [0, 1]."""

    def cut(item: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        content, size, number = item
        # Each image by itself, with a seed of its own.
        with draws.drawing_for():
            boxes = [
                random_boxes(
                    1,
                    tf.random.experimental.stateless_fold_in(seed, number),
                    scale=view.scale,
                    ratio=view.ratio,
                    image_ratio=size[1] / size[0],
                )[0]
                for view, seed in zip(views, seeds, strict=True)
            ]
        pixels = tf.cast(size, tf.float32)
        spare = tf.reduce_min(
            [
                tf.reduce_min((box[2:] - box[:2]) * pixels) / view.size
                for view, box in zip(views, boxes, strict=True)
            ]
        )
        image = decode_rgb(content, spare=spare)
        return tuple(
            _cut(image, box, view.size) for view, box in zip(views, boxes, strict=True)
        )

    return tf.map_fn(
        cut,
        (contents, sizes, draws.row_numbers(tf.shape(contents)[0])),
        fn_output_signature=tuple(
            tf.TensorSpec((view.size, view.size, 3), tf.float32) for view in views
        ),
    )


def _decode_batch(contents: tf.Tensor, shape: np.ndarray) -> tf.Tensor:
    """Whole images of one height and width, `(batch, height, width, 3)` uint8."""
    spec = tf.TensorSpec((*shape, 3), tf.uint8)

    def decode(one: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        # One after the other: batches are made at the same time already, and it is
        # three times as fast.
        return tf.map_fn(one, contents, fn_output_signature=spec, parallel_iterations=1)

    # A batch of plain JPEGs needs no look at each: at this size that would take longer
    # than to decode them.
    return tf.cond(
        tf.reduce_all(_is_plain_jpeg(contents)),
        lambda: decode(lambda content: tf.io.decode_jpeg(content, channels=3)),
        lambda: decode(decode_rgb),
    )


def _is_plain_jpeg(contents: tf.Tensor) -> tf.Tensor:
    """Which files are JPEGs with nothing before their image, such as an orientation."""
    starts = tf.strings.substr(contents, 0, 22)
    head, table = tf.strings.substr(starts, 0, 6), tf.strings.substr(starts, -2, 2)
    jfif = tf.equal(head, b"\xff\xd8\xff\xe0\x00\x10")
    return jfif & tf.equal(table, b"\xff\xdb")


def _cut(image: tf.Tensor, box: tf.Tensor, size: int) -> tf.Tensor:
    top, left, height, width = tf.unstack(_window(box, tf.shape(image)[:2]))
    part = image[top : top + height, left : left + width]
    resized = tf.image.resize(part, (size, size), antialias=True)
    return tf.clip_by_value(resized / 255.0, 0.0, 1.0)


def _window(box: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Top, left, height and width in whole pixels, at least one and inside."""
    corners = tf.round(box * tf.cast(tf.tile(shape, [2]), tf.float32))
    corners = tf.cast(corners, tf.int32)
    start = tf.clip_by_value(corners[:2], 0, shape - 1)
    return tf.concat(
        [start, tf.clip_by_value(corners[2:] - start, 1, shape - start)], axis=0
    )
