# SPDX-License-Identifier: Apache-2.0
"""Changes of colour, on images taken apart into their channels.

The changes work on planes: one tensor `(batch, pixels)` a channel. Arithmetic on
whole planes is several times faster on a CPU than on the interleaved channels of an
image, whose innermost axis has length 3.
"""

from __future__ import annotations

import tensorflow as tf

Planes = list[tf.Tensor]


def to_planes(images: tf.Tensor) -> Planes:
    """Takes a batch of images apart into its channels."""
    shape = tf.shape(images)
    flat = tf.reshape(images, [shape[0], shape[1] * shape[2], images.shape[-1]])
    return tf.unstack(tf.transpose(flat, [2, 0, 1]))


def from_planes(planes: Planes, like: tf.Tensor) -> tf.Tensor:
    """Puts images together from their channels."""
    images = tf.reshape(tf.transpose(tf.stack(planes), [1, 2, 0]), tf.shape(like))
    images.set_shape(like.shape)
    return images


def adjust_brightness(planes: Planes, factors: tf.Tensor) -> Planes:
    """Multiplies each image by its factor and clips to [0, 1]."""
    return [tf.minimum(x * factors[:, tf.newaxis], 1.0) for x in planes]


def adjust_contrast(planes: Planes, factors: tf.Tensor) -> Planes:
    """Scales each image about its mean, channel by channel, and clips to [0, 1].

    The mean of each channel is kept, as in `tf.image.adjust_contrast` and in the
    code of SimCLR and BYOL; torchvision scales about the mean of the grey image.
    """
    factors = factors[:, tf.newaxis]
    shifts = [
        tf.reduce_mean(x, axis=1, keepdims=True) * (1.0 - factors) for x in planes
    ]
    return [
        tf.clip_by_value(x * factors + shift, 0.0, 1.0)
        for x, shift in zip(planes, shifts, strict=True)
    ]


def adjust_saturation(planes: Planes, factors: tf.Tensor) -> Planes:
    """Multiplies the HSV saturation of each image, which stays at most 1.

    With hue and value V fixed, RGB is linear in the saturation S = (V - min) / V:
    `x' = V - (V - x) * min(factor, 1 / S)`. This is `tf.image.adjust_saturation`
    without its two conversions; torchvision mixes with the grey image instead.
    """
    value, chroma = _value_and_chroma(planes)
    # A grey pixel has no chroma and stays as it is under any factor.
    largest = value / tf.maximum(chroma, 1e-12)
    factor = tf.minimum(factors[:, tf.newaxis], largest)
    # (V - min) * V / (V - min) may exceed V by a rounding error.
    return [tf.maximum(value - (value - x) * factor, 0.0) for x in planes]


def adjust_hue(planes: Planes, turns: tf.Tensor) -> Planes:
    """Rotates the HSV hue of each image."""
    red, green, blue = planes
    value, chroma = _value_and_chroma(planes)
    sextant = 6.0 * chroma
    # Grey pixels: every difference is 0, so any divisor will do.
    scale = 1.0 / tf.maximum(sextant, 1e-12)
    hue = tf.where(
        value == red,
        (green - blue) * scale,
        tf.where(
            value == green,
            (blue - red) * scale + 1 / 3,
            (red - green) * scale + 2 / 3,
        ),
    )
    hue += turns[:, tf.newaxis]
    hue -= tf.floor(hue)
    # Each channel is a trapezoid over the circle: `low + chroma` on a third of it,
    # `low` on another, and a ramp of one sixth between them.
    low = value - chroma
    ramps = (
        tf.abs(hue - 1 / 2) - 1 / 6,
        1 / 3 - tf.abs(hue - 1 / 3),
        1 / 3 - tf.abs(hue - 2 / 3),
    )
    return [low + sextant * tf.clip_by_value(ramp, 0.0, 1 / 6) for ramp in ramps]


def _value_and_chroma(planes: Planes) -> tuple[tf.Tensor, tf.Tensor]:
    red, green, blue = planes
    value = tf.maximum(tf.maximum(red, green), blue)
    return value, value - tf.minimum(tf.minimum(red, green), blue)
