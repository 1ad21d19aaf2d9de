# SPDX-License-Identifier: Apache-2.0
"""An encoder of waveforms by way of their log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from cl_keras import check
from cl_keras.augment.spectrogram import SpectrogramView
from cl_keras.batch_norm import batch_norm
from cl_keras.encoders.sequence import Recurrence, causal_features
from cl_keras.preprocessing.sample_rate import marked

# Seconds that a frame sees, and from one to the next; Hz of the lowest band.
_WINDOW, _HOP, _LOWEST = 0.025, 0.010, 60.0
# Silence has power 0; its logarithm must be finite.
_LEAST_POWER = 1e-6


@keras.saving.register_keras_serializable(package="cl_keras")
class AtLeast(layers.Layer):
    """Appends zeros to waveforms (batch, samples) that are shorter than a frame."""

    def __init__(self, samples: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.samples = samples

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Gives longer waveforms as they are."""
        missing = tf.maximum(self.samples - tf.shape(inputs)[1], 0)
        return tf.pad(inputs, [[0, 0], [0, missing]])

    def compute_output_shape(self, shape: tuple) -> tuple:  # noqa: D102
        length = shape[1]
        return shape[0], None if length is None else max(length, self.samples)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_config(), "samples": self.samples}


def mel_conv(
    input_shape: tuple[int | None, ...] = (None,),
    *,
    sample_rate: int = 16_000,
    bands: int = 64,
    widths: Sequence[int] = (32, 64, 64),
    units: int = 256,
    mix: float = 0.0,
    resize: bool = False,
    seed: int | None = None,
    name: str = "mel_conv",
) -> keras.Model:
    """Log-mel bands, normalised; 3x3 convolutions; a dense layer; the mean over time.

    Layer `"log_mel"`, (batch, time, bands), has a frame of 25 ms every 10 ms; each
    convolution is followed by batch normalisation, ReLU and a maximum over two frames
    and two bands. Layer `"frames"`, (batch, time, units), is what the features are the
    mean of. It is the network of BYOL-A but for widths, dropout and its last pooling.

    With `mix` or `resize`, spectrograms are mixed and stretched at random while the
    encoder trains (`augment.SpectrogramView`), which makes any method of two views one
    that has those of BYOL-A; in inference, and exported, nothing is random.

    Args:
        input_shape: (samples,), of float32 waveforms in [-1, 1]; None for any length.
            Shorter ones than a frame get zeros at their end.
        sample_rate: Of the recordings, in Hz; kept in the model, as by `audio_conv`.
        bands: Mel bands, from 60 Hz to half the sample rate, or 7,800 Hz.
        widths: Channels of each convolution.
        units: Width of the features.
        mix: Largest share of another recording that is mixed in, in training.
        resize: Whether spectrograms are cropped and stretched, in training.
        seed: Of these draws.
        name: Name of the model.

    Returns:
        A functional model: (batch, samples) -> (batch, units) float32.

    Raises:
        ValueError: For a wrong input shape, or sizes that are not positive or do not
            fit the bands.

    Reference:
        Niizumi et al. (2021), BYOL for Audio, arXiv:2103.06695, section 3.1 and table
        1. Deviations: each band is normalised by itself, by running statistics, where
        they take one mean and deviation of the training data; features are means over
        time, theirs the sum of mean and maximum; windows are of 25 ms, theirs of 64.

    Example:
    >>> mel_conv(widths=(4, 8), units=16)(tf.zeros((2, 4000))).shape
    TensorShape([2, 16])
    """
    check.at_least(1, units=units, widths=min(widths, default=0))
    if bands >> len(widths) < 1:
        raise ValueError(
            f"{len(widths)} convolutions need {2 ** len(widths)} bands or more. "
            f"Received: bands={bands}, widths={tuple(widths)}"
        )
    waveform, x = _spectrogram(input_shape, sample_rate, bands)
    if mix or resize:
        x = SpectrogramView(mix, resize, seed, name="spectrogram_view")(x)
    x = keras.ops.expand_dims(x, axis=-1)
    for width in widths:
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(batch_norm()(x))
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)
    x = layers.Dense(units, activation="relu", name="frames")(x)
    # float32 under mixed precision too: losses, probes and clients read this.
    x = layers.GlobalAveragePooling1D(dtype="float32", name="features")(x)
    return keras.Model(waveform, x, name=name)


def mel_sequence(
    input_shape: tuple[int | None, ...] = (None,),
    *,
    sample_rate: int = 16_000,
    bands: int = 40,
    channels: int = 128,
    context: int = 128,
    kernels: Sequence[int] = (4,),
    strides: Sequence[int] = (2,),
    recurrence: Recurrence = "gru",
    name: str = "mel_sequence",
) -> keras.Model:
    """The encoder of CPC on log-mel bands, normalised: much less to compute.

    As `audio_conv` behind layer `"log_mel"`, whose frames are of 25 ms, one every 10
    ms. With the defaults a latent comes every 20 ms and sees 55.

    Args:
        input_shape: As of `mel_conv`.
        sample_rate: As of `mel_conv`.
        bands: As of `mel_conv`.
        channels: Width of the convolutions, and of the latents.
        context: Units of the recurrent layer.
        kernels: Size of each convolution, in frames of its input.
        strides: Stride of each.
        recurrence: `"gru"` or `"lstm"`.
        name: Name of the model.

    Returns:
        A functional model: (batch, samples) -> (batch, context + channels) float32,
        with layers `"latents"` and `"context"`.

    Raises:
        ValueError: As for `audio_conv`.

    Reference:
        van den Oord et al. (2018), arXiv:1807.03748, section 3.1, for all behind the
        bands. Deviation: running statistics normalise the bands, in training those of
        the batch, which is the one way in which a latent hears of other times.

    Example:
    >>> mel_sequence(channels=16, context=24)(tf.zeros((2, 4000))).shape
    TensorShape([2, 40])
    """
    waveform, x = _spectrogram(input_shape, sample_rate, bands)
    features = causal_features(x, channels, context, kernels, strides, recurrence)
    return keras.Model(waveform, features, name=name)


def _spectrogram(
    input_shape: tuple[int | None, ...], sample_rate: int, bands: int
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Waveforms, and their normalised log-mel bands, (batch, time, bands)."""
    if len(input_shape) != 1:
        raise ValueError(
            "`input_shape` must be (samples,), or (None,) for any length. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    check.at_least(1, bands=bands)
    check.at_least(1000, sample_rate=sample_rate)
    waveform = keras.Input(input_shape, name="waveform")
    x = _log_mel(marked(waveform, sample_rate), sample_rate, bands)
    normalised = layers.BatchNormalization(
        center=False, scale=False, synchronized=True, name="log_mel"
    )
    return waveform, normalised(x)


def _log_mel(
    waveform: keras.KerasTensor, sample_rate: int, bands: int
) -> keras.KerasTensor:
    """Logarithms of mel energies, (batch, time, bands)."""
    window = round(_WINDOW * sample_rate)
    points = 1 << (window - 1).bit_length()
    # It mirrors half a transform at either end.
    waveform = AtLeast(points)(waveform)
    power = layers.MelSpectrogram(
        fft_length=points,
        sequence_stride=round(_HOP * sample_rate),
        sequence_length=window,
        sampling_rate=sample_rate,
        num_mel_bins=bands,
        min_freq=_LOWEST,
        max_freq=min(7_800.0, sample_rate / 2),
        # Its decibels depend on the loudest moment of the whole batch.
        power_to_db=False,
        dtype="float32",
    )(waveform)
    return keras.ops.swapaxes(keras.ops.log(power + _LEAST_POWER), 1, 2)
