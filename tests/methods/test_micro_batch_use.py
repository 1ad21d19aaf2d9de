# SPDX-License-Identifier: Apache-2.0
"""What gradient caching cannot be used for."""

import keras
import pytest
import tensorflow as tf
from micro_batches import encoder, simclr, views

from cl_keras import encoders, methods
from cl_keras.methods.base import ContrastiveModel


@keras.saving.register_keras_serializable(package="test")
class Unseeded(keras.layers.Layer):
    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs))


class Summary(ContrastiveModel):
    """Its `encode` does not keep to one row an example."""

    def encode(self, inputs, training):
        return {"mean": tf.reduce_mean(self.encoder(inputs), axis=0, keepdims=True)}

    def objective(self, outputs):
        return {"loss": tf.reduce_mean(outputs["mean"])}


def test_wrong_use_is_named():
    for size in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="positive number of examples"):
            simclr(size)
    images = encoders.compact_resnet((8, 8, 3), width=4, blocks=1)
    with pytest.raises(ValueError, match="gradient_accumulation_steps"):
        methods.Autoencoder(images, micro_batch=2)
    with pytest.raises(ValueError, match="depends on its neighbours"):
        methods.DeepGraphInfomax(encoders.gcn((3,), units=4), micro_batch=2)
    conv = encoders.dim_conv((16, 16, 1), widths=(4, 6), hidden=16, code=8)
    for options, message in (
        ({"critic": "concat"}, "critic='dot'"),
        ({"locations": 3}, "locations=None"),
    ):
        with pytest.raises(ValueError, match=message):
            methods.DeepInfoMax(
                conv, local_layer="conv2", width=8, micro_batch=2, **options
            )
    data = tuple(map(tf.constant, views(4)))
    with pytest.raises(ValueError, match="add losses"):
        simclr(2, activity_regularizer="l2").forward(data, True)
    with pytest.raises(ValueError, match="SeedGenerator"):
        simclr(2, Unseeded()).forward(data, True)
    with pytest.raises(ValueError, match="one row an example"):
        Summary(encoder(), micro_batch=2).forward(data[0], True)


def test_layers_that_change_other_variables_are_named():
    spectral = keras.layers.SpectralNormalization(keras.layers.Conv2D(4, 3))
    model = simclr(2, spectral)
    data = tuple(map(tf.constant, views(4)))
    with pytest.raises(ValueError, match=r"spectral_normalization\w*/vector_u"):
        model.forward(data, True)
    model.forward(data, False)  # Which changes nothing.
