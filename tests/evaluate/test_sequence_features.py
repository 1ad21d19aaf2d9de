# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest

from cl_keras import data, encoders, evaluate


def noise(*lengths, channels=()):
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.3, (n, *channels)).astype(np.float32) for n in lengths]


def test_features_are_those_of_each_sequence_alone():
    encoder = encoders.audio_conv(channels=8, context=8)
    waves = noise(465, 624, 625, 1999, 700, 500, 3000)
    got = evaluate.embed_sequences(encoder, waves)
    expected = np.concatenate([encoder(w[np.newaxis]) for w in waves])
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_waveform_shorter_than_a_frame_gets_zeros():
    encoder = encoders.audio_conv(channels=8, context=8)
    short = noise(100)[0]
    padded = np.pad(short, (0, 365))[np.newaxis]
    got = evaluate.embed_sequences(encoder, [short])
    np.testing.assert_allclose(got, encoder(padded), atol=1e-5)


@pytest.mark.slow
def test_vector_sequences_and_long_ones():
    encoder = encoders.vector_sequence((None, 3), channels=4, context=4)
    parts = noise(*[40] * 5, 41, 500, channels=(3,))
    got = evaluate.embed_sequences(encoder, parts, batch_size=2)
    expected = np.concatenate([encoder(x[np.newaxis]) for x in parts])
    np.testing.assert_allclose(got, expected, atol=1e-5)


def framing_of(*layers, bypass=False):
    inputs = x = keras.Input((None, 2))
    for layer in layers:
        x = layer(x)
    pool = keras.layers.GlobalAveragePooling1D()
    features = pool(x)
    if bypass:
        features = keras.layers.Concatenate()([features, pool(inputs)])
    return evaluate.sequences.framing(keras.Model(inputs, features))


def test_samples_are_cut_off_only_where_they_have_no_effect():
    def conv(**options):
        return keras.layers.Conv1D(2, 4, 3, **options)

    norm = keras.layers.LayerNormalization
    assert framing_of(conv(), norm(), conv()) == (13, 9)
    assert framing_of(conv(), conv(padding="same")) == (4, 3)
    assert framing_of(conv(), keras.layers.GRU(2, return_sequences=True)) == (4, 3)
    assert framing_of(conv(), bypass=True) == (1, 1)
    assert framing_of(conv(padding="causal")) == (1, 1)
    assert framing_of(keras.layers.Softmax(axis=1), conv()) == (1, 1)
    assert framing_of(keras.layers.Conv1D(2, 4, dilation_rate=2)) == (1, 1)


def test_other_encoders_are_exact_too():
    inputs = keras.Input((None, 2))
    x = keras.layers.Conv1D(3, 4, 3, padding="same")(inputs)
    encoder = keras.Model(inputs, keras.layers.GlobalMaxPooling1D()(x))
    parts = noise(40, 41, 42, 40, channels=(2,))
    expected = np.concatenate([encoder(x[np.newaxis]) for x in parts])
    np.testing.assert_allclose(
        evaluate.embed_sequences(encoder, parts), expected, atol=1e-6
    )


def test_mfcc_of_known_signals():
    rate = 8000
    loud, quiet = noise(rate)[0], noise(rate)[0] * 0.1
    low, high = (
        np.sin(2 * np.pi * pitch * np.arange(rate) / rate).astype(np.float32)
        for pitch in (200, 3000)
    )
    got = evaluate.mean_mfcc([loud, quiet, low, high, np.zeros(9, "f4")], rate)
    assert got.shape == (5, 13) and np.isfinite(got).all()
    # A tenth of the amplitude changes the first coefficient alone.
    np.testing.assert_allclose(got[0, 1:], got[1, 1:], atol=0.05)
    assert got[0, 0] - got[1, 0] == pytest.approx(np.log(100) * np.sqrt(80), rel=0.01)
    # The second one is a cosine over the bands: high for low sounds.
    assert got[2, 1] > got[0, 1] > got[3, 1]


def test_statistics_of_mfcc_are_means_of_thirds_and_deviations():
    rate = 8000
    first, last = noise(rate, rate)
    wave = np.concatenate([first, 0.1 * last])
    got = evaluate.mfcc_statistics([wave, first, np.zeros(9, "f4")], rate)
    assert got.shape == (3, 52) and np.isfinite(got).all()
    means = got[:, :39].reshape(3, 3, 13)
    # A loud half, then a quiet one: the first third is louder than the last.
    assert means[0, 0, 0] - means[0, 2, 0] == pytest.approx(
        np.log(100) * np.sqrt(80), rel=0.05
    )
    even = evaluate.mean_mfcc([first], rate)[0]
    np.testing.assert_allclose(means[1].mean(axis=0), even, atol=0.1)
    assert got[0, 39] > got[1, 39] and not got[2, 39:].any()
    np.testing.assert_array_equal(means[2, 0], means[2, 2])


def test_bad_input_is_named():
    encoder = encoders.vector_sequence((None, 3), channels=4, context=4)
    with pytest.raises(ValueError, match="at least one sequence"):
        evaluate.embed_sequences(encoder, [])
    with pytest.raises(ValueError, match="at sequence 1"):
        evaluate.embed_sequences(encoder, [np.zeros((9, 3)), np.zeros((9, 2))])
    with pytest.raises(ValueError, match="batch_size"):
        evaluate.embed_sequences(encoder, [np.zeros((9, 3))], batch_size=0)
    with pytest.raises(ValueError, match="first for sequence 1"):
        evaluate.embed_sequences(encoder, [np.zeros((9, 3)), np.full((9, 3), np.nan)])
    frames = keras.Model(encoder.inputs, encoder.get_layer("latents").output)
    with pytest.raises(ValueError, match=r"shape \(batch, D\)"):
        evaluate.embed_sequences(frames, [np.zeros((9, 3))])
    with pytest.raises(ValueError, match="coefficients=0"):
        evaluate.mean_mfcc([np.zeros(900)], 8000, coefficients=0)


@pytest.mark.slow
def test_scores_of_recordings_beside_their_statistics():
    rng = np.random.default_rng(0)
    times = np.arange(2_000) / 8_000
    waves = [
        np.sin(2 * np.pi * pitch * times + rng.uniform(0, 6)).astype(np.float32)
        for pitch in np.repeat([300, 1_500], 8)
    ]
    names = np.repeat(["low", "high"], 8)
    rows = rng.permutation(16)
    both = [
        data.SequenceData(
            part, [waves[i] for i in some], names[some], sample_rate=8_000
        )
        for part, some in (("train", rows[:10]), ("test", rows[10:]))
    ]
    encoder = encoders.audio_conv(channels=8, context=8)
    found = evaluate.scores(encoder, *both, k=3)
    assert set(found) == {
        f"{before}{metric}_accuracy{after}"
        for metric in ("knn", "linear")
        for before, after in (("", ""), ("", "_random_init"), ("raw_", ""))
    }
    assert found["raw_knn_accuracy"] == found["raw_linear_accuracy"] == 1.0
    kinds = {"pitch": names[rows[:10]], "part": names[rows[:10]]}
    several = data.SequenceData("train", [waves[i] for i in rows[:10]], kinds)
    with pytest.raises(ValueError, match=r"train.labelled\('pitch'\)"):
        evaluate.scores(encoder, several, both[1])


def test_scores_of_vector_sequences_have_no_raw_form():
    sequences = noise(*[20] * 8, channels=(3,))
    some = data.SequenceData("vectors", sequences, np.arange(8) % 2)
    encoder = encoders.vector_sequence((None, 3), channels=4, context=4)
    found = evaluate.scores(encoder, some, some, k=1)
    assert found["knn_accuracy"] == 1.0 and "raw_knn_accuracy" not in found
