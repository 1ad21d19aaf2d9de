# SPDX-License-Identifier: Apache-2.0
"""Trains a method for a few steps on R logical CPUs; prints the history as JSON.

    python tests/replicas.py simclr 2 weights.npz [--batch=32] [--stop-gradient]
        [--local-scale]

The method's model and data are those of `tests/replica_cases/<method>.py`. Each
number of replicas needs a process of its own: TensorFlow keeps its collective
groups for the life of one.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from cl_keras import distribute

method, replicas, out, *options = sys.argv[1:]
replicas = int(replicas)
batch = next((int(o.partition("=")[2]) for o in options if "--batch" in o), 32)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * replicas,
)
if "--stop-gradient" in options:
    gather, total = distribute.all_gather, distribute.all_sum
    distribute.all_gather = lambda values: tf.stop_gradient(gather(values))
    distribute.all_sum = lambda value: tf.stop_gradient(total(value))
if "--local-scale" in options:
    distribute.replica_share = tf.reduce_mean

path = Path(__file__).parent / "replica_cases" / f"{method}.py"
spec = importlib.util.spec_from_file_location(f"replica_case_{method}", path)
case = importlib.util.module_from_spec(spec)
spec.loader.exec_module(case)

keras.utils.set_random_seed(0)
if replicas == 1:
    model = case.make()
else:
    devices = [f"CPU:{i}" for i in range(replicas)]
    with tf.distribute.MirroredStrategy(devices).scope():
        model = case.make()
history = model.fit(case.batches(batch), epochs=3, verbose=0).history
np.savez(out, *model.get_weights())
print(json.dumps(history))
