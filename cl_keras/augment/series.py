# SPDX-License-Identifier: Apache-2.0
"""Random changes of sensor readings.

Um et al. (2017), Data Augmentation of Wearable Sensor Data for Parkinson's Disease
Monitoring using Convolutional Neural Networks, arXiv:1706.00527; section 3.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.augment import draws
from cl_keras.augment.inputs import Seed, as_seed, split_seed
from cl_keras.augment.waveform import as_sequences

# Time never stands still: the slowest speed of `warp_time`.
_SLOWEST = 0.1


def jitter_series(
    series: tf.Tensor | np.ndarray, seed: Seed, sigma: float = 0.05
) -> tf.Tensor:
    """Adds normal noise to each reading.

    Args:
        series: `(batch, time, ...)`, floating; channels of one scale.
        seed: Two integers.
        sigma: Standard deviation of the noise.

    Returns:
        As the series, float32.

    Raises:
        ValueError: If `sigma` is negative.

    Example:
    >>> jitter_series(tf.ones((2, 5, 3)), (0, 1), sigma=0.0).numpy().max()
    np.float32(1.0)
    """
    check.not_negative(sigma=sigma)
    series = as_sequences(series)
    return series + sigma * draws.normal(tf.shape(series), as_seed(seed))


def scale_series(
    series: tf.Tensor | np.ndarray, seed: Seed, sigma: float = 0.1
) -> tf.Tensor:
    """Multiplies each channel of each example by a random factor.

    Args:
        series: `(batch, time, channels)`, floating.
        seed: Two integers.
        sigma: Standard deviation of the factors, which are normal around 1.

    Returns:
        As the series, float32.

    Raises:
        ValueError: If `sigma` is negative.

    Example:
    >>> scale_series(tf.ones((2, 5, 3)), (0, 1), sigma=0.0).numpy().max()
    np.float32(1.0)
    """
    check.not_negative(sigma=sigma)
    series = as_sequences(series, 3)
    shape = tf.shape(series)
    factors = draws.normal([shape[0], 1, shape[2]], as_seed(seed))
    return series * (1.0 + sigma * factors)


def rotate_series(series: tf.Tensor | np.ndarray, seed: Seed) -> tf.Tensor:
    """Turns the sensor: one random rotation in space for all of an example's triples.

    Args:
        series: `(batch, time, channels)`, floating; each three channels are x, y and z
            of one sensor, and the sensors turn together.
        seed: Two integers.

    Returns:
        As the series, float32.

    Raises:
        ValueError: If the number of channels is not a multiple of three.

    Example:
    >>> turned = rotate_series(tf.ones((1, 1, 3)), (0, 1))
    >>> float(tf.round(tf.reduce_sum(turned**2)))
    3.0

    Deviation: rotations are uniform, by quaternions; the authors draw a random axis and
    a uniform angle.
    """
    series = as_sequences(series, 3)
    channels = series.shape[2]
    if channels is None or channels % 3:
        raise ValueError(
            "Expected triples of channels (x, y, z of a sensor). Received: shape "
            f"{tuple(series.shape)}"
        )
    shape = tf.shape(series)
    quaternions = draws.normal([shape[0], 4], as_seed(seed))
    turns = _rotations(tf.math.l2_normalize(quaternions, axis=-1))
    triples = tf.reshape(series, [shape[0], -1, 3])
    turned = tf.matmul(triples, turns, transpose_b=True)
    return tf.ensure_shape(tf.reshape(turned, shape), series.shape)


def _rotations(quaternions: tf.Tensor) -> tf.Tensor:
    """Rotation matrices (n, 3, 3) of unit quaternions (n, 4)."""
    w, x, y, z = tf.unstack(quaternions, axis=-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)


def warp_time(
    series: tf.Tensor | np.ndarray, seed: Seed, sigma: float = 0.2, knots: int = 4
) -> tf.Tensor:
    """Lets time run faster and slower, from the same beginning to the same end.

    Args:
        series: `(batch, time, ...)`, floating.
        seed: Two integers.
        sigma: Standard deviation of the speeds, which are normal around 1.
        knots: Moments, evenly spaced, at which speeds are drawn.

    Returns:
        As the series, float32, interpolated linearly.

    Raises:
        ValueError: If `sigma` is negative or `knots` below 2.

    Example:
    >>> warp_time(tf.ones((2, 8, 3)), (0, 1)).shape
    TensorShape([2, 8, 3])

    Deviation: speeds are linear between the knots, where the authors lay a cubic
    spline, and at least 0.1, so that time never runs backwards.
    """
    check.not_negative(sigma=sigma)
    check.at_least(2, knots=knots)
    series = as_sequences(series)
    shape = tf.shape(series)
    drawn = 1.0 + sigma * draws.normal([shape[0], knots], as_seed(seed))
    drawn = tf.maximum(drawn, _SLOWEST)
    places = tf.linspace(0.0, float(knots - 1), shape[1] - 1)
    # What each knot gives to each step: a linear interpolation.
    knot = tf.range(knots, dtype=tf.float32)[:, tf.newaxis]
    speeds = tf.matmul(drawn, tf.maximum(1.0 - tf.abs(places - knot), 0.0))
    moments = tf.pad(tf.cumsum(speeds, axis=1), [[0, 0], [1, 0]])
    last = tf.cast(shape[1] - 1, tf.float32)
    moments *= last / moments[:, -1:]
    before = tf.clip_by_value(tf.floor(moments), 0.0, last - 1.0)
    share = tf.clip_by_value(moments - before, 0.0, 1.0)
    share = tf.reshape(share, [*tf.unstack(shape[:2]), *[1] * (series.shape.rank - 2)])
    rows = tf.cast(before, tf.int32)
    one, other = (
        tf.gather(series, rows + step, axis=1, batch_dims=1) for step in (0, 1)
    )
    warped = (1.0 - share) * one + share * other
    return tf.ensure_shape(warped, series.shape)


def permute_segments(
    series: tf.Tensor | np.ndarray, seed: Seed, segments: int = 4
) -> tf.Tensor:
    """Cuts each series into segments and puts them into a random order.

    Args:
        series: `(batch, time, ...)`, floating.
        seed: Two integers.
        segments: How many, of one length but for rounding.

    Returns:
        As the series, float32.

    Raises:
        ValueError: If `segments` is not positive.

    Example:
    >>> permute_segments(tf.ones((2, 8, 3)), (0, 1), segments=1).shape
    TensorShape([2, 8, 3])

    Deviation: the authors' segments have random lengths.
    """
    check.at_least(1, segments=segments)
    series = as_sequences(series)
    shape = tf.shape(series)
    seeds = split_seed(seed, 1)
    keys = draws.uniform([shape[0], segments], seeds[0])
    order = tf.argsort(tf.argsort(keys, axis=1), axis=1)
    segment = tf.range(shape[1]) * segments // shape[1]
    rows = tf.argsort(tf.gather(order, segment, axis=1), axis=1, stable=True)
    return tf.gather(series, rows, axis=1, batch_dims=1)
