# SPDX-License-Identifier: Apache-2.0
import pytest
import tensorflow as tf

from cl_keras import distribute


def test_one_replica_needs_no_collectives():
    rows = tf.ones((3, 2))
    assert distribute.num_replicas() == 1
    assert distribute.all_gather(rows) is rows
    assert distribute.all_sum(rows) is rows
    assert int(distribute.replica_id()) == int(distribute.row_offset(tf.constant(3)))
    assert float(distribute.replica_share(tf.constant([1.0, 3.0]))) == 2.0
    assert float(distribute.replica_share(tf.constant(5.0))) == 5.0


def test_matrix_losses_are_refused():
    with pytest.raises(ValueError, match="one value per example"):
        distribute.replica_share(tf.ones((2, 2)))
