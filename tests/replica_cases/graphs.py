# SPDX-License-Identifier: Apache-2.0
"""A small model of any method on graphs, made of its row, and batches for it."""

import inspect

import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, methods

NODES, FEATURES = 6, 5
# What tests take where a method has it. One summary of all graphs, over all replicas,
# is the harder one; the sample is of some of the nodes, and of all of the last batch's.
SMALL = {"summary": "batch", "temperature": 0.5, "sample": 25, "seed": 1}


def is_of_graphs(name):
    return issubclass(methods.get(name).model, methods.GraphModel)


def small_model(name, units=8):
    row = methods.get(name)
    method, encoder = row.model, row.defaults["encoder"]
    arguments = inspect.signature(method.__init__).parameters
    small = {key: value for key, value in SMALL.items() if key in arguments}
    return method(encoders.build(encoder, (FEATURES,), units=units), **small)


def make(name):
    model = small_model(name)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    return model


def graphs(count):
    """Stacked graphs of different sizes."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(count, NODES, FEATURES)).astype("float32")
    edges = rng.integers(0, 4, (count, 8, 2)).astype("int32")
    edges[edges[..., 0] == edges[..., 1]] = -1  # Padding in place of self loops.
    mask = np.arange(NODES) < rng.integers(4, NODES + 1, (count, 1))
    return {"features": features, "edges": edges, "mask": mask}


def batches(name, batch):
    del name  # Batches are alike for all.
    return tf.data.Dataset.from_tensor_slices(graphs(2 * batch)).batch(batch)
