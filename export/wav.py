# SPDX-License-Identifier: Apache-2.0
"""From a WAV file's bytes to a waveform, inside the served graph."""

from __future__ import annotations

import tensorflow as tf

from cl_keras.export.resampling import resample

#: What `decode_wav` does, for manifests and cards.
PREPROCESSING = (
    "decode (WAV: PCM of 8, 16, 24 or 32 bits, floats of 32 or 64); mean of the "
    "channels; resample to {sample_rate} Hz"
)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# Sizes that streaming writers leave in a header they never come back to.
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
_MOST_CHUNKS = 1000


def decode_wav(
    content: tf.Tensor, sample_rate: int, max_seconds: float = 60.0
) -> tf.Tensor:
    """Decodes a WAV file to a mono waveform, as `cl_keras.data` reads it.

    PCM of 8, 16, 24 and 32 bits and floats of 32 and 64, in files with a plain or an
    extensible header, with whatever other chunks; not RF64, and no compression.
    `tf.audio.decode_wav` would take PCM of 16 bits only.

    Args:
        content: Scalar string, the file's bytes.
        sample_rate: Samples a second of the result; see `resampling.resample`.
        max_seconds: Longest recording, by its header.

    Returns:
        float32 `(samples,)`, in `[-1, 1]`.

    Raises:
        tf.errors.InvalidArgumentError: When run, if the bytes are no such file, end
            before its data do, or hold no samples, NaN or infinity, or more seconds.

    Example:
    >>> wav = tf.audio.encode_wav(tf.zeros((1600, 1)), 16_000)
    >>> decode_wav(wav, 8_000).shape
    TensorShape([800])
    """
    riff = tf.equal(tf.strings.substr(content, 0, 4), b"RIFF")
    wave = tf.equal(tf.strings.substr(content, 8, 4), b"WAVE")
    with tf.control_dependencies([_check(riff & wave, "a WAV file")]):
        head, start, size = _chunks(content)
    kind, channels = _number(content, head, 2), _number(content, head + 2, 2)
    rate, block = _number(content, head + 4, 4), _number(content, head + 12, 2)
    # What an extensible header says stands later in it.
    kind = tf.cond(
        tf.equal(kind, _EXTENSIBLE),
        lambda: _number(content, head + 24, 2),
        lambda: kind,
    )
    with tf.control_dependencies(
        [_check((channels > 0) & (rate > 0) & (block > 0), "channels and a rate")]
    ):
        width, frames = block // channels, size // block
    longest = tf.cast(tf.cast(rate, tf.float64) * max_seconds, tf.int64)
    with tf.control_dependencies(
        [
            _check(tf.equal(width * channels, block), "whole bytes a sample"),
            _check(frames > 0, "samples"),
            _check(frames <= longest, f"at most {max_seconds:g} seconds"),
        ]
    ):
        data = tf.strings.substr(content, start, frames * block)
    samples = _samples(data, kind, width)
    frames_of = tf.reshape(samples, tf.stack([frames, channels]))
    # A mean of one channel would be rounded on some devices.
    mono = tf.cond(
        tf.equal(channels, 1),
        lambda: samples,
        lambda: tf.reduce_mean(frames_of, axis=1),
    )
    finite = tf.reduce_all(tf.math.is_finite(mono))
    with tf.control_dependencies([_check(finite, "finite samples")]):
        mono = tf.identity(mono)
    return tf.ensure_shape(resample(mono, rate, sample_rate), (None,))


def _check(condition: tf.Tensor, expected: str) -> tf.Operation:
    return tf.debugging.Assert(condition, [f"Expected {expected} in the recording."])


def _number(content: tf.Tensor, start: tf.Tensor | int, size: int) -> tf.Tensor:
    """An unsigned number of some bytes, int64."""
    raw = tf.io.decode_raw(tf.strings.substr(content, start, size), tf.uint8)
    raw = tf.cast(tf.ensure_shape(raw, (size,)), tf.int64)
    return tf.reduce_sum(raw * tf.constant([256**i for i in range(size)], tf.int64))


def _chunks(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Where the format and the data begin, and how many bytes of data there are."""
    length = tf.cast(tf.strings.length(content), tf.int64)
    none = tf.constant(-1, tf.int64)

    def going_on(position: tf.Tensor, head: tf.Tensor, data: tf.Tensor) -> tf.Tensor:
        return (position + 8 <= length) & (data < 0)

    def step(
        position: tf.Tensor, head: tf.Tensor, data: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        name = tf.strings.substr(content, position, 4)
        size = _number(content, position + 4, 4)
        start = position + 8
        return (
            start + size + size % 2,
            tf.where(tf.equal(name, b"fmt "), start, head),
            tf.where(tf.equal(name, b"data"), start, data),
        )

    _, head, start = tf.while_loop(
        going_on,
        step,
        (tf.constant(12, tf.int64), none, none),
        maximum_iterations=_MOST_CHUNKS,
    )
    found = _check((head >= 0) & (start >= 0), "a format and data")
    with tf.control_dependencies([found]):
        size = _number(content, start - 4, 4)
    there = length - start
    unknown = tf.reduce_any(tf.equal(size, tf.constant(_UNKNOWN_SIZES, tf.int64)))
    with tf.control_dependencies([_check(unknown | (size <= there), "all data")]):
        return head, start, tf.where(unknown, there, size)


def _samples(data: tf.Tensor, kind: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Numbers in [-1, 1], the channels side by side."""

    def raw(dtype: tf.DType) -> tf.Tensor:
        return tf.io.decode_raw(data, dtype)

    def scaled(dtype: tf.DType) -> tf.Tensor:
        return tf.cast(raw(dtype), tf.float32) / float(-dtype.min)

    def deep() -> tf.Tensor:
        # Three bytes: the upper ones of four.
        low = tf.reshape(raw(tf.uint8), (-1, 3))
        four = tf.cast(tf.pad(low, [[0, 0], [1, 0]]), tf.uint8)
        return tf.cast(tf.bitcast(four, tf.int32), tf.float32) / 2.0**31

    readers = {
        (_PCM, 1): lambda: (tf.cast(raw(tf.uint8), tf.float32) - 128.0) / 128.0,
        (_PCM, 2): lambda: scaled(tf.int16),
        (_PCM, 3): deep,
        (_PCM, 4): lambda: scaled(tf.int32),
        (_FLOAT, 4): lambda: raw(tf.float32),
        (_FLOAT, 8): lambda: tf.cast(raw(tf.float64), tf.float32),
    }
    kinds = tf.constant(list(readers), tf.int64)
    same = tf.reduce_all(tf.equal(kinds, tf.stack([kind, width])), axis=-1)
    known = _check(tf.reduce_any(same), "PCM or floating-point samples")
    with tf.control_dependencies([known]):
        index = tf.argmax(tf.cast(same, tf.int32), output_type=tf.int32)
    return tf.switch_case(index, list(readers.values()))
