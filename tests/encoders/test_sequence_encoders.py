# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest

from cl_keras import encoders, evaluate
from cl_keras.taps import tap


def taps(encoder):
    return tap(encoder, {"latents": "latents", "context": "context"})


def waves(batch=2, samples=4000, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.3, (batch, samples)).astype(np.float32)


def test_frames_are_those_of_the_paper():
    encoder = encoders.audio_conv(channels=4, context=6)
    model = taps(encoder)
    # A window of 20,480 samples with the authors' padding is 128 frames; without, 126.
    for samples, frames in ((465, 1), (624, 1), (625, 2), (20_480, 126)):
        found = model(np.zeros((1, samples), np.float32))
        assert found["latents"].shape == (1, frames, 4)
        assert found["context"].shape == (1, frames, 6)
    assert evaluate.sequences.framing(encoder) == (465, 160)


@pytest.mark.parametrize("recurrence", ["gru", "lstm"])
def test_the_future_leaves_audio_contexts_unchanged(recurrence):
    model = taps(encoders.audio_conv(channels=8, context=8, recurrence=recurrence))
    before = waves()
    after = before.copy()
    # Frame t ends before sample 160 t + 465.
    after[:, 160 * 10 + 465 :] += 1.0
    for name in ("latents", "context"):
        one, other = model(before)[name], model(after)[name]
        np.testing.assert_array_equal(one[:, :11], other[:, :11])
        assert np.abs(one[:, 11:] - other[:, 11:]).max(axis=(0, 2)).min() > 1e-4


def test_the_rows_below_leave_image_contexts_unchanged():
    encoder = encoders.patch_grid((32, 32, 3), width=8, channels=8)
    model = taps(encoder)
    assert encoder.get_layer("latents").output.shape == (None, 7, 7, 8)
    before = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    after = before.copy()
    # Row 3 of patches begins at pixel 12 and ends before pixel 20.
    after[:, 20:] = 1 - after[:, 20:]
    one, other = model(before)["context"], model(after)["context"]
    np.testing.assert_allclose(one[:, :4], other[:, :4], atol=1e-6)
    assert np.abs(one[:, 4:] - other[:, 4:]).max(axis=(0, 2, 3)).min() > 1e-4
    # And what is above is seen, in the whole row.
    after = before.copy()
    after[:, :4, :4] = 1 - after[:, :4, :4]
    change = np.abs(model(after)["context"] - one).max(axis=(0, 3))
    assert (change.max(axis=1) > 1e-5).sum() >= 6


def test_patches_are_encoded_alone():
    model = taps(encoders.patch_grid((16, 16, 1), width=4, channels=4))
    before = np.random.default_rng(0).random((1, 16, 16, 1), np.float32)
    after = before.copy()
    after[:, :4, :4] = 1 - after[:, :4, :4]  # Seen by the first patch only.
    change = np.abs(model(before)["latents"] - model(after)["latents"]).max(axis=-1)
    assert change[0, 0, 0] > 1e-4
    change[0, 0, 0] = 0
    assert change.max() < 1e-6


@pytest.mark.parametrize(
    ("encoder", "shape"),
    [
        (encoders.audio_conv(channels=4, context=6), (700,)),
        (encoders.vector_sequence((None, 3), channels=4, context=6), (30, 3)),
        (encoders.patch_grid((16, 16, 3), width=4, channels=4), (16, 16, 3)),
    ],
)
def test_features_are_means_and_do_not_depend_on_the_batch(encoder, shape):
    x = np.random.default_rng(0).random((4, *shape), np.float32)
    found = taps(encoder)(x, training=True)
    axes = tuple(range(1, len(found["latents"].shape) - 1))
    expected = [np.mean(found[name], axis=axes) for name in ("context", "latents")]
    np.testing.assert_allclose(found["features"], np.hstack(expected), atol=1e-5)
    np.testing.assert_allclose(encoder(x[:1]), found["features"][:1], atol=1e-5)


@pytest.mark.slow
def test_encoders_load_with_keras_alone(tmp_path):
    x = np.random.default_rng(0).random((2, 16, 16, 1), np.float32)
    for name, shape, batch in (
        ("audio_conv", (None,), waves(2, 700)),
        ("vector_sequence", (None, 2), waves(2, 60).reshape(2, 30, 2)),
        ("patch_grid", (16, 16, 1), x),
    ):
        encoder = encoders.build(name, shape)
        assert all(
            layer.__module__.startswith("keras.") for layer in encoder._operations
        )
        encoder.save(tmp_path / "encoder.keras")
        again = keras.saving.load_model(tmp_path / "encoder.keras", safe_mode=True)
        np.testing.assert_allclose(again(batch), encoder(batch), atol=1e-6)
        fresh = evaluate.random_encoder(encoder)
        assert np.abs(fresh(batch) - encoder(batch)).max() > 1e-3


def test_features_are_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    encoder = encoders.audio_conv(channels=4, context=4)
    assert encoder(waves()).dtype == "float32"


@pytest.mark.parametrize(
    ("name", "shape", "options", "message"),
    [
        ("audio_conv", (None, 1), {}, r"must be \(samples,\)"),
        ("audio_conv", (None,), {"kernels": [3]}, "one entry a convolution"),
        ("audio_conv", (None,), {"channels": 0}, "must be at least 1"),
        ("audio_conv", (None,), {"recurrence": "grue"}, "Did you mean 'gru'"),
        ("audio_conv", (None,), {"width": 3}, "Unknown option of the encoder"),
        ("vector_sequence", (None,), {}, r"must be \(time, channels\)"),
        ("vector_sequence", (None, None), {}, r"must be \(time, channels\)"),
        ("patch_grid", (32, 32), {}, "height, width, channels"),
        ("patch_grid", (8, 32, 3), {}, "1 x 7 patches"),
        ("patch_grid", (4, 4, 3), {}, "0 x 0 patches"),
        ("patch_grid", (32, 32, 3), {"depth": 0}, "must be at least 1"),
    ],
)
def test_wrong_options_are_named(name, shape, options, message):
    with pytest.raises(ValueError, match=message):
        encoders.build(name, shape, **options)
