# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras.batch_norm import BatchNormalization


@pytest.mark.parametrize("shape", [(6, 4, 5, 3), (6, 3)])
def test_equals_keras_in_values_gradients_and_statistics(shape):
    x = tf.constant(np.random.default_rng(0).normal(2, 3, shape), tf.float32)
    results = []
    for layer in (
        BatchNormalization(),
        keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
    ):
        layer.build(x.shape)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y**3)
        gradients = tape.gradient(loss, [x, *layer.trainable_variables])
        trained = [v.numpy() for v in layer.non_trainable_variables]
        results.append([y, *gradients, *trained, layer(x, training=False)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_frozen_layers_keep_their_statistics():
    layer = BatchNormalization(trainable=False)
    layer(tf.random.normal((4, 2, 2, 3)), training=True)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(3))


def test_fused_kernel_is_used_on_one_device():
    layer = BatchNormalization()
    layer.build((None, 4, 4, 3))
    graph = tf.function(lambda x: layer(x, training=True)).get_concrete_function(
        tf.TensorSpec((2, 4, 4, 3))
    )
    assert "FusedBatchNormV3" in {op.type for op in graph.graph.get_operations()}
