# SPDX-License-Identifier: Apache-2.0
"""From a WAV file's bytes to a waveform, inside the served graph."""

from __future__ import annotations

import tensorflow as tf

from cl_keras.preprocessing.resampling import resample
from cl_keras.preprocessing.wav_header import (
    A_LAW,
    CONTAINERS,
    EXTENSIBLE,
    EXTENSIBLE_BYTES,
    FLOAT,
    FORMAT_BYTES,
    HIGHEST_RATE,
    LARGE,
    MOST_CHUNKS,
    MU_LAW,
    NOT_SERVED,
    OPEN_SIZES,
    PCM,
    READ,
    expanded,
)

#: What `decode_wav` does, for manifests and cards.
PREPROCESSING = (
    f"decode ({READ}; not {NOT_SERVED}); mean of the channels; resample to "
    "{sample_rate} Hz"
)


def decode_wav(
    content: tf.Tensor, sample_rate: int, max_seconds: float = 60.0
) -> tf.Tensor:
    """Decodes a WAV file to a mono waveform, as `cl_keras.data` reads it.

    What `wav_header` lists, in files with a plain or an extensible header, with
    whatever other chunks, and with sizes left open by programs that write to a pipe.
    `tf.audio.decode_wav` would take PCM of 16 bits only.
    """
    riff = tf.reduce_any(tf.equal(tf.strings.substr(content, 0, 4), CONTAINERS))
    wave = tf.equal(tf.strings.substr(content, 8, 4), b"WAVE")
    with tf.control_dependencies([_check(riff & wave, "a WAV file")]):
        head, form, start, size = _chunks(content)
    kind, channels = _number(content, head, 2), _number(content, head + 2, 2)
    rate, block = _number(content, head + 4, 4), _number(content, head + 12, 2)
    # What an extensible header says stands later in it.
    kind = tf.cond(
        tf.equal(kind, EXTENSIBLE) & (form >= EXTENSIBLE_BYTES),
        lambda: _number(content, head + 24, 2),
        lambda: kind,
    )
    with tf.control_dependencies(
        [
            _check(
                (channels > 0) & (rate > 0) & (rate <= HIGHEST_RATE) & (block > 0),
                "channels and a rate",
            )
        ]
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


def _chunks(content: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Where the format begins and its bytes, and the same of the data."""
    length = tf.cast(tf.strings.length(content), tf.int64)
    none = tf.constant(-1, tf.int64)

    def going_on(position: tf.Tensor, *places: tf.Tensor) -> tf.Tensor:
        return (position + 8 <= length) & (places[-1] < 0)

    def step(
        position: tf.Tensor, head: tf.Tensor, sizes: tf.Tensor, data: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        name = tf.strings.substr(content, position, 4)
        size = _number(content, position + 4, 4)
        start = position + 8
        return (
            start + size + size % 2,
            tf.where(tf.equal(name, b"fmt "), start, head),
            tf.where(tf.equal(name, b"ds64"), start, sizes),
            tf.where(tf.equal(name, b"data"), start, data),
        )

    _, head, sizes, start = tf.while_loop(
        going_on,
        step,
        (tf.constant(12, tf.int64), none, none, none),
        maximum_iterations=MOST_CHUNKS,
    )
    with tf.control_dependencies(
        [_check((head >= 0) & (start >= 0), "a format and data")]
    ):
        form = _number(content, head - 4, 4)
        size = _number(content, start - 4, 4)
    with tf.control_dependencies([_check(form >= FORMAT_BYTES, "a format")]):
        size = tf.cond(
            tf.equal(size, LARGE) & (sizes >= 0),
            lambda: _number(content, sizes + 8, 8),
            lambda: size,
        )
    there = length - start
    low, high = tf.unstack(tf.constant(OPEN_SIZES, tf.int64), axis=1)
    is_open = (size > there) & tf.reduce_any((size >= low) & (size < high))
    # None written yet, or an empty recording with another chunk after it.
    is_open |= tf.equal(size, 0) & ~_is_chunk(content, start, there)
    is_open |= size < 0
    with tf.control_dependencies([_check(is_open | (size <= there), "all data")]):
        return head, form, start, tf.where(is_open, there, size)


def _is_chunk(content: tf.Tensor, start: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
    """Whether something with a name and a size that fits begins somewhere."""
    head = tf.strings.join([tf.strings.substr(content, start, 8), b"\0" * 8])
    named = tf.strings.regex_full_match(tf.strings.substr(head, 0, 4), "[ -~]{4}")
    return named & (there >= 8 + _number(head, 4, 4))


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

    def companded(law: int) -> tf.Tensor:
        return tf.gather(expanded(law), tf.cast(raw(tf.uint8), tf.int32))

    # Those of `wav_header.SAMPLES`.
    readers = {
        (PCM, 1): lambda: (tf.cast(raw(tf.uint8), tf.float32) - 128.0) / 128.0,
        (PCM, 2): lambda: scaled(tf.int16),
        (PCM, 3): deep,
        (PCM, 4): lambda: scaled(tf.int32),
        (FLOAT, 4): lambda: raw(tf.float32),
        (FLOAT, 8): lambda: tf.cast(raw(tf.float64), tf.float32),
        (A_LAW, 1): lambda: companded(A_LAW),
        (MU_LAW, 1): lambda: companded(MU_LAW),
    }
    kinds = tf.constant(list(readers), tf.int64)
    same = tf.reduce_all(tf.equal(kinds, tf.stack([kind, width])), axis=-1)
    known = _check(tf.reduce_any(same), f"{READ}: such samples")
    with tf.control_dependencies([known]):
        index = tf.argmax(tf.cast(same, tf.int32), output_type=tf.int32)
    return tf.switch_case(index, list(readers.values()))
