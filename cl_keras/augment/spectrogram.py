# SPDX-License-Identifier: Apache-2.0
"""Mixtures and stretched crops of log-mel spectrograms, as in BYOL-A.

Niizumi et al. (2021), BYOL for Audio: Self-Supervised Learning for General-Purpose
Audio Representation, arXiv:2103.06695; sections 2.2 and 2.3.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cl_keras import check, distribute
from cl_keras.augment import draws
from cl_keras.augment.inputs import Seed, as_seed, check_range, split_seed
from cl_keras.augment.waveform import as_sequences, spread_over
from cl_keras.seeds import check_seed


def mix_log(
    spectrograms: tf.Tensor | np.ndarray,
    others: tf.Tensor | np.ndarray,
    seed: Seed,
    most: float = 0.4,
) -> tf.Tensor:
    """Mixes a little of another sound into each, as loud as energies add up.

    log((1 - a) exp(x) + a exp(y)), with a drawn for each example.

    Args:
        spectrograms: x, `(batch, time, bands)`, logarithms.
        others: y, one for each, of the same shape.
        seed: Two integers.
        most: a is uniform in [0, most).

    Returns:
        As the spectrograms, float32.

    Raises:
        ValueError: If `most` is not in [0, 1), or no spectrograms are given.

    Example:
    >>> mix_log(tf.zeros((1, 1, 1)), tf.zeros((1, 1, 1)), (0, 1)).numpy().item()
    0.0

    Reference: Niizumi et al. (2021), equation 2.
    """
    check.share_below_one(most=most)
    spectrograms, others = as_sequences(spectrograms, 3), as_sequences(others, 3)
    shares = draws.uniform(tf.shape(spectrograms)[:1], as_seed(seed), 0.0, most)
    shares = spread_over(shares, spectrograms)
    # The larger one in front: nothing overflows.
    top = tf.maximum(spectrograms, others)
    mixed = (1.0 - shares) * tf.exp(spectrograms - top) + shares * tf.exp(others - top)
    # Of a share of 0 and a much louder other sound, exp may be 0.
    return top + tf.math.log(tf.maximum(mixed, np.finfo(np.float32).tiny))


def resize_crop(
    spectrograms: tf.Tensor | np.ndarray,
    seed: Seed,
    time: tuple[float, float] = (0.6, 1.5),
    bands: tuple[float, float] = (0.6, 1.5),
    longest: float = 1.5,
) -> tf.Tensor:
    """Cuts a random range of time and bands out, and stretches it to the whole again.

    Args:
        spectrograms: `(batch, time, bands)`, floating; 0 is best their mean.
        seed: Two integers.
        time: Range of the crop's share of the time. Beyond 1 it holds zeros before or
            after.
        bands: Range of its share of the bands; beyond 1 all of them.
        longest: Time, as a share, that a crop lies within; zeros around the spectrogram
            fill it up.

    Returns:
        As the spectrograms, float32.

    Raises:
        ValueError: If a range is no ordered pair of positive numbers, or `longest` is
            below 1.

    Example:
    >>> resize_crop(tf.ones((2, 10, 8)), (0, 1)).shape
    TensorShape([2, 10, 8])

    Reference: Niizumi et al. (2021), section 2.3. Deviation: ranges are continuous and
    interpolation linear; theirs are whole frames and bicubic.
    """
    check_range("time", time)
    check_range("bands", bands)
    check.at_least(1, longest=longest)
    spectrograms = as_sequences(spectrograms, 3)
    shape = tf.shape(spectrograms)
    time_seed, band_seed = split_seed(seed, 2)
    over_time = _stretch(shape[0], shape[1], time, longest, time_seed)
    over_bands = _stretch(shape[0], shape[2], bands, 1.0, band_seed)
    stretched = tf.matmul(
        tf.matmul(over_time, spectrograms), over_bands, adjoint_b=True
    )
    return tf.ensure_shape(stretched, spectrograms.shape)


def _stretch(
    batch: tf.Tensor,
    size: tf.Tensor,
    span: tuple[float, float],
    longest: float,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Matrices (batch, size, size) that crop and stretch along one axis."""
    sizes = tf.cast(size, tf.float32)
    drawn = draws.uniform([batch, 2], seed)
    share = tf.minimum(span[0] + drawn[:, :1] * (span[1] - span[0]), longest)
    start = drawn[:, 1:] * (longest - share) - (longest - 1.0) / 2.0
    centres = (tf.range(sizes) + 0.5) / sizes
    places = (start + share * centres) * sizes - 0.5
    # At an edge the value there, as far as the half cell that it stands for.
    inside = (places >= -0.5) & (places <= sizes - 0.5)
    places = tf.clip_by_value(places, 0.0, sizes - 1.0)
    near = 1.0 - tf.abs(places[:, :, tf.newaxis] - tf.range(sizes))
    return tf.maximum(near, 0.0) * tf.cast(inside[:, :, tf.newaxis], tf.float32)


@keras.saving.register_keras_serializable(package="cl_keras")
class SpectrogramView(keras.layers.Layer):
    """Mixes and stretches spectrograms at random in training; else does nothing.

    Args:
        mix: Largest share of another example of the global batch; 0 mixes nothing.
        resize: Whether to crop and stretch.
        seed: Of the draws; by default from Keras's global seed.
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If `mix` is not in [0, 1).

    Reference: Niizumi et al. (2021), sections 2.2 and 2.3. Deviation: the other sound
    is of the batch; theirs is one of the last 2,048.

    Example:
    >>> SpectrogramView(mix=0.4)(tf.ones((2, 10, 8)), training=True).shape
    TensorShape([2, 10, 8])
    """

    def __init__(
        self,
        mix: float = 0.4,
        resize: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check.share_below_one(mix=mix)
        self.mix, self.resize, self.seed = mix, resize, seed
        seed = None if seed is None else check_seed(seed)
        self.seeds = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Draws a view of each example; on replicas as one device would."""
        if not training:
            return inputs
        spectrograms = tf.cast(inputs, tf.float32)
        # XLA takes seeds of 32 bits only.
        seed = tf.cast(self.seeds.next() % tf.int32.max, tf.int32)
        pair_seed, mix_seed, crop_seed = split_seed(seed, 3)
        rows = tf.shape(inputs)[0]
        total = distribute.all_sum(rows)
        with draws.drawing_for(distribute.row_offset(rows), total):
            if self.mix:
                everyone = tf.stop_gradient(distribute.all_gather(spectrograms))
                others = tf.gather(everyone, _others(rows, total, pair_seed))
                spectrograms = mix_log(spectrograms, others, mix_seed, self.mix)
            if self.resize:
                spectrograms = resize_crop(spectrograms, crop_seed)
        return tf.cast(spectrograms, inputs.dtype)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        own = {"mix": self.mix, "resize": self.resize, "seed": self.seed}
        return {**super().get_config(), **own}


def _others(rows: tf.Tensor, total: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Another example's number for each; its own where there is no other."""
    drawn = draws.uniform([rows], seed)
    steps = 1 + tf.cast(drawn * tf.cast(total - 1, tf.float32), tf.int32)
    return (draws.row_numbers(rows) + tf.minimum(steps, total - 1)) % total
