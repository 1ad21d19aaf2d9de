# SPDX-License-Identifier: Apache-2.0
"""Images kept as encoded files, for folders that do not fit into memory decoded."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from cl_keras.augment import draws
from cl_keras.augment.crop import random_boxes
from cl_keras.augment.inputs import split_seed
from cl_keras.augment.views import ImageView, TwoViews
from cl_keras.data.images.decode_all import MAX_BYTES, reason, warn_of_skipped
from cl_keras.data.images.encoded_files import read_encoded, whole_images
from cl_keras.data.images.folder import find_images
from cl_keras.data.images.pipelines import check_batches
from cl_keras.data.order import prepared, row_batches
from cl_keras.decoding import decode_rgb


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedImages:
    """Encoded images in memory, each of which has been decoded once and is good.

    Args:
        name: Where the images come from.
        contents: The files' bytes, JPEG, PNG, GIF or BMP.
        sizes: `(count, 2)` int64, height and width of each, in pixels.
        labels: `(count,)` int64, or None.
        class_names: Name of each label, or None.
        skipped: Files that could not be used, each with the reason.
        ids: Path of each file in its folder.

    Example:
    >>> png = tf.io.encode_png(np.zeros((2, 3, 3), np.uint8)).numpy()
    >>> len(EncodedImages("one", (png,), np.array([[2, 3]])))
    1
    """

    name: str
    contents: tuple[bytes, ...]
    sizes: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()
    ids: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.contents)

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Makes the function by which a pipeline gets at the contents.

        Returns:
            Maps rows, int64 `(batch,)`, to contents, string `(batch,)`.
        """
        with tf.device("CPU"):
            contents = tf.constant(list(self.contents))
        return lambda rows: tf.gather(contents, rows)

    def dataset(self, size: int) -> tf.data.Dataset:
        """Whole images at one size, decoded anew on every pass, in order.

        Args:
            size: Side of the square images, which are resized to cover it and cut to
                the centre.

        Returns:
            A dataset of `(size, size, 3)` uint8, or of such images with their labels,
            as `data.two_views`, `one_view` and `batches` take it.
        """
        contents = tf.data.Dataset.from_tensor_slices(list(self.contents))
        return whole_images(contents, size, self.labels)


class EncodedSource(Protocol):
    """Encoded images by row, wherever they are."""

    sizes: np.ndarray
    labels: np.ndarray | None

    def __len__(self) -> int:
        """Number of images."""

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """As `EncodedImages.reader`."""


def encoded_images(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    pattern: str | None = None,
    label: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> EncodedImages:
    """Reads the images of a folder as they are, to be decoded when they are needed.

    Each is decoded once here, so that a file that cannot be is left out now, named in
    `skipped` and counted in a warning, and not met in the middle of training.

    Args:
        source: A folder, whose classes and names give labels as in `data.load`, or
            paths of files.
        pattern: As in `data.load`, for a folder.
        label: As in `data.load`, for a folder.
        max_bytes: Largest allowed size of all files together, in bytes.

    Returns:
        The images.

    Raises:
        ValueError: If there is no usable image, or the files are too large.

    Example:
    >>> images = encoded_images("photos")  # doctest: +SKIP
    """
    labels = class_names = root = None
    skipped: list[str] = []
    if isinstance(source, str | os.PathLike):
        root = Path(source).expanduser()
        found = find_images(root, pattern=pattern, label=label)
        files, labels, class_names, skipped = found
        name = f"folder:{root}"
    else:
        files = [os.fspath(file) for file in source]
        name = f"{len(files)} files"
        if pattern is not None or label is not None:
            raise ValueError("Expected `pattern` and `label` with a folder only.")
        if not files:
            raise ValueError("Expected at least one file. Received: none")
        missing = [file for file in files if not os.path.isfile(file)]
        if missing:
            raise ValueError(f"Found no file at {missing[0]} ({len(missing)} in all).")
    needed = sum(os.path.getsize(file) for file in files)
    if needed > max_bytes:
        raise ValueError(
            f"{len(files)} files hold {needed / 2**30:.1f} GiB, more than the limit of "
            f"{max_bytes / 2**30:.1f} GiB. Resize them once, or train on a part."
        )
    found_rows = list(read_encoded(files))
    rows = [row for row, _, _ in found_rows]
    good = set(rows)
    bad = [
        f"{file} ({reason(file)})" for row, file in enumerate(files) if row not in good
    ]
    if not rows:
        raise ValueError(
            f"None of the {len(files)} images of {name} can be read. First: {bad[0]}"
        )
    total = len(files) + len(skipped)
    skipped = [*skipped, *bad]
    warn_of_skipped(skipped, total, name, depth=3)
    return EncodedImages(
        name,
        tuple(content for _, content, _ in found_rows),
        np.array([size for _, _, size in found_rows], np.int64),
        None if labels is None else labels[rows],
        class_names,
        tuple(skipped),
        tuple(
            os.path.relpath(files[row], root) if root else files[row] for row in rows
        ),
    )


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
    >>> images = EncodedImages("two", (png, png), np.array([[20, 30]] * 2))
    >>> dataset = encoded_two_views(images, augment.SimCLRImages(size=16), 2)
    >>> next(iter(dataset))[0].shape.as_list()
    [2, 16, 16, 3]
    """
    if not isinstance(views, TwoViews):
        raise TypeError(
            "Expected views such as augment.SimCLRImages(), which say how they crop. "
            f"Received: {views!r}"
        )
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

    def make(rows: tf.Tensor, batch_seed: tf.Tensor) -> object:
        *crop_seeds, seed1, seed2 = split_seed(batch_seed, 4)
        crops = _crops(views.views, read(rows), tf.gather(sizes, rows), crop_seeds)
        pair = tuple(
            # All that makes the view, but for the crop.
            dataclasses.replace(view, scale=(1.0, 1.0), ratio=(1.0, 1.0))(crop, seed)
            for view, crop, seed in zip(views.views, crops, (seed1, seed2), strict=True)
        )
        return (pair, tf.gather(labels, rows)) if with_labels else pair

    rows = row_batches(
        len(images),
        batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        repeat=repeat,
        start=start,
        worker=worker,
    )
    return prepared(rows, make)


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
        image = _decode(content, spare)
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


def _decode(content: tf.Tensor, spare: tf.Tensor) -> tf.Tensor:
    """A whole image; a JPEG at a half, a quarter or an eighth, if so much is spare."""

    def jpeg() -> tf.Tensor:
        # A JPEG's blocks give smaller images at a fraction of the work.
        return tf.switch_case(
            tf.searchsorted([2.0, 4.0, 8.0], [spare], side="right")[0],
            [
                lambda ratio=ratio: tf.io.decode_jpeg(content, channels=3, ratio=ratio)
                for ratio in (1, 2, 4, 8)
            ],
        )

    is_jpeg = tf.equal(tf.strings.substr(content, 0, 3), b"\xff\xd8\xff")
    return tf.cond(is_jpeg, jpeg, lambda: decode_rgb(content))


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
