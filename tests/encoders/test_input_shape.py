# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
from keras import layers

from cl_keras import encoders


def conv(shape):
    return [keras.Input(shape), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()]


def nested(shape):
    """A functional model around a sequential one, as Keras's ConvNeXt is made."""
    inputs = keras.Input(shape)
    inner = keras.Sequential(conv(shape))
    return keras.Model(inputs, inner(inputs))


@pytest.mark.parametrize(
    "make",
    [
        lambda shape: keras.Sequential(conv(shape)),
        nested,
        lambda shape: encoders.compact_resnet(shape, width=4, blocks=1),
    ],
    ids=["sequential", "nested", "resnet"],
)
def test_another_size_has_the_same_weights(make):
    small, images = make((8, 8, 3)), np.random.default_rng(0).random((2, 14, 11, 3))
    before = [w.copy() for w in small.get_weights()]
    large = encoders.with_input_shape(small, (14, 11, 3))
    keras.utils.set_random_seed(5)
    built = make((14, 11, 3))
    built.set_weights(before)
    np.testing.assert_array_equal(large.predict(images), built.predict(images))
    assert encoders.with_input_shape(small, (8, 8, 3)) is small
    assert small.input_shape == (None, 8, 8, 3)


def test_a_network_of_one_size_says_so():
    flat = keras.Sequential([keras.Input((4, 4, 3)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"\(4, 4, 3\).*does not allow \(5, 5, 3\)"):
        encoders.with_input_shape(flat, (5, 5, 3))
    with pytest.raises(ValueError, match="does not allow"):
        encoders.with_input_shape(encoders.compact_resnet(width=4), (32, 32, 1))
