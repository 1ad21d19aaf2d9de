# SPDX-License-Identifier: Apache-2.0
"""The queue against a plain list, on one device and on four."""

import numpy as np
import pytest
import tensorflow as tf

from cl_keras.methods.parts import Queue

BATCHES = [np.random.default_rng(n).random((rows, 2), np.float32) for n, rows in
           enumerate((3, 4, 9, 1))]  # fmt: skip


def newest(rows, size):
    return sorted(map(tuple, np.concatenate(rows)[-size:]))


def test_it_holds_the_newest_rows():
    queue = Queue(6, 2)
    assert queue.trainable_weights == []
    np.testing.assert_allclose(np.linalg.norm(queue.rows, axis=1), 1.0, atol=1e-6)
    held = [np.array(queue.rows)]
    for batch in BATCHES:
        queue.push(tf.constant(batch))
        held.append(batch)
        assert sorted(map(tuple, np.array(queue.rows))) == newest(held, 6)


def test_replicas_hold_the_rows_of_all():
    strategy = tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(4)])
    with strategy.scope():
        queue = Queue(6, 2, seed=1)
    held = [np.array(queue.rows)]

    @tf.function
    def push(parts):
        strategy.run(queue.push, args=(parts,))

    for number in range(3):
        batch = np.random.default_rng(number).random((8, 2), np.float32)
        parts = tf.split(batch, 4)
        push(
            strategy.experimental_distribute_values_from_function(
                lambda context, parts=parts: parts[context.replica_id_in_sync_group]
            )
        )
        held.append(batch)
        for copy in strategy.experimental_local_results(queue.rows.value):
            assert sorted(map(tuple, copy.numpy())) == newest(held, 6)


@pytest.mark.parametrize("sizes", [(0, 2), (3, 0)])
def test_no_size(sizes):
    with pytest.raises(ValueError, match="must be positive"):
        Queue(*sizes)
