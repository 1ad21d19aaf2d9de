# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest

from cl_keras import encoders
from cl_keras.evaluate import random_encoder


@pytest.fixture(scope="module")
def photos():
    """Neighbouring pixels are nearly alike, as on photographs."""
    noise = np.random.default_rng(0).normal(size=(32, 20, 20, 3)).cumsum(1).cumsum(2)
    noise -= noise.min((1, 2, 3), keepdims=True)
    return (noise / noise.max((1, 2, 3), keepdims=True)).astype(np.float32)


def outputs(encoder, images):
    """What the whitening gives, before its ReLU."""
    layer = encoder.get_layer("whitening")
    return keras.Model(encoder.inputs, layer.output).predict(images, verbose=0)


def test_its_outputs_are_uncorrelated_and_their_negatives(photos):
    encoder = encoders.compact_conv((20, 20, 3), widths=[4])
    encoders.whiten(encoder, photos, epsilon=0.0)
    # But for the last row and column, which see zeros beside the image.
    found = outputs(encoder, photos)[:, :-1, :-1].reshape(-1, 24)
    np.testing.assert_allclose(found[:, 12:], -found[:, :12], atol=1e-3)
    covariance = np.cov(found[:, :12].astype("float64"), rowvar=False)
    np.testing.assert_allclose(covariance, np.eye(12), atol=2e-2)


def test_what_hardly_varies_is_not_blown_up(photos):
    encoder = encoders.compact_conv((20, 20, 3), widths=[4])
    gray = np.repeat(photos[..., :1], 3, axis=-1)
    encoders.whiten(encoder, gray)
    assert np.abs(outputs(encoder, gray)).max() < 50
    assert np.isfinite(encoder.predict(gray, verbose=0)).all()


def test_it_does_not_train_and_belongs_to_the_inputs(photos, tmp_path):
    encoder = encoders.build("compact_conv", (20, 20, 3), widths=[4, 4])
    assert all("whitening" not in v.path for v in encoder.trainable_variables)
    encoders.whiten(encoder, photos)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    for one in (loaded, random_encoder(encoder)):
        np.testing.assert_array_equal(outputs(one, photos), outputs(encoder, photos))


def test_an_encoder_without_it_is_refused(photos):
    with pytest.raises(ValueError, match="'whitening'.*Received: compact_resnet"):
        encoders.whiten(encoders.compact_resnet(width=4), photos)
