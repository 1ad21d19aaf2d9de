# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, heads, methods


def make():
    encoder = encoders.compact_resnet((8, 8, 3), width=16, blocks=1, stages=1)
    model = methods.BYOL(
        encoder,
        heads.byol_head(8, hidden=16, width=8),
        projector=heads.byol_head(16, hidden=16, width=8),
        momentum=0.8,
        total_steps=12,
    )
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9))
    return model


def batches(batch):
    views = np.random.default_rng(0).random((2, 2 * batch, 8, 8, 3), np.float32)
    return tf.data.Dataset.from_tensor_slices((views[0], views[1])).batch(batch)
