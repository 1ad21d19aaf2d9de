# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, heads, methods


def make():
    encoder = encoders.compact_resnet((16, 16, 3), width=8, blocks=1)
    decoder = heads.image_decoder(32, (16, 16, 3), width=8)
    model = methods.Autoencoder(encoder, decoder)
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9))
    return model


def batches(batch):
    images = np.random.default_rng(0).random((2 * batch, 16, 16, 3), np.float32)
    return tf.data.Dataset.from_tensor_slices((images,)).batch(batch)
