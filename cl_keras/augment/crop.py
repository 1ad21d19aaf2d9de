# SPDX-License-Identifier: Apache-2.0
"""Random resized crop, the augmentation that contrastive learning lives on."""

from __future__ import annotations

import math

import tensorflow as tf

from cl_keras.augment import draws, inputs
from cl_keras.preprocessing.pixels import known_range

# As in torchvision; with the usual ratio of 3/4..4/3 on a square image the first
# fitting box comes within a few tries, and hardly one example in a million needs
# the fallback unless `scale` asks for (nearly) the whole image.
_TRIES = 10


def random_boxes(
    count: tf.Tensor | int,
    seed: inputs.Seed,
    *,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    image_ratio: tf.Tensor | float = 1.0,
) -> tf.Tensor:
    """Draws one crop box an example.

    Area is uniform in `scale`, aspect ratio log-uniform in `ratio`; the first of ten
    draws that fits in the image is placed uniformly. If none fits, the box is the
    largest central one whose ratio is in range, as in torchvision.

    Reference: Szegedy et al. 2015, "Going deeper with convolutions", section 6.
    """
    inputs.check_range("scale", scale, high=1.0)
    inputs.check_range("ratio", ratio)
    area_seed, ratio_seed, place_seed = inputs.split_seed(seed, 3)
    shape = tf.stack([count, _TRIES])
    area = draws.uniform(shape, area_seed, scale[0], scale[1])
    log_ratio = draws.uniform(shape, ratio_seed, math.log(ratio[0]), math.log(ratio[1]))
    # Width over height of the box, in shares of the image's sides.
    image_ratio = tf.cast(image_ratio, tf.float32)
    skew = tf.exp(log_ratio) / image_ratio
    width, height = tf.sqrt(area * skew), tf.sqrt(area / skew)
    fits = (width <= 1.0) & (height <= 1.0)
    first = tf.argmax(fits, axis=1, output_type=tf.int32)
    any_fits = tf.reduce_any(fits, axis=1)
    whole = tf.clip_by_value(image_ratio, ratio[0], ratio[1]) / image_ratio
    width = tf.where(
        any_fits, tf.gather(width, first, batch_dims=1), tf.minimum(whole, 1.0)
    )
    height = tf.where(
        any_fits, tf.gather(height, first, batch_dims=1), tf.minimum(1.0 / whole, 1.0)
    )
    place = draws.uniform(tf.stack([count, 2]), place_seed)
    # The fallback is central, as in torchvision.
    place = tf.where(any_fits[:, tf.newaxis], place, 0.5)
    top = place[:, 0] * (1.0 - height)
    left = place[:, 1] * (1.0 - width)
    return tf.stack([top, left, top + height, left + width], axis=1)


def random_resized_crop(
    images: inputs.Images,
    size: int,
    seed: inputs.Seed,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    *,
    flip: float = 0.0,
) -> tf.Tensor:
    """Crops a random box from each image and resizes it to a square.

    Args:
        images: `(batch, height, width, channels)`, uint8 or float in [0, 1].
        size: Side of the square views, in pixels.
        seed: Two integers; the same seed gives the same crops.
        scale: Range of the box's share of the image area, in (0, 1].
        ratio: Range of width / height of the box, in pixels.
        flip: Probability of mirroring left to right, decided for each example. It
            costs nothing here, where the box is read from right to left.

    Returns:
        `(batch, size, size, channels)` float32 in [0, 1].

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> views = random_resized_crop(tf.zeros((4, 48, 64, 3)), 32, (0, 1))
    >>> views.shape.as_list()
    [4, 32, 32, 3]

    Reference: Chen et al. 2020, "A simple framework for contrastive learning of
    visual representations", appendix A. Deviations from the authors' code: boxes are
    continuous, measured between pixel centres, not rounded to whole pixels; the ratio
    is log-uniform, as in torchvision; interpolation is bilinear, not bicubic, and
    without antialiasing: store images at about the size of the views.
    """
    inputs.check_size(size)
    images = tf.convert_to_tensor(images)
    channels = images.shape[-1] if images.shape.rank == 4 else None
    if images.dtype != tf.uint8 or images.shape.rank != 4:
        images = inputs.as_float(images)
    box_seed, flip_seed = inputs.split_seed(seed, 2)
    shape = tf.shape(images)
    boxes = random_boxes(
        shape[0], box_seed, scale=scale, ratio=ratio, image_ratio=shape[2] / shape[1]
    )
    mirrored = inputs.chosen(images, flip_seed, flip)[:, tf.newaxis]
    boxes = tf.where(mirrored, tf.gather(boxes, [0, 3, 2, 1], axis=1), boxes)
    with known_range():
        views = crop(images, boxes, size)
    views.set_shape([images.shape[0], size, size, channels])
    return views


def crop(images: inputs.Images, boxes: tf.Tensor, size: int) -> tf.Tensor:
    """Crops one given box from each image and resizes it to a square, bilinearly."""
    images = tf.convert_to_tensor(images)
    # The operation reads bytes itself: no float copy of the whole image is made.
    in_bytes = images.dtype == tf.uint8
    if not in_bytes:
        images = inputs.as_float(images)
    # Rounding must not push a coordinate past the edge, where the operation would
    # fill in black.
    boxes = tf.clip_by_value(boxes, 0.0, 1.0)
    indices = tf.range(tf.shape(images)[0])
    views = tf.image.crop_and_resize(images, boxes, indices, [size, size])
    # Rounding leaves values such as 1.0000001.
    return tf.clip_by_value(views / 255.0 if in_bytes else views, 0.0, 1.0)
