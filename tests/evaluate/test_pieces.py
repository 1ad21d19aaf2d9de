# SPDX-License-Identifier: Apache-2.0
"""Long sequences in pieces: the features of the whole, without its memory."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, evaluate
from cl_keras.evaluate import sequences
from cl_keras.evaluate.pieces import front, in_pieces
from cl_keras.preprocessing.sample_rate import with_sample_rate

LAYERS = keras.layers


def wave(samples, *channels):
    return np.random.default_rng(0).normal(0, 0.3, (samples, *channels)).astype("f4")


def built(*layers):
    x = inputs = keras.Input((None, 2))
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def conv(**options):
    return LAYERS.Conv1D(3, 4, 3, **options)


def attended():
    x = conv()(inputs := keras.Input((None, 2)))
    x = LAYERS.Bidirectional(LAYERS.GRU(3, return_sequences=True))(x)
    return keras.Model(inputs, LAYERS.GlobalAveragePooling1D()(x))


ENCODERS = {
    "gru": lambda: encoders.audio_conv(channels=8, context=6),
    "lstm": lambda: encoders.audio_conv(channels=8, context=6, recurrence="lstm"),
    "vectors": lambda: encoders.vector_sequence((None, 2), channels=4, context=4),
    "with a rate": lambda: with_sample_rate(
        encoders.audio_conv(channels=8, context=6), 8000
    ),
    "last state and maximum": lambda: built(
        conv(), LAYERS.BatchNormalization(), LAYERS.Dense(5), LAYERS.GRU(4)
    ),
    "sequential": lambda: keras.Sequential(
        [keras.Input((None, 2)), conv(), LAYERS.GlobalMaxPooling1D(), LAYERS.Dense(3)]
    ),
    "two recurrences": lambda: built(
        conv(),
        LAYERS.GRU(4, return_sequences=True),
        LAYERS.Dropout(0.5),
        LAYERS.LSTM(3, return_sequences=True),
        LAYERS.GlobalAveragePooling1D(),
    ),
    "rest on all latents": attended,
}


@pytest.mark.parametrize("name", ENCODERS)
def test_pieces_give_the_features_of_the_whole(name):
    keras.utils.set_random_seed(1)
    encoder = ENCODERS[name]()
    channels = encoder.input_shape[2:]
    whole = wave(701 if channels else 9_077, *channels)
    expected = evaluate.embed_sequences(encoder, [whole])[0]
    found = in_pieces(encoder, 100 if channels else 2000)(whole)
    np.testing.assert_allclose(found, expected, atol=1e-5)


class Longest(LAYERS.Identity):
    """Remembers the most samples that came through at once."""

    seen = 0

    def call(self, x):
        def look(length):
            Longest.seen = max(Longest.seen, int(length))
            return length

        length = tf.numpy_function(look, [tf.shape(x)[1]], tf.int32)
        with tf.control_dependencies([length]):
            return tf.identity(x)


def test_memory_does_not_grow_with_the_length():
    inputs = keras.Input((None,))
    x = Longest()(LAYERS.Reshape((-1, 1))(inputs))
    x = LAYERS.Conv1D(8, 10, 5, activation="relu")(x)
    x = LAYERS.LayerNormalization()(LAYERS.Conv1D(8, 8, 4)(x))
    encoder = keras.Model(inputs, LAYERS.GlobalAveragePooling1D()(x))
    assert front(encoder)[:2] == (45, 20)
    recordings = [wave(3_000_001), wave(1_000)]
    found = evaluate.embed_sequences(encoder, recordings)
    assert Longest.seen <= sequences._BATCH_LENGTH
    for row, recording in enumerate(recordings):
        expected = encoder(recording[np.newaxis], training=False)[0]
        np.testing.assert_allclose(found[row], expected, atol=1e-5)
    assert Longest.seen > 2_000_000


def test_mean_mfcc_of_a_long_recording(monkeypatch):
    long = [wave(40_123)]
    whole = evaluate.mean_mfcc(long, 8000)
    monkeypatch.setattr(sequences, "_BATCH_LENGTH", 3000)
    np.testing.assert_allclose(evaluate.mean_mfcc(long, 8000), whole, atol=1e-4)


def test_what_looks_at_the_whole_first_is_encoded_whole():
    inputs = keras.Input((None,))
    x = inputs - keras.ops.mean(inputs, axis=1, keepdims=True)
    x = LAYERS.Conv1D(2, 4)(keras.ops.expand_dims(x, -1))
    encoder = keras.Model(inputs, LAYERS.GlobalAveragePooling1D()(x))
    assert front(encoder).last is None and in_pieces(encoder, 100) is None
    assert in_pieces(built(conv(padding="same"), LAYERS.GRU(2)), 100) is None
