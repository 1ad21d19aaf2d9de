# SPDX-License-Identifier: Apache-2.0
"""Values and gradients of all bounds on R logical CPUs, as JSON."""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

from cl_keras import distribute, estimators

replicas = int(sys.argv[1])
if "--stop-gradient" in sys.argv:
    gather, total = distribute.all_gather, distribute.all_sum
    distribute.all_gather = lambda values: tf.stop_gradient(gather(values))
    distribute.all_sum = lambda value: tf.stop_gradient(total(value))
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * replicas,
)
rng = np.random.default_rng(0)
x, y = rng.normal(size=(2, 8, 3)).astype("float32")
w = rng.normal(size=(3, 3)).astype("float32")
# Replicas of different sizes.
starts = {1: [0, 8], 2: [0, 5, 8]}[replicas]
BOUNDS = {
    name: getattr(estimators, name)
    for name in ("jsd", "donsker_varadhan", "nwj", "info_nce", "club")
}
BOUNDS["mine"] = lambda scores, **kw: estimators.mine(scores, log_mean=0.3, **kw)[0]


@tf.function
def step(bound, masked):
    def replica(rows):
        kernel = tf.constant(w)
        mine_x, mine_y = tf.gather(x, rows), tf.gather(y, rows)
        with tf.GradientTape() as tape:
            tape.watch((kernel, mine_y))
            keys = tf.matmul(distribute.all_gather(mine_y), kernel)
            scores = 0.5 * tf.matmul(mine_x, keys, transpose_b=True)
            sum_of_places = rows[:, None] + tf.range(8)
            excluded = sum_of_places % 5 == 0 if masked else None
            value = BOUNDS[bound](scores, excluded=excluded)
            share = distribute.replica_share(value)
        by_kernel, by_keys = tape.gradient(
            share, (kernel, mine_y), unconnected_gradients="zero"
        )
        # Keras sums the gradients of weights over replicas.
        if replicas > 1:
            context = tf.distribute.get_replica_context()
            by_kernel = context.all_reduce(tf.distribute.ReduceOp.SUM, by_kernel)
        return value, by_kernel, by_keys

    if replicas == 1:
        return replica(tf.range(8))
    parts = strategy.experimental_distribute_values_from_function(
        lambda c: tf.range(
            starts[c.replica_id_in_sync_group], starts[c.replica_id_in_sync_group + 1]
        )
    )
    return strategy.run(replica, (parts,))


if replicas > 1:
    devices = [f"CPU:{i}" for i in range(replicas)]
    strategy = tf.distribute.MirroredStrategy(devices)
    # Values of different shapes on the replicas are made outside of the graph.
    step = step.python_function

out = {}
for bound in BOUNDS:
    for masked in (False, True):
        value, by_kernel, by_keys = step(bound, masked)
        if replicas > 1:
            value = strategy.experimental_local_results(value)
            by_kernel = strategy.experimental_local_results(by_kernel)[0]
            by_keys = tf.concat(strategy.experimental_local_results(by_keys), 0)
        out[f"{bound}/{masked}"] = {
            "value": np.ravel(value).tolist(),
            "by_kernel": by_kernel.numpy().tolist(),
            "by_keys": by_keys.numpy().tolist(),
        }
print(json.dumps(out))
