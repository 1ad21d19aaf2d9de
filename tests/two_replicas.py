# SPDX-License-Identifier: Apache-2.0
"""Runs a function on two replicas, each with its part of the rows."""

import numpy as np
import tensorflow as tf


def on_two_replicas(function, *arrays):
    """What it returns for each row, in order; the first replica has one row more."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    cut = (len(arrays[0]) + 1) // 2
    parts = [slice(0, cut), slice(cut, None)]

    def give(array):
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(array[parts[context.replica_id_in_sync_group]])
        )

    found = strategy.run(tf.function(function), tuple(map(give, arrays)))
    return [np.concatenate(strategy.experimental_local_results(x)) for x in found]
