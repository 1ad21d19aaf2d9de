import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, methods

NODES, FEATURES = 6, 5


def make():
    encoder = encoders.gcn((FEATURES,), units=8)
    model = methods.GRACE(encoder, temperature=0.5, seed=1)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    return model


def batches(batch):
    rng = np.random.default_rng(0)
    graphs = 2 * batch
    features = rng.normal(size=(graphs, NODES, FEATURES)).astype("float32")
    edges = rng.integers(0, 4, (graphs, 8, 2)).astype("int32")
    edges[edges[..., 0] == edges[..., 1]] = -1  # Padding in place of self loops.
    mask = np.arange(NODES) < rng.integers(4, NODES + 1, (graphs, 1))
    stacked = {"features": features, "edges": edges, "mask": mask}
    return tf.data.Dataset.from_tensor_slices(stacked).batch(batch)
