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
from cl_keras.data.images.encoded_source import EncodedSource
from cl_keras.preprocessing.decoding import decode_rgb, decode_to
from cl_keras.preprocessing.pixels import known_range

#: Makes views of contents and sizes, `(batch,)` and `(batch, 2)`, with a seed.
OfEncoded: TypeAlias = Callable[[Any, tf.Tensor], tuple[tf.Tensor, ...]]


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
    shapes = np.unique(images.sizes, axis=0)
    smallest = min(view.size for view in views.views)
    as_batch = len(shapes) == 1 and shapes.max() <= smallest

    def make(batch: Any, seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        contents, sizes = batch
        if as_batch:
            return views(_decode_batch(contents, shapes[0]), seed)
        count = len(views.views)
        seeds = split_seed(seed, 2 * count)
        crops = _crops(views.views, contents, sizes, seeds[:count])
        with known_range():
            return tuple(
                # All that makes the view, but for the crop.
                dataclasses.replace(view, scale=(1.0, 1.0), ratio=(1.0, 1.0))(*made)
                for view, *made in zip(views.views, crops, seeds[count:], strict=True)
            )

    return make


def whole_of_encoded(size: Any) -> OfEncoded:
    """Decodes each image as it is, at one size."""
    check_size(size)
    spec = tf.TensorSpec((size, size, 3), tf.uint8)

    def make(batch: Any, seed: tf.Tensor) -> tuple[tf.Tensor]:
        del seed
        contents, _ = batch
        whole = tf.map_fn(
            lambda content: decode_to(content, (size, size)),
            contents,
            fn_output_signature=spec,
        )
        return (as_float(whole),)

    return make


def _crops(
    views: tuple[ImageView, ...],
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
