# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

MEASURE = """
import resource, sys
import tensorflow as tf
from cl_keras import losses

loss_of = getattr(losses, sys.argv[1])

def gradient(z1, z2):
    with tf.GradientTape() as tape:
        tape.watch((z1, z2))
        loss = tf.reduce_mean(loss_of(z1, z2, 0.1))
    return tape.gradient(loss, (z1, z2))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

gradient(tf.random.normal((64, 128)), tf.random.normal((64, 128)))
views = tf.random.normal((2, 8192, 128))
before = peak()
gradient(views[0], views[1])
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["nt_xent", "info_nce"])
def test_no_matrix_of_all_pairs_is_held_without_compiling(loss):
    # The matrix alone would be 1,024 MB of 16,384 rows, 256 MB of 8,192 queries.
    result = subprocess.run(
        [sys.executable, "-c", MEASURE, loss],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(result.stdout) < 256
