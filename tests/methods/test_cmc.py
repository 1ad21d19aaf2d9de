# SPDX-License-Identifier: Apache-2.0
import colorsys

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, methods
from cl_keras.encoders.color_split import LuminanceAndColors


def model(**options):
    encoder = encoders.color_split((8, 8, 3), width=2, blocks=1, stages=2)
    return methods.CMC(encoder, **options)


def images(seed=0):
    return np.random.default_rng(seed).random((5, 8, 8, 3), np.float32)


def test_halves_see_luminance_and_colors_alone():
    small = model()
    light, colors = LuminanceAndColors()(images())
    grey, _, _ = np.vectorize(colorsys.rgb_to_yiq)(*np.moveaxis(images(), -1, 0))
    np.testing.assert_allclose(light[..., 0], grey, atol=2e-2)
    assert 0.0 <= np.min(colors) and np.max(colors) <= 1.0
    brighter = images() * 0.5 + 0.25
    paler = 0.5 * images() + 0.5 * light.numpy()
    first, bright, pale = (
        np.split(small.encoder(x).numpy(), 2, axis=-1)
        for x in (images(), brighter, paler)
    )
    assert np.abs(first[0] - bright[0]).max() > 1e-3
    np.testing.assert_allclose(first[0], pale[0], atol=1e-4)
    assert np.abs(first[1] - pale[1]).max() > 1e-3


def test_objective_is_both_directions_within_each_crop():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 5, 3)).astype("float32")
    named = {f"embedding{n + 1}": tf.constant(x) for n, x in enumerate(values)}
    found = model(temperature=0.5).objective(named)["info_nce"]
    unit = values / np.linalg.norm(values, axis=-1, keepdims=True)
    expected = 0.0
    for light, colors in (unit[:2], unit[2:]):
        for queries, keys in ((light, colors), (colors, light)):
            scores = np.exp(queries @ keys.T / 0.5)
            expected += -np.log(np.diag(scores) / scores.sum(axis=1)) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_embeddings_of_a_crop_know_their_half_alone():
    small = model()
    crops = (tf.constant(images()), tf.constant(images(1)))
    outputs = small.encode(crops, training=False)
    colors = small.encoder(crops[1])[:, 4:]
    for light in (0.0, 1.0):
        features = tf.concat([tf.fill((5, 4), light), colors], axis=-1)
        both = small.projector(features)
        np.testing.assert_allclose(both[:, 128:], outputs["embedding4"], rtol=1e-5)


def test_other_encoders_are_refused_by_name():
    with pytest.raises(ValueError, match="luminance"):
        methods.CMC(encoders.compact_resnet((8, 8, 3), width=2, blocks=1))
    with pytest.raises(ValueError, match="grey images have no colours"):
        encoders.color_split((8, 8, 1))
    with pytest.raises(ValueError, match="temperature"):
        model(temperature=0.0)
