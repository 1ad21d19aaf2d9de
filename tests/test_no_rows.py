# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras.no_rows import rows_may_be_missing


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Conv2D", {"strides": 2}),
        ("DepthwiseConv2D", {"depth_multiplier": 2}),
        ("SeparableConv2D", {}),
        ("Conv2DTranspose", {"strides": 2}),
    ],
)
def test_convolutions_without_rows_have_the_right_shape(kind, options):
    # Made here: an initialiser takes its seed when its layer is made.
    filters = () if kind == "DepthwiseConv2D" else (4,)
    layer = getattr(keras.layers, kind)(*filters, kernel_size=3, **options)
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.ReLU()(layer(inputs)))

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3])])
    def gradient(x):
        with tf.GradientTape() as tape, rows_may_be_missing(model, ("CPU:0",)):
            features = model(x)
            total = tf.reduce_sum(features)
        return tf.shape(features), tape.gradient(total, model.trainable_variables)

    for rows in (0, 2):
        shape, slopes = gradient(np.ones((rows, 8, 8, 3), "float32"))
        assert tuple(shape.numpy()) == (rows, *model.output_shape[1:])
        assert any(np.abs(x).max() > 0 for x in slopes) == (rows > 0)
    assert "call" not in vars(layer)  # As it was.


def test_other_devices_change_nothing():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    with rows_may_be_missing(model, ("/device:GPU:0",)):
        assert "call" not in vars(model.layers[0])
