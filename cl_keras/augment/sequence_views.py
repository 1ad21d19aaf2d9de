# SPDX-License-Identifier: Apache-2.0
"""Two views of recordings, and of sensor readings."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.augment import masks, series, waveform
from cl_keras.augment.inputs import Seed, check_probability, chosen, split_seed
from cl_keras.augment.view_maker import ViewMaker


@dataclasses.dataclass(frozen=True)
class SequenceViews(ViewMaker):
    """Two views of each sequence, independent and of one distribution.

    A subclass adds its parameters and writes `change`.

    Args:
        crop: Share of the sequence's time that a view keeps, from a random moment on.
    """

    _: dataclasses.KW_ONLY
    crop: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check.positive(crop=self.crop)
        check.between(0, 1, crop=self.crop)
        # Checks the parameters.
        self.change(tf.zeros((1, 12, 3)), split_seed((0, 0), 8))

    def change(self, sequences: tf.Tensor, seeds: list[tf.Tensor]) -> tf.Tensor:
        """Changes a batch of cropped sequences at random."""
        raise NotImplementedError

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self, sequences: tf.Tensor | np.ndarray, seed: Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws two views of each sequence, `(batch, time, ...)`."""
        first, second = split_seed(seed, 2)
        return self._view(sequences, first), self._view(sequences, second)

    def _view(self, sequences: tf.Tensor | np.ndarray, seed: tf.Tensor) -> tf.Tensor:
        sequences = waveform.as_sequences(sequences)
        crop_seed, *seeds = split_seed(seed, 9)
        if self.crop < 1:
            time = sequences.shape[1]
            if time is None:
                raise ValueError("Crops need sequences whose length is known.")
            length = max(round(self.crop * time), 1)
            sequences = waveform.crop_time(sequences, crop_seed, length)
        return self.change(sequences, seeds)


@dataclasses.dataclass(frozen=True)
class AudioViews(SequenceViews):
    """Two views of each recording: crop, loudness, noise and masks over time.

    The defaults are for seconds of speech.

    Args:
        gain: Largest change of the loudness, in decibels.
        noise: Probability of white noise.
        snr: Range of the ratio of signal to noise, in decibels.
        mask: Largest share of the time that a mask hides.
        masks: How many masks there are.
        crop: As in `SequenceViews`.

    Raises:
        ValueError: If a parameter is out of range.

    Example:
    >>> first, second = AudioViews(crop=0.5)(tf.zeros((4, 8000)), (0, 1))
    >>> first.shape
    TensorShape([4, 4000])

    Reference: Saeed et al. (2021), Contrastive Learning of General-Purpose Audio
    Representations, arXiv:2010.10915, section 2 (crops); Park et al. (2019),
    SpecAugment, arXiv:1904.08779 (masks).
    """

    _: dataclasses.KW_ONLY
    crop: float = 0.8
    gain: float = 6.0
    noise: float = 0.5
    snr: tuple[float, float] = (10.0, 40.0)
    mask: float = 0.1
    masks: int = 1

    def change(self, sequences: tf.Tensor, seeds: list[tf.Tensor]) -> tf.Tensor:
        """Changes loudness, adds noise and hides stretches of time."""
        gain_seed, noise_seed, mask_seed, *_ = seeds
        sequences = waveform.random_gain(sequences, gain_seed, self.gain)
        check_probability("noise", self.noise)
        if self.noise:
            sequences = waveform.add_noise(sequences, noise_seed, self.snr, self.noise)
        return masks.mask_time(sequences, mask_seed, self.mask, self.masks)


@dataclasses.dataclass(frozen=True)
class SeriesViews(SequenceViews):
    """Two views of each series of sensor readings, `(batch, time, channels)`.

    Channels are best standardised. All changes are of arXiv:1706.00527.

    Args:
        jitter: Standard deviation of the noise that is added.
        scale: Standard deviation of the channels' factors.
        rotate: Probability that the sensor is turned; channels are triples then.
        warp: Standard deviation of the speeds at which time runs.
        permute: Probability that segments change places.
        segments: How many segments there are.
        crop: As in `SequenceViews`.

    Raises:
        ValueError: If a parameter is out of range.

    Example:
    >>> first, second = SeriesViews(rotate=1.0)(tf.zeros((4, 50, 6)), (0, 1))
    >>> second.shape
    TensorShape([4, 50, 6])

    Reference: Um et al. (2017), arXiv:1706.00527; Tang et al. (2020), Exploring
    Contrastive Learning in Human Activity Recognition for Healthcare,
    arXiv:2011.11542 (in SimCLR).
    """

    _: dataclasses.KW_ONLY
    jitter: float = 0.05
    scale: float = 0.1
    rotate: float = 0.0
    warp: float = 0.0
    permute: float = 0.0
    segments: int = 4

    def change(self, sequences: tf.Tensor, seeds: list[tf.Tensor]) -> tf.Tensor:
        """Turns, warps, permutes, scales and adds noise, in this order."""
        turn, which_turn, warp, order, which_order, scale, jitter, *_ = seeds
        check_probability("rotate", self.rotate)
        check_probability("permute", self.permute)
        check.at_least(1, segments=self.segments)
        if self.rotate:
            turned = series.rotate_series(sequences, turn)
            sequences = _some(turned, sequences, which_turn, self.rotate)
        check.not_negative(warp=self.warp)
        if self.warp:
            sequences = series.warp_time(sequences, warp, self.warp)
        if self.permute:
            moved = series.permute_segments(sequences, order, self.segments)
            sequences = _some(moved, sequences, which_order, self.permute)
        sequences = series.scale_series(sequences, scale, self.scale)
        return series.jitter_series(sequences, jitter, self.jitter)


def _some(
    changed: tf.Tensor, sequences: tf.Tensor, seed: tf.Tensor, p: float
) -> tf.Tensor:
    """The changed sequences with probability `p`, each example by itself."""
    taken = chosen(sequences, seed, p)
    return tf.where(waveform.spread_over(taken, sequences), changed, sequences)
