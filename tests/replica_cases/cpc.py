import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, methods


def make():
    encoder = encoders.audio_conv(
        channels=16, context=12, kernels=(8, 4), strides=(4, 2)
    )
    model = methods.CPC(encoder, steps=3, negatives=10, seed=1)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    return model


def batches(batch):
    waves = np.random.default_rng(0).normal(0, 0.3, (2 * batch, 160))
    return tf.data.Dataset.from_tensor_slices(waves.astype(np.float32)).batch(batch)
