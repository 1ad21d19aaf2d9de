# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, methods


def make():
    encoder = encoders.dim_conv((16, 16, 3), widths=(8, 8), hidden=16, code=8)
    model = methods.DeepInfoMax(
        encoder,
        local_layer="conv2",
        global_weight=0.5,
        prior_weight=0.1,
        width=16,
        locations=5,
    )
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    return model


def batches(batch):
    images = np.random.default_rng(0).random((2 * batch, 16, 16, 3), np.float32)
    return tf.data.Dataset.from_tensor_slices((images,)).batch(batch)
