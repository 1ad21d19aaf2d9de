# SPDX-License-Identifier: Apache-2.0
"""Gradient caching on two logical CPUs against one; prints differences as JSON."""

import contextlib
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from cl_keras import distribute, methods

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 4,
)
devices = [f"CPU:{number}" for number in range(4 if "--empty" in sys.argv else 2)]
strategy = tf.distribute.MirroredStrategy(devices)
SHAPE = (6, 6, 3)


def train(size, replicas, batch, normalised=False):
    keras.utils.set_random_seed(0)
    with strategy.scope() if replicas > 1 else contextlib.nullcontext():
        layers = [keras.Input(SHAPE), keras.layers.Conv2D(8, 3, activation="tanh")]
        if normalised:
            layers.append(keras.layers.BatchNormalization(synchronized=True))
        layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(12)]
        projector = keras.Sequential([keras.Input((12,)), keras.layers.Dense(8)])
        model = methods.SimCLR(
            keras.Sequential(layers), projector, 0.2, micro_batch=size
        )
        # Normalisation by few rows magnifies rounding: smaller steps.
        rate = 0.01 if normalised else 0.3
        model.compile(keras.optimizers.SGD(rate, momentum=0.9))
    pixels = np.random.default_rng(0).random((2, 2 * batch, *SHAPE), np.float32)
    data = tf.data.Dataset.from_tensor_slices((pixels[0], pixels[1])).batch(batch)
    model.fit(data, epochs=3, verbose=0)
    return model.get_weights()


def difference(one, other):
    return float(max(np.abs(a - b).max() for a, b in zip(one, other, strict=True)))


if "--normalised" in sys.argv:
    # The same parts on one device and on two have the same statistics.
    found = {"difference": difference(train(3, 2, 12, True), train(3, 1, 12, True))}
elif "--empty" in sys.argv:
    # 6 rows on four replicas: 2, 2, 2 and none; one device has the same three parts.
    found = {"difference": difference(train(2, 4, 6, True), train(2, 1, 6, True))}
else:
    # 11 rows on two replicas: 6 and 5; in parts of 4 at most: 2 of 3, and 2 of 3 where
    # one row comes twice.
    whole = train(None, 1, 11)
    found = {"difference": difference(train(4, 2, 11), whole)}
    gather = distribute.all_gather
    distribute.all_gather = lambda values: tf.stop_gradient(gather(values))
    found["without gradient of the gather"] = difference(train(4, 2, 11), whole)
print(json.dumps(found))
