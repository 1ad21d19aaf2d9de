# SPDX-License-Identifier: Apache-2.0
"""Encoders of log-mel spectrograms, and means of parts of the time."""

import keras
import numpy as np
import pytest

from cl_keras import encoders, evaluate
from cl_keras.taps import tap

WAVES = np.random.default_rng(0).normal(0, 0.2, (3, 4000)).astype(np.float32)


@pytest.fixture(scope="module")
def encoder():
    return encoders.mel_conv(sample_rate=8_000, bands=8, widths=(3, 4), units=5)


def test_bands_hold_the_energy_of_their_frequencies(encoder):
    time = np.arange(4000) / 8000
    tones = np.stack([np.sin(2 * np.pi * f * time) for f in (200, 900, 3000)])
    bands = tap(encoder, {"bands": "log_mel"})(tones.astype("f"))["bands"].numpy()
    assert bands.shape == (3, 51, 8)  # A frame every 10 ms, the first and last half.
    loudest = bands[:, 5:-5].mean(1).argmax(-1)
    assert (np.diff(loudest) > 0).all()
    # Twice as loud is four times the energy, in every band that it reaches.
    louder = tap(encoder, {"bands": "log_mel"})(2 * tones.astype("f"))["bands"]
    at = range(3), slice(5, -5), loudest
    scale = 1 / np.sqrt(1 + 1e-3)  # Of fresh batch normalisation.
    np.testing.assert_allclose((louder.numpy() - bands)[at], scale * np.log(4), 1e-3)


def test_each_recording_is_encoded_by_itself_at_any_length(encoder):
    together = encoder(WAVES).numpy()
    np.testing.assert_allclose(encoder(WAVES[:1])[0], together[0], atol=1e-5)
    short = evaluate.embed_sequences(encoder, [WAVES[0][:1], WAVES[1][:90], WAVES[2]])
    np.testing.assert_allclose(short[2], together[2], atol=1e-5)
    assert encoders.sample_rate_of(encoder) == 8_000


def test_views_are_drawn_in_training_only_and_survive_saving(tmp_path):
    encoder = encoders.mel_conv(
        bands=8, widths=(3,), units=4, mix=0.4, resize=True, seed=1
    )
    first, second = (encoder(WAVES, training=True).numpy() for _ in range(2))
    assert np.abs(first - second).max() > 1e-4
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    np.testing.assert_allclose(loaded(WAVES), encoder(WAVES), atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: encoders.mel_conv(bands=8, widths=(3,), units=4),
        lambda: encoders.audio_conv(channels=4, context=3),
        lambda: encoders.mel_sequence(bands=8, channels=4, context=3),
    ],
)
def test_means_of_parts_are_those_of_the_frames(make, tmp_path):
    whole = make()
    parts = encoders.means_of_parts(whole, 3)
    found = parts(WAVES).numpy()
    pooled = [x for x in whole.layers if isinstance(x, keras.layers.Layer)]
    pooled = [x for x in pooled if type(x).__name__ == "GlobalAveragePooling1D"]
    slow = []
    for layer in pooled:
        frames = keras.Model(whole.inputs, layer.input)(WAVES).numpy()
        cuts = [frames.shape[1] * part // 3 for part in range(4)]
        slow += [frames[:, a:b].mean(1) for a, b in zip(cuts, cuts[1:], strict=False)]
    np.testing.assert_allclose(found, np.concatenate(slow, 1), atol=1e-5)
    assert encoders.means_of_parts(whole, 1) is whole
    parts.save(tmp_path / "parts.keras")
    loaded = keras.saving.load_model(tmp_path / "parts.keras")
    np.testing.assert_allclose(loaded(WAVES), found, atol=1e-6)


def test_the_future_leaves_contexts_of_mel_bands_unchanged():
    encoder = encoders.mel_sequence(bands=8, channels=4, context=3)
    model = tap(encoder, {"latents": "latents", "context": "context"})
    waves = np.tile(WAVES, 2)
    after = waves.copy()
    # Frame 2 t + 3 of the bands, the last that latent t sees, ends before this.
    after[:, 160 * (2 * 10 + 3) + 257 :] += 1.0
    for name in ("latents", "context"):
        one, other = model(waves)[name].numpy(), model(after)[name].numpy()
        np.testing.assert_allclose(one[:, :11], other[:, :11], atol=1e-6)
        assert np.abs(one[:, 13:] - other[:, 13:]).max() > 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (None, 2)}, r"\(samples,\)"),
        ({"bands": 4, "widths": (2, 2, 2)}, "need 8 bands"),
        ({"widths": ()}, "widths"),
        ({"mix": 1.0}, "mix"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        encoders.mel_conv(**options)
    with pytest.raises(ValueError, match="mean over time"):
        encoders.means_of_parts(encoders.gcn((3,), units=2), 2)
