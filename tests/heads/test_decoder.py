# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest

from cl_keras import heads


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [(8, 8, 1), (16, 16, 1), (32, 32, 3), (9, 13, 2), (28, 28, 1), (8, 100, 3)],
)
def test_any_image_shape(shape):
    decoder = heads.image_decoder(6, shape, width=2)
    images = decoder.predict(np.random.default_rng(0).normal(size=(3, 6)), verbose=0)
    assert images.shape == (3, *shape)
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1


def test_every_pixel_depends_on_the_features():
    # Nothing is padded on: a cut or a grid too small would leave constant borders.
    decoder = heads.image_decoder(4, (9, 21, 1), width=4)
    features = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    spread = np.std(decoder(features, training=False), axis=0)
    assert spread.min() > 1e-5


def test_sides_double_and_channels_halve():
    decoder = heads.image_decoder(10, (64, 16, 3), width=4)
    doubling = [
        x for x in decoder.layers if isinstance(x, keras.layers.Conv2DTranspose)
    ]
    assert [x.output.shape[1:] for x in doubling] == [
        (8, 4, 32),
        (16, 4, 16),
        (32, 8, 8),
        (64, 16, 4),
    ]


def test_images_are_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    decoder = heads.image_decoder(4, (8, 8, 1), width=2)
    assert decoder.predict(np.ones((2, 4)), verbose=0).dtype == np.float32


@pytest.mark.parametrize(
    ("features", "shape", "width", "message"),
    [
        (0, (8, 8, 1), 4, "features=0"),
        (4, (8, 8, 1), 0, "width=0"),
        (4, (7, 8, 1), 4, r"\(7, 8, 1\)"),
        (4, (8, 8), 4, r"\(8, 8\)"),
        (4, (8, None, 1), 4, "None"),
        (4, (8, 8, 0), 4, r"\(8, 8, 0\)"),
    ],
)
def test_wrong_numbers_are_named(features, shape, width, message):
    with pytest.raises(ValueError, match=message):
        heads.image_decoder(features, shape, width=width)
