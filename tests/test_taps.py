# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest

from cl_keras import encoders
from cl_keras.taps import tap


def test_taps_share_the_encoders_weights_and_give_its_values():
    encoder = encoders.dim_conv((32, 32, 3))
    model = tap(encoder, {"local": "conv2"})
    assert {id(v) for v in model.variables} == {id(v) for v in encoder.variables}
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    found = model(images, training=False)
    np.testing.assert_allclose(found["features"], encoder(images, training=False))
    by_hand = keras.Model(encoder.inputs, encoder.get_layer("conv2").output)
    np.testing.assert_allclose(found["local"], by_hand(images, training=False))


def test_a_sequential_encoder_that_nobody_called():
    layers = [keras.layers.Dense(3, name="inner"), keras.layers.Dense(2)]
    encoder = keras.Sequential([keras.Input((4,)), *layers])
    rows = np.ones((2, 4), np.float32)
    found = tap(encoder, {"inner": "inner"})(rows)
    np.testing.assert_allclose(found["inner"], layers[0](rows), rtol=1e-6)


@pytest.mark.slow
def test_layers_of_keras_applications_can_be_tapped():
    encoder = encoders.build("keras:MobileNetV2", (32, 32, 3), alpha=0.35)
    model = tap(encoder, {"local": "block_6_expand_relu"})
    assert model(np.zeros((2, 32, 32, 3)))["local"].shape[:3] == (2, 4, 4)


def test_unknown_layers_suggest_near_ones():
    with pytest.raises(ValueError, match="Did you mean 'conv2'"):
        tap(encoders.dim_conv((32, 32, 3)), {"local": "conv_2"})


def test_models_without_a_graph_are_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(TypeError, match="functional or sequential"):
        tap(Own(), {"local": "a"})
