import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, methods


def make():
    encoder = encoders.compact_resnet((8, 8, 3), width=16, blocks=1, stages=1)
    model = methods.SimCLR(encoder, temperature=0.2)
    # A gentle rate: rounding can move a value across the kink of a ReLU, and large
    # steps turn that one flip into a visible difference.
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9))
    return model


def batches(batch):
    views = np.random.default_rng(0).random((2, 2 * batch, 8, 8, 3), np.float32)
    # A global batch lies on the devices in order: the first half on the first of two.
    return tf.data.Dataset.from_tensor_slices((views[0], views[1])).batch(batch)
