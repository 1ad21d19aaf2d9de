# SPDX-License-Identifier: Apache-2.0
"""Causal encoders of waveforms and of vector sequences, as CPC uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import keras
from keras import layers

from cl_keras import check
from cl_keras.preprocessing.sample_rate import marked

Recurrence = Literal["gru", "lstm"]
RECURRENCES: dict[str, type[keras.layers.Layer]] = {
    "gru": layers.GRU,
    "lstm": layers.LSTM,
}


def audio_conv(
    input_shape: tuple[int | None, ...] = (None,),
    *,
    channels: int = 128,
    context: int = 256,
    kernels: Sequence[int] = (10, 8, 4, 4, 4),
    strides: Sequence[int] = (5, 4, 2, 2, 2),
    recurrence: Recurrence = "gru",
    sample_rate: int | None = None,
    name: str = "audio_conv",
) -> keras.Model:
    """The waveform encoder of CPC: strided convolutions, then a recurrent context.

    Layer `"latents"`, (batch, frames, channels), is the output of the
    convolutions; layer `"context"`, (batch, frames, context), sums up all frames
    so far. Features are the means over time of context and latents, in this
    order. With the defaults a frame comes every 160 samples, 10 ms at 16 kHz, and
    sees 465; for 8 kHz, leave the last convolution out. Shorter waveforms than one
    frame cannot be encoded.

    Nothing sees the future: convolutions have no padding and the recurrence runs
    forwards. Each frame is normalised over its own channels; batch normalisation
    would carry information across time and sequences, with which the contrastive
    task can be solved without learning.

    Deviations: the paper has 512 channels and does not name a normalisation; the
    authors' later code normalises each frame with the unbiased variance and pads
    the convolutions on both sides.

    Args:
        input_shape: (samples,), of float32 waveforms in [-1, 1]; None for any
            length.
        channels: Width of the convolutions.
        context: Units of the recurrent layer.
        kernels: Size of each convolution, in samples of its input.
        strides: Stride of each.
        recurrence: `"gru"` (the paper) or `"lstm"` (the authors' later code).
        sample_rate: Of the recordings, in Hz; kept in the model, so that whatever reads
            recordings for it brings them to this rate (see `with_sample_rate`).
        name: Name of the model.

    Returns:
        A functional model: (batch, samples) -> (batch, context + channels) float32.

    Raises:
        ValueError: For a wrong input shape, sizes that are not positive or do not
            match, or an unknown recurrence.

    Reference:
        van den Oord et al. (2018), arXiv:1807.03748, section 3.1; Riviere et al.
        (2020), arXiv:2002.02848, section 3, for the normalisation.

    Example:
    >>> audio_conv(channels=16, context=24)(tf.zeros((2, 4000))).shape
    TensorShape([2, 40])
    """
    if len(input_shape) != 1:
        raise ValueError(
            "`input_shape` must be (samples,), or (None,) for any length. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    waveform = keras.Input(input_shape, name="waveform")
    x = waveform if sample_rate is None else marked(waveform, sample_rate)
    x = keras.ops.expand_dims(x, axis=-1)
    features = causal_features(x, channels, context, kernels, strides, recurrence)
    return keras.Model(waveform, features, name=name)


def vector_sequence(
    input_shape: tuple[int | None, ...],
    *,
    channels: int = 64,
    context: int = 128,
    kernels: Sequence[int] = (4, 4),
    strides: Sequence[int] = (2, 2),
    recurrence: Recurrence = "gru",
    mean: Sequence[float] | None = None,
    variance: Sequence[float] | None = None,
    name: str = "vector_sequence",
) -> keras.Model:
    """The same for sequences of vectors, such as sensor readings. See `audio_conv`.

    With the defaults a frame comes every 4 time steps and sees 10. Channels of very
    different scale are best standardised: beforehand, or by `mean` and `variance`.

    Args:
        input_shape: (time, channels) of float32 sequences; time None for any
            length.
        channels: Width of the convolutions.
        context: Units of the recurrent layer.
        kernels: Size of each convolution, in time steps of its input.
        strides: Stride of each.
        recurrence: `"gru"` or `"lstm"`.
        mean: Of each channel, taken off, with `variance`; None leaves them as they are.
        variance: Of each channel, brought to 1.
        name: Name of the model.

    Returns:
        A functional model: (batch, time, channels) -> (batch, context + channels)
        float32, with layers `"latents"` and `"context"`.

    Raises:
        ValueError: As for `audio_conv`.

    Example:
    >>> vector_sequence((None, 6))(tf.zeros((2, 50, 6))).shape
    TensorShape([2, 192])
    """
    if len(input_shape) != 2 or not input_shape[1] or input_shape[1] < 1:
        raise ValueError(
            "`input_shape` must be (time, channels), or (None, channels) for any "
            f"length. Received: input_shape={tuple(input_shape)}"
        )
    if (mean is None) != (variance is None):
        raise ValueError(
            "Expected both `mean` and `variance`, or neither. Received: "
            f"mean={mean}, variance={variance}"
        )
    sequence = keras.Input(input_shape, name="sequence")
    x = sequence
    if mean is not None:
        x = layers.Normalization(mean=mean, variance=variance)(x)
    features = causal_features(x, channels, context, kernels, strides, recurrence)
    return keras.Model(sequence, features, name=name)


def causal_features(
    x: keras.KerasTensor,
    channels: int,
    context: int,
    kernels: Sequence[int],
    strides: Sequence[int],
    recurrence: str,
) -> keras.KerasTensor:
    """Latents, context and features of (batch, time, channels)."""
    _check_sizes(channels, context, kernels, strides)
    check.one_of("recurrence", recurrence, RECURRENCES)
    for index, (kernel, stride) in enumerate(zip(kernels, strides, strict=True)):
        last = index + 1 == len(kernels)
        x = layers.Conv1D(
            channels, kernel, stride, padding="valid", kernel_initializer="he_normal"
        )(x)
        x = layers.LayerNormalization(epsilon=1e-5)(x)
        x = layers.ReLU(name="latents" if last else None)(x)
    seen = RECURRENCES[recurrence](context, return_sequences=True, name="context")(x)
    # float32 under mixed precision too: losses, probes and clients read this.
    means = [
        layers.GlobalAveragePooling1D(dtype="float32", name=f"mean_{part}")(values)
        for part, values in (("context", seen), ("latents", x))
    ]
    return layers.Concatenate(dtype="float32", name="features")(means)


def _check_sizes(
    channels: int, context: int, kernels: Sequence[int], strides: Sequence[int]
) -> None:
    if len(kernels) != len(strides) or not kernels:
        raise ValueError(
            "`kernels` and `strides` must have one entry a convolution. "
            f"Received: kernels={kernels}, strides={strides}"
        )
    check.at_least(1, channels=channels, context=context)
    check.at_least(1, kernels=min(kernels), strides=min(strides))
