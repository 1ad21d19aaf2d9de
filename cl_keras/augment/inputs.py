# SPDX-License-Identifier: Apache-2.0
"""What every augmentation takes: a batch of images and a seed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from cl_keras.augment import draws
from cl_keras.preprocessing.pixels import unit_pixels

Seed: TypeAlias = tf.Tensor | np.ndarray | Sequence[int]
Images: TypeAlias = tf.Tensor | np.ndarray


def as_float(images: Images) -> tf.Tensor:
    """Converts a batch of images to float32 in [0, 1].

    Args:
        images: `(batch, height, width, channels)`, uint8 in 0..255 or floating in
            [0, 1].

    Returns:
        `(batch, height, width, channels)` float32 in [0, 1].

    Raises:
        ValueError: If `images` has not four dimensions, or floats are beyond [0, 1] or
            NaN; in a graph, when it is run, a `tf.errors.InvalidArgumentError`.
        TypeError: If `images` is neither uint8 nor floating.

    Example:
    >>> as_float(np.full((1, 2, 2, 3), 255, np.uint8)).numpy().max()
    np.float32(1.0)
    """
    images = tf.convert_to_tensor(images)
    if images.shape.rank is not None and images.shape.rank != 4:
        raise ValueError(
            "Expected a batch of images with shape (batch, height, width, channels). "
            f"Received shape: {tuple(images.shape)}"
        )
    return unit_pixels(images)


def as_seed(seed: Seed) -> tf.Tensor:
    """Checks a stateless seed."""
    tensor = tf.convert_to_tensor(seed)
    if not tensor.dtype.is_integer or not tensor.shape.is_compatible_with([2]):
        raise ValueError(
            "Expected `seed` to be two integers, as in tf.random.stateless_uniform. "
            f"Received: seed={seed!r}"
        )
    return tensor


def split_seed(seed: Seed, count: int) -> list[tf.Tensor]:
    """Draws independent seeds from one."""
    return tf.unstack(tf.random.split(as_seed(seed), count), num=count)


def chosen(images: tf.Tensor, seed: tf.Tensor, p: float) -> tf.Tensor:
    """Draws which examples of a batch an operation applies to."""
    check_probability("p", p)
    return draws.uniform(tf.shape(images)[:1], seed) < p


def per_image(values: tf.Tensor) -> tf.Tensor:
    """Reshapes one value an example so that it broadcasts over the images."""
    return values[:, tf.newaxis, tf.newaxis, tf.newaxis]


def check_size(size: int) -> None:
    """Checks the side of a view."""
    if not isinstance(size, int) or size < 1:
        raise ValueError(
            f"Expected `size` to be a positive integer. Received: size={size!r}"
        )


def check_probability(name: str, value: float) -> None:
    """Checks that a parameter is a probability."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(
            f"Expected `{name}` to be a probability in [0, 1]. Received: {name}={value}"
        )


def check_range(
    name: str,
    value: tuple[float, float],
    *,
    low: float = 0.0,
    high: float = float("inf"),
) -> None:
    """Checks that a parameter is an ordered pair above `low` and up to `high`."""
    if len(value) != 2 or not low < value[0] <= value[1] <= high:
        raise ValueError(
            f"Expected `{name}` to be a pair (low, high) with {low} < low <= high <= "
            f"{high}. Received: {name}={value}"
        )


def has_colors(images: tf.Tensor) -> bool:
    """Whether images are grey or RGB, so that colours can be changed."""
    channels = images.shape[-1]
    if channels in (None, 1, 3):
        return True
    warnings.warn(
        f"Images of {channels} channels have no colours: their views are made without "
        "colour jitter and greyscale.",
        stacklevel=3,
    )
    return False


def color_channels(images: tf.Tensor) -> int:
    """Reads the number of channels, which must be 1 (grey) or 3 (RGB)."""
    channels = images.shape[-1]
    if channels not in (1, 3):
        raise ValueError(
            "Colour operations need 1 (grey) or 3 (RGB) channels, known when the "
            f"graph is built. Received shape: {tuple(images.shape)}"
        )
    return int(channels)
