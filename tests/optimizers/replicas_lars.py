# SPDX-License-Identifier: Apache-2.0
"""LARS on two logical CPUs against one; prints the difference of weights as JSON."""

import contextlib
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from cl_keras import optimizers

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
rng = np.random.default_rng(0)
x, y = rng.normal(size=(32, 6)).astype("float32"), rng.normal(size=(32, 1))
weights = []
for scope in (contextlib.nullcontext(), strategy.scope()):
    keras.utils.set_random_seed(0)
    with scope:
        layers = keras.layers.Dense(8), keras.layers.Dense(1)
        model = keras.Sequential([keras.Input((6,)), *layers])
        rate = optimizers.WarmupCosine(0.1, 3, steps_per_epoch=4, warmup_epochs=1)
        optimizer = optimizers.LARS(
            rate, weight_decay=0.1, trust_coefficient=0.2, use_ema=True
        )
        model.compile(optimizer, loss="mse")
    start = model.get_weights()
    model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    weights.append(model.get_weights())
differences = [np.abs(a - b).max() for a, b in zip(*weights, strict=True)]
movement = np.abs(start[0] - weights[0][0]).max()
print(json.dumps({"difference": float(max(differences)), "movement": float(movement)}))
