# SPDX-License-Identifier: Apache-2.0
"""Masks over time and over the bands of spectrograms."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.augment import draws
from cl_keras.augment.inputs import Seed, split_seed
from cl_keras.augment.waveform import as_sequences


def mask_time(
    sequences: tf.Tensor | np.ndarray, seed: Seed, share: float = 0.2, count: int = 1
) -> tf.Tensor:
    """Sets random stretches of time to 0, all channels alike.

    Args:
        sequences: `(batch, time)` waveforms or `(batch, time, ...)`, floating.
        seed: Two integers.
        share: Largest share of the time that a stretch may have; its width is uniform.
        count: Stretches of each example; they may overlap.

    Returns:
        As the sequences, float32.

    Raises:
        ValueError: If `share` is not in [0, 1] or `count` is negative.

    Example:
    >>> mask_time(tf.ones((2, 5, 3)), (0, 1), share=0.0).numpy().min()
    np.float32(1.0)

    Reference: Park et al. (2019), SpecAugment, arXiv:1904.08779, section 2.
    """
    return _mask(as_sequences(sequences), seed, share, count, axis=1)


def mask_bands(
    spectrograms: tf.Tensor | np.ndarray, seed: Seed, share: float = 0.2, count: int = 1
) -> tf.Tensor:
    """Sets random ranges of neighbouring bands to 0, at all times alike.

    Args:
        spectrograms: `(batch, time, bands)`, floating, such as log-mel features; 0 is
            best their mean.
        seed: Two integers.
        share: Largest share of the bands that a range may have; its width is uniform.
        count: Ranges of each example; they may overlap.

    Returns:
        As the spectrograms, float32.

    Raises:
        ValueError: If `share` is not in [0, 1] or `count` is negative.

    Example:
    >>> mask_bands(tf.ones((2, 5, 3)), (0, 1), share=0.0).numpy().min()
    np.float32(1.0)

    Reference: Park et al. (2019), SpecAugment, arXiv:1904.08779, section 2.
    """
    return _mask(as_sequences(spectrograms, 3), seed, share, count, axis=2)


def _mask(
    values: tf.Tensor, seed: Seed, share: float, count: int, axis: int
) -> tf.Tensor:
    check.between(0, 1, share=share)
    check.at_least(0, count=count)
    size = tf.cast(tf.shape(values)[axis], tf.float32)
    shape = [tf.shape(values)[0], count, 1]
    width_seed, start_seed = split_seed(seed, 2)
    widths = tf.floor(draws.uniform(shape, width_seed) * (share * size + 1.0))
    widths = tf.minimum(widths, tf.floor(share * size))
    starts = tf.floor(draws.uniform(shape, start_seed) * (size - widths + 1.0))
    places = tf.range(size)
    hidden = (places >= starts) & (places < starts + widths)
    kept = tf.cast(~tf.reduce_any(hidden, axis=1), values.dtype)
    form = [1] * values.shape.rank
    form[0], form[axis] = tf.shape(values)[0], tf.shape(values)[axis]
    return values * tf.reshape(kept, form)
