# SPDX-License-Identifier: Apache-2.0
"""Another sample rate, inside the served graph."""

from __future__ import annotations

import math

import tensorflow as tf

# A windowed sinc with 64 zero crossings on each side, cut off a little below half the
# lower rate; Blackman-Harris, four terms: side lobes are 92 dB down.
_CROSSINGS = 64
_ROLLOFF = 0.95
_WINDOW = (0.35875, 0.48829, 0.14128, 0.01168)
# Numbers in a kernel: what rates without a large common divisor would need more than
# is refused, as it is computed anew for each recording.
LARGEST_KERNEL = 2**22


def resample(waveform: tf.Tensor, rate: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """Brings a waveform to another sample rate.

    Bandlimited interpolation by a windowed sinc, which passes what is below 0.88 of
    half the lower rate and stops what is above half of it; as many samples as soxr
    gives, aligned with its. At the rate wanted the samples stay as they are.
    """
    return tf.cond(
        tf.equal(rate, sample_rate),
        lambda: waveform,
        lambda: _resample(waveform, rate, sample_rate),
    )


def _resample(waveform: tf.Tensor, rate: tf.Tensor, wanted_rate: int) -> tf.Tensor:
    sample_rate = tf.constant(wanted_rate, tf.int64)
    divisor = _greatest_divisor(rate, sample_rate)
    step, phases = rate // divisor, sample_rate // divisor
    # In samples of the waveform: how far the sinc reaches to each side.
    ratio = tf.maximum(tf.cast(rate, tf.float64) / tf.cast(sample_rate, tf.float64), 1)
    reach = tf.cast(tf.math.ceil(_CROSSINGS / _ROLLOFF * ratio), tf.int64)
    # `phases` outputs for each `step` samples, by one product with a matrix: several
    # such blocks at once, or the samples would be copied many times over.
    blocks = tf.maximum(2 * reach // step, 1)
    step, phases = blocks * step, blocks * phases
    width = step + 2 * reach + 1
    small = tf.debugging.Assert(
        width * phases <= LARGEST_KERNEL,
        [f"Rates that cannot be brought to {wanted_rate} Hz:", rate],
    )
    with tf.control_dependencies([small]):
        kernel = _kernel(step, phases, width, reach, ratio)
    count = tf.size(waveform, tf.int64)
    wanted = (2 * count * sample_rate + rate) // (2 * rate)
    rows = wanted // phases + 1
    padding = [reach, tf.maximum((rows - 1) * step + width - reach - count, 0)]
    padded = tf.pad(waveform, [padding])
    frames = tf.signal.frame(padded, tf.cast(width, tf.int32), tf.cast(step, tf.int32))
    return tf.reshape(tf.matmul(frames, kernel), (-1,))[:wanted]


def _kernel(
    step: tf.Tensor,
    phases: tf.Tensor,
    width: tf.Tensor,
    reach: tf.Tensor,
    ratio: tf.Tensor,
) -> tf.Tensor:
    """Weights `(width, phases)` of samples in outputs."""
    # float64: their arguments are large, and float32 would lose the phase.
    taps = tf.cast(tf.range(width) - reach, tf.float64)[:, tf.newaxis]
    outputs = tf.cast(tf.range(phases), tf.float64)
    outputs *= tf.cast(step, tf.float64) / tf.cast(phases, tf.float64)
    cutoff = _ROLLOFF / ratio
    time = (taps - outputs) * cutoff
    angle = math.pi * time / _CROSSINGS
    window = sum(a * tf.cos(k * angle) for k, a in enumerate(_WINDOW))
    window = tf.where(tf.abs(time) < _CROSSINGS, window, 0.0)
    sinc = tf.math.divide_no_nan(tf.sin(math.pi * time), math.pi * time)
    sinc = tf.where(tf.equal(time, 0), tf.ones_like(sinc), sinc)
    return tf.cast(cutoff * window * sinc, tf.float32)


def _greatest_divisor(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Euclid's algorithm."""
    return tf.while_loop(lambda a, b: b > 0, lambda a, b: (b, a % b), (a, b))[0]
