# SPDX-License-Identifier: Apache-2.0
"""Features of sequences of any length: an encoder's, and those of speech research."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.evaluate.embedding import NotFiniteError
from cl_keras.evaluate.pieces import Encode, front, in_pieces, pieces
from cl_keras.progress import Progress

# Samples (or time steps) in one call of the encoder, about: a long recording goes
# alone, short ones together.
_BATCH_LENGTH = 2**19

# Of `mean_mfcc`, in seconds and Hz.
_WINDOW, _HOP = 0.025, 0.010
_LOWEST, _MEL_BANDS = 20.0, 40


def embed_sequences(
    encoder: keras.Model, sequences: Sequence[np.ndarray], batch_size: int = 64
) -> np.ndarray:
    """Features of whole sequences, in inference mode, each as if encoded alone.

    Nothing is padded to a common length, which would change means over time.
    Sequences go through the encoder together where they have the same length or,
    for an encoder that begins with convolutions without padding (as
    `encoders.audio_conv` and `vector_sequence` do), the same number of whole frames:
    samples after the last whole frame have no effect and are cut off. A sequence
    shorter than one frame gets zeros at its end. A long sequence goes through such an
    encoder in overlapping pieces, with the features of the whole: memory does not grow
    with its length, if means, maxima and recurrent layers follow the convolutions.

    Args:
        encoder: Maps `(batch, samples)` or `(batch, time, channels)` of any length
            to features.
        sequences: float arrays, `(samples,)` or `(time, channels)`.
        batch_size: Sequences in one call of the encoder, at most.

    Returns:
        float32 features, `(n, D)`, in the order given.

    Raises:
        ValueError: For no sequences, other shapes than the encoder's, a
            `batch_size` below 1, or features that are not `(batch, D)` or not
            finite.

    Example:
    >>> encoder = keras.Sequential(
    ...     [keras.Input((None, 2)), keras.layers.GlobalAveragePooling1D()]
    ... )
    >>> embed_sequences(encoder, [np.ones((5, 2)), np.ones((9, 2))]).shape
    (2, 2)
    """
    shape = tf.TensorShape(encoder.input_shape[1:])
    # Traced once for this call; see `embed`.
    features = tf.function(
        lambda batch: encoder(batch, training=False)
    ).get_concrete_function(tf.TensorSpec((None, *shape), tf.float32))
    shapes = [x.shape for x in tf.nest.flatten(features.structured_outputs)]
    if len(shapes) != 1 or shapes[0].rank != 2:
        raise ValueError(
            "The encoder must give features of shape (batch, D). "
            f"Received: {[tuple(x) for x in shapes]}"
        )
    long = None
    if shape[0] is None and max(map(len, sequences), default=0) > _BATCH_LENGTH:
        long = in_pieces(encoder, _BATCH_LENGTH)
    return _by_length(features, sequences, shape, framing(encoder), batch_size, long)


def mfcc_statistics(
    sequences: Sequence[np.ndarray], sample_rate: int, coefficients: int = 13
) -> np.ndarray:
    """Four statistics of each cepstral coefficient: what learning must beat.

    Its mean in each third of the recording, and its deviation over the whole: 52
    numbers that say what sounds first and last, which one mean does not.

    Args:
        sequences: As for `mean_mfcc`.
        sample_rate: Samples a second.
        coefficients: As for `mean_mfcc`.

    Returns:
        float32 `(n, 4 * coefficients)`: the three means, then the deviations.

    Raises:
        ValueError: As for `mean_mfcc`.

    Example:
    >>> mfcc_statistics([np.ones(4000, np.float32)], sample_rate=8000).shape
    (1, 52)
    """

    def summary(frames: tf.Tensor) -> tf.Tensor:
        count = tf.shape(frames)[1]
        # Of fewer than three frames, some stand for several thirds.
        starts = [count * i // 3 for i in range(3)]
        ends = [tf.maximum(count * (i + 1) // 3, starts[i] + 1) for i in range(3)]
        means = [
            tf.reduce_mean(frames[:, start:end], axis=1)
            for start, end in zip(starts, ends, strict=True)
        ]
        return tf.concat([*means, tf.math.reduce_std(frames, axis=1)], axis=1)

    return _of_mfcc(summary, sequences, sample_rate, coefficients)


def mean_mfcc(
    sequences: Sequence[np.ndarray], sample_rate: int, coefficients: int = 13
) -> np.ndarray:
    """Mean over time of mel-frequency cepstral coefficients.

    Windows of 25 ms every 10 ms, 40 mel bands from 20 Hz to half the sample rate.

    Args:
        sequences: Waveforms, `(samples,)`; shorter ones than a window get zeros at
            their end.
        sample_rate: Samples a second.
        coefficients: Kept of the cosine transform, from the first (the loudness).

    Returns:
        float32 `(n, coefficients)`.

    Raises:
        ValueError: For no sequences, sequences that are not waveforms, or numbers
            out of range.

    Example:
    >>> mean_mfcc([np.ones(4000, np.float32)], sample_rate=8000).shape
    (1, 13)
    """

    def summary(frames: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(frames, axis=1)

    return _of_mfcc(summary, sequences, sample_rate, coefficients)


def _of_mfcc(
    summary: Callable[[tf.Tensor], tf.Tensor],
    sequences: Sequence[np.ndarray],
    sample_rate: int,
    coefficients: int,
) -> np.ndarray:
    """A summary over time of cepstral coefficients, `(batch, time, coefficients)`."""
    window, hop = round(_WINDOW * sample_rate), round(_HOP * sample_rate)
    if hop < 1 or not 1 <= coefficients <= _MEL_BANDS or sample_rate <= 2 * _LOWEST:
        raise ValueError(
            f"Expected 1 to {_MEL_BANDS} coefficients and a sample rate of speech. "
            f"Received: coefficients={coefficients}, sample_rate={sample_rate}"
        )

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float32)])
    def mfcc(batch: tf.Tensor) -> tf.Tensor:
        spectra = tf.abs(tf.signal.stft(batch, window, hop))
        mel = tf.signal.linear_to_mel_weight_matrix(
            _MEL_BANDS, spectra.shape[-1], sample_rate, _LOWEST, sample_rate / 2
        )
        # Silence has power 0; its logarithm must be finite.
        power = tf.math.log(tf.matmul(tf.square(spectra), mel) + 1e-6)
        cepstra = tf.signal.mfccs_from_log_mel_spectrograms(power)
        return summary(cepstra[..., :coefficients])

    def long(wave: np.ndarray) -> np.ndarray:
        total, frames = np.zeros(coefficients), 0
        for piece in pieces(wave, (window, hop), _BATCH_LENGTH):
            count = (piece.shape[1] - window) // hop + 1
            total += count * mfcc(piece).numpy()[0].astype(np.float64)
            frames += count
        return total / frames

    shape = tf.TensorShape((None,))
    return _by_length(mfcc, sequences, shape, (window, hop), 64, long)


def framing(encoder: keras.Model) -> tuple[int, int]:
    """Samples that one frame sees, and from one frame to the next."""
    return front(encoder)[:2]


def _by_length(
    function: Callable[[tf.Tensor], tf.Tensor],
    sequences: Sequence[np.ndarray],
    shape: tf.TensorShape,
    framing: tuple[int, int],
    batch_size: int,
    long: Encode | None = None,
) -> np.ndarray:
    """Calls a function on batches of sequences with the same whole frames."""
    if not len(sequences):
        raise ValueError("Expected at least one sequence. Received: none")
    check.at_least(1, batch_size=batch_size)
    receptive_field, hop = framing
    groups: dict[int, list[int]] = defaultdict(list)
    for row, sequence in enumerate(sequences):
        if not shape.is_compatible_with(np.shape(sequence)):
            raise ValueError(
                f"Expected sequences of shape {tuple(shape)}. "
                f"Received: shape {np.shape(sequence)} at sequence {row}"
            )
        length = max(len(sequence), receptive_field)
        groups[length - (length - receptive_field) % hop].append(row)
    by_row: list[np.ndarray] = [np.empty(0)] * len(sequences)
    progress = Progress("sequences encoded", len(sequences))
    for length, rows in groups.items():
        if long is not None and length > _BATCH_LENGTH:
            for row in rows:
                by_row[row] = long(sequences[row][:length]).astype(np.float32)
                progress.add(1)
            continue
        size = max(min(batch_size, _BATCH_LENGTH // length), 1)
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            batch = np.zeros((len(chosen), length, *shape[1:]), np.float32)
            for padded, row in zip(batch, chosen, strict=True):
                part = sequences[row][:length]
                padded[: len(part)] = part
            vectors = tf.cast(function(tf.constant(batch)), tf.float32).numpy()
            for row, vector in zip(chosen, vectors, strict=True):
                by_row[row] = vector
            progress.add(len(chosen))
    features = np.stack(by_row)
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise NotFiniteError(
            "Features must be finite. Received: NaN or infinity for "
            f"{int((~finite).sum())} of {len(features)} sequences, first for sequence "
            f"{int(np.argmin(finite))}. Did training diverge?"
        )
    return features
