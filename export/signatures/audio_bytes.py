# SPDX-License-Identifier: Apache-2.0
"""The signature that takes WAV files."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from cl_keras import artifact
from cl_keras.export.signatures.features import Encode
from cl_keras.export.signatures.options import Options
from cl_keras.export.signatures.reader import Reader
from cl_keras.preprocessing import wav
from cl_keras.preprocessing.wav_header import SAMPLES
from cl_keras.specification import Specification

_LONGEST_FRAME = 2**17


def reader(encode: Encode, spec: Specification, options: Options) -> Reader | None:
    """Builds the reader of recordings."""
    rate = options.sample_rate
    if rate is None or not options.bytes_input:
        return None
    if len(spec.shape) not in (1, 2) or spec.shape[1:] not in ((), (1,)):
        raise ValueError(
            "Expected `sample_rate` with an encoder of waveforms only, (batch, "
            f"samples) or (batch, samples, 1). Received: an encoder of {spec.shape}"
        )
    samples = options.samples or spec.shape[0]
    if spec.shape[0] not in (None, samples):
        raise ValueError(
            f"Expected `samples` as the encoder's. Received: samples={samples} with an "
            f"encoder of {spec.shape}"
        )

    def read(content: tf.Tensor) -> tf.Tensor:
        waveform = wav.decode_wav(content, rate, options.max_seconds)
        if samples is not None:
            waveform = _fitted(waveform, samples)
        return tf.reshape(
            waveform, (-1 if samples is None else samples, *spec.shape[1:])
        )

    return Reader(
        artifact.AUDIO_INPUT,
        read,
        encode,
        (samples, *spec.shape[1:]),
        spec.features,
        options.on_error,
        least=samples or _known(shortest(encode, spec), spec),
        facts={
            "modality": "audio",
            "range": [-1, 1],
            "preprocessing": wav.PREPROCESSING.format(sample_rate=rate),
            "formats": [*SAMPLES.values()],
            "on_error": options.on_error,
            "sample_rate": rate,
            "samples": samples,
            "max_seconds": options.max_seconds,
        },
    )


def _fitted(waveform: tf.Tensor, samples: int) -> tf.Tensor:
    """The centre of a recording, or all of it and zeros."""
    length = tf.size(waveform)
    start = tf.maximum(length - samples, 0) // 2
    part = waveform[start : start + samples]
    return tf.pad(part, [[0, samples - tf.size(part)]])


def _known(samples: int | None, spec: Specification) -> int:
    if samples is None:
        raise ValueError(
            f"Expected an encoder of waveforms of any length, {spec.shape}. It makes "
            f"no finite features of any length tried, up to {_LONGEST_FRAME} samples."
        )
    return samples


def shortest(encode: Encode, spec: Specification) -> int | None:
    """Finds the shortest input of an encoder with an open time axis, by trying."""
    shape = (1, _LONGEST_FRAME, *(int(n or 0) for n in spec.shape[1:]))
    noise = np.random.default_rng(0).uniform(-1, 1, shape)
    noise = tf.constant(noise, tf.float32)

    def works(samples: int) -> bool:
        try:
            output = encode(noise[:, :samples])
        except (tf.errors.InvalidArgumentError, ValueError):
            return False
        # oneDNN gives what is too short for a convolution the shape of its input.
        fits = output.shape == (1, spec.features)
        return fits and bool(tf.reduce_all(tf.math.is_finite(output)))

    fails, least = 0, 1
    while not works(least):
        if least == _LONGEST_FRAME:
            return None
        fails, least = least, 2 * least
    while least - fails > 1:
        middle = (fails + least) // 2
        fails, least = (fails, middle) if works(middle) else (middle, least)
    return least
