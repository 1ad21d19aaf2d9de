# SPDX-License-Identifier: Apache-2.0
"""Trains SimCLR for a few steps on R logical CPUs; prints the history as JSON."""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from cl_keras import distribute, encoders, methods

replicas, out, *options = sys.argv[1:]
replicas = int(replicas)
batch = next((int(o.partition("=")[2]) for o in options if "--batch" in o), 32)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * replicas,
)
if "--stop-gradient" in options:
    gather = distribute.all_gather
    distribute.all_gather = lambda values: tf.stop_gradient(gather(values))


def make():
    keras.utils.set_random_seed(0)
    encoder = encoders.compact_resnet((16, 16, 3), width=8, blocks=1)
    model = methods.SimCLR(encoder, temperature=0.2)
    # A gentle rate: rounding can move a value across the kink of a ReLU, and large
    # steps turn that one flip into a visible difference.
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9))
    return model


if replicas == 1:
    model = make()
else:
    devices = [f"CPU:{i}" for i in range(replicas)]
    with tf.distribute.MirroredStrategy(devices).scope():
        model = make()
views = np.random.default_rng(0).random((2, 2 * batch, 16, 16, 3), np.float32)
# A global batch lies on the devices in order: the first half on the first of two.
dataset = tf.data.Dataset.from_tensor_slices((views[0], views[1])).batch(batch)
history = model.fit(dataset, epochs=3, verbose=0).history
np.savez(out, *model.get_weights())
print(json.dumps(history))
