# SPDX-License-Identifier: Apache-2.0
"""Views of encoded images, each decoded when its turn comes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from cl_keras.augment import draws
from cl_keras.augment.crop import random_boxes
from cl_keras.augment.inputs import as_float, check_size, split_seed
from cl_keras.augment.views import ImageView, ImageViews
from cl_keras.data.images.batching import on_host
from cl_keras.data.images.encoded_source import EncodedSource
from cl_keras.preprocessing.decoding import decode_rgb, decode_to, shown_size
from cl_keras.preprocessing.good_rows import good_rows
from cl_keras.preprocessing.pixels import known_range

#: Makes views of rows, `(batch,)`, with a seed; with them, for labels, the places in
#: the batch of the images that they are of, or None if each is in its own.
OfEncoded: TypeAlias = Callable[
    [tf.Tensor, tf.Tensor], tuple[tuple[tf.Tensor, ...], tf.Tensor | None]
]


def views_of_encoded(images: EncodedSource, views: Any) -> OfEncoded:
    """Draws the boxes of all random crops first, and decodes for them.

    A JPEG is decoded once, at 1/2, 1/4 or 1/8 of its size where no view needs more.
    (Decoding only each box, `tf.image.decode_and_crop_jpeg`, takes as long as the
    whole image does for two views.) Images of one size, none of whose crops can be
    larger than a view, are decoded and then cropped as a batch.
    """
    if not isinstance(views, ImageViews):
        raise TypeError(
            "Expected views such as augment.SimCLRImages(), which say how they crop. "
            f"Received: {views!r}"
        )
    read = images.reader()
    if images.sizes is not None:
        shapes = np.unique(images.sizes, axis=0)
        if len(shapes) == 1 and shapes.max() <= min(x.size for x in views.views):
            return lambda rows, seed: (
                views(_decode_batch(read(rows), shapes[0]), seed),
                None,
            )
    crop = _cropper(images, views.views, read)
    specs = tuple(tf.TensorSpec((x.size, x.size, 3)) for x in views.views)

    def make(
        rows: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor | None]:
        count = len(views.views)
        seeds = split_seed(seed, 2 * count)
        crops, places = _of_each(
            images, rows, lambda row, number: crop(row, number, seeds[:count]), specs
        )
        with known_range():
            made = tuple(
                # All that makes the view, but for the crop.
                dataclasses.replace(view, scale=(1.0, 1.0), ratio=(1.0, 1.0))(*given)
                for view, *given in zip(views.views, crops, seeds[count:], strict=True)
            )
        return made, places

    return make


def whole_of_encoded(images: EncodedSource, size: Any) -> OfEncoded:
    """Decodes each image as it is, at one size."""
    check_size(size)
    read = images.reader()

    def make(
        rows: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor | None]:
        del seed
        (whole,), places = _of_each(
            images,
            rows,
            lambda row, number: (decode_to(read(row), (size, size)),),
            (tf.TensorSpec((size, size, 3), tf.uint8),),
        )
        return (as_float(whole),), places

    return make


def _of_each(
    images: EncodedSource,
    rows: tf.Tensor,
    make: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]],
    specs: tuple[tf.TensorSpec, ...],
) -> tuple[tuple[tf.Tensor, ...], tf.Tensor | None]:
    """Makes something of each image; one that is good stands in for one that is not.

    A file is read, decoded and cut as one: of a batch of photographs the bytes alone
    would fill memory.
    """
    each = (rows, draws.row_numbers(tf.shape(rows)[0]))
    if images.sizes is not None:
        # Each has been decoded before.
        return tf.map_fn(lambda one: make(*one), each, fn_output_signature=specs), None
    made, good = good_rows(each, lambda one: make(*one))
    places = tf.cond(
        tf.reduce_all(good),
        lambda: tf.range(tf.size(good)),
        lambda: _stand_ins(images, rows, good),
    )
    return tuple(tf.gather(part, places) for part in made), places


def _stand_ins(images: EncodedSource, rows: tf.Tensor, good: tf.Tensor) -> tf.Tensor:
    """The place of each image, or of a good one in place of one that is not."""
    noted = _noted(images, tf.boolean_mask(rows, ~good))
    usable = tf.cast(tf.where(good)[:, 0], tf.int32)
    some = tf.debugging.Assert(
        tf.size(usable) > 0, [f"None of a batch of images of {images.name} can be read"]
    )
    with tf.control_dependencies([some, noted]):
        places = tf.range(tf.size(good))
    return tf.where(good, places, tf.gather(usable, places % tf.size(usable)))


def _noted(images: EncodedSource, rows: tf.Tensor) -> tf.Tensor:
    """Tells a source which of its images could not be decoded."""

    def note(rows: np.ndarray) -> np.int64:
        images.note(rows)
        return np.int64(len(rows))

    # On another machine it cannot be told, and training goes on.
    counts = tf.data.Dataset.from_tensors(rows).map(
        lambda rows: tf.ensure_shape(tf.numpy_function(note, [rows], tf.int64), ())
    )
    nothing = tf.data.Dataset.from_tensors(tf.constant(0, tf.int64))
    return counts.ignore_errors().concatenate(nothing).take(1).get_single_element()


def _cropper(
    images: EncodedSource,
    views: tuple[ImageView, ...],
    read: Callable[[tf.Tensor], tf.Tensor],
) -> Callable[[tf.Tensor, tf.Tensor, list[tf.Tensor]], tuple[tf.Tensor, ...]]:
    """A random crop of an image for each view, resized, float32 in [0, 1]."""
    known = None if images.sizes is None else on_host(images.sizes.astype(np.int32))

    def crop(
        row: tf.Tensor, number: tf.Tensor, seeds: list[tf.Tensor]
    ) -> tuple[tf.Tensor, ...]:
        content = read(row)
        size = tf.cast(shown_size(content), tf.int32) if known is None else known[row]
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

    return crop


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
    resized = tf.cond(
        (height > size) | (width > size),
        lambda: tf.image.resize(part, (size, size), antialias=True),
        # Enlarged, the pixels are the same but for rounding, and sooner there.
        lambda: tf.image.resize(part, (size, size)),
    )
    return tf.clip_by_value(resized / 255.0, 0.0, 1.0)


def _window(box: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Top, left, height and width in whole pixels, at least one and inside."""
    corners = tf.round(box * tf.cast(tf.tile(shape, [2]), tf.float32))
    corners = tf.cast(corners, tf.int32)
    start = tf.clip_by_value(corners[:2], 0, shape - 1)
    return tf.concat(
        [start, tf.clip_by_value(corners[2:] - start, 1, shape - start)], axis=0
    )
