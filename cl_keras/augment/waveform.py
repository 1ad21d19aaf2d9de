# SPDX-License-Identifier: Apache-2.0
"""Random crops, loudness and noise of recordings and other sequences."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.augment import draws
from cl_keras.augment.inputs import Seed, as_seed, chosen, split_seed


def as_sequences(sequences: tf.Tensor | np.ndarray, least: int = 2) -> tf.Tensor:
    """Checks a batch of sequences, `(batch, time, ...)`; float32."""
    sequences = tf.convert_to_tensor(sequences)
    rank = sequences.shape.rank
    if not sequences.dtype.is_floating or (rank is not None and rank < least):
        form = "(batch, time)" if least == 2 else "(batch, time, channels)"
        raise ValueError(
            f"Expected a batch of floating sequences, {form}. Received: shape "
            f"{tuple(sequences.shape)} of {sequences.dtype.name}"
        )
    return tf.cast(sequences, tf.float32)


def spread_over(values: tf.Tensor, sequences: tf.Tensor) -> tf.Tensor:
    """Reshapes one value an example so that it broadcasts over the sequences."""
    ones = tf.ones(tf.rank(sequences) - 1, tf.int32)
    return tf.reshape(values, tf.concat([[-1], ones], axis=0))


def crop_time(sequences: tf.Tensor | np.ndarray, seed: Seed, length: int) -> tf.Tensor:
    """Takes a stretch of each sequence, from a random moment on.

    Args:
        sequences: `(batch, time)` waveforms or `(batch, time, ...)`, floating.
        seed: Two integers; the same seed gives the same stretches.
        length: Samples or time steps of a stretch.

    Returns:
        `(batch, length, ...)` float32.

    Raises:
        ValueError: If the sequences are shorter than `length`, or no sequences.

    Example:
    >>> crop_time(tf.zeros((2, 100)), (0, 1), length=40).shape
    TensorShape([2, 40])
    """
    check.at_least(1, length=length)
    sequences = as_sequences(sequences)
    known = sequences.shape[1]
    if known is not None and known < length:
        raise ValueError(
            f"Expected sequences of at least {length} samples. Received: {known}"
        )
    shape = tf.shape(sequences)
    share = draws.uniform(shape[:1], as_seed(seed), dtype="float64")
    places = tf.cast(shape[1] - length + 1, tf.float64)
    starts = tf.cast(share * places, tf.int32)
    moments = starts[:, tf.newaxis] + tf.range(length)
    return tf.gather(sequences, moments, axis=1, batch_dims=1)


def random_gain(
    sequences: tf.Tensor | np.ndarray, seed: Seed, decibels: float = 6.0
) -> tf.Tensor:
    """Makes each recording louder or softer.

    Args:
        sequences: `(batch, time, ...)`, floating.
        seed: Two integers.
        decibels: The gain is uniform in decibels, from `-decibels` to `decibels`.

    Returns:
        As the sequences, float32; values may pass 1.

    Raises:
        ValueError: If `decibels` is negative, or no sequences are given.

    Example:
    >>> random_gain(tf.ones((2, 3)), (0, 1), decibels=0.0).numpy().max()
    np.float32(1.0)
    """
    check.not_negative(decibels=decibels)
    sequences = as_sequences(sequences)
    gains = draws.uniform(tf.shape(sequences)[:1], as_seed(seed), -decibels, decibels)
    return sequences * spread_over(10.0 ** (gains / 20.0), sequences)


def add_noise(
    sequences: tf.Tensor | np.ndarray,
    seed: Seed,
    snr: tuple[float, float] = (10.0, 40.0),
    p: float = 1.0,
) -> tf.Tensor:
    """Adds white noise in a random relation to each sequence's own power.

    Args:
        sequences: `(batch, time, ...)`, floating. Silence stays silent.
        seed: Two integers.
        snr: Range of the ratio of signal to noise, in decibels, uniform.
        p: Probability of each example.

    Returns:
        As the sequences, float32.

    Raises:
        ValueError: If `snr` is no ordered pair, or `p` no probability.

    Example:
    >>> add_noise(tf.zeros((2, 3)), (0, 1)).numpy().max()
    np.float32(0.0)
    """
    if len(snr) != 2 or not snr[0] <= snr[1]:
        raise ValueError(
            f"Expected `snr` to be a pair (low, high) of decibels. Received: snr={snr}"
        )
    sequences = as_sequences(sequences)
    ratio_seed, noise_seed, p_seed = split_seed(seed, 3)
    ratios = draws.uniform(tf.shape(sequences)[:1], ratio_seed, *snr)
    axes = tf.range(1, tf.rank(sequences))
    root = tf.sqrt(tf.reduce_mean(tf.square(sequences), axes))
    sizes = root * 10.0 ** (-ratios / 20.0)
    sizes *= tf.cast(chosen(sequences, p_seed, p), tf.float32)
    noise = draws.normal(tf.shape(sequences), noise_seed)
    return sequences + spread_over(sizes, sequences) * noise
