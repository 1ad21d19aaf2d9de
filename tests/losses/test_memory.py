# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

MEASURE = """
import resource, sys
import tensorflow as tf
from cl_keras import losses

@tf.function
def gradient(z1, z2):
    with tf.GradientTape() as tape:
        tape.watch((z1, z2))
        loss = tf.reduce_mean(losses.nt_xent(z1, z2, 0.1))
    return tape.gradient(loss, (z1, z2))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

gradient(tf.random.normal((64, 128)), tf.random.normal((64, 128)))
views = tf.random.normal((2, 8192, 128))
before = peak()
gradient(views[0], views[1])
print(peak() - before)
"""


def test_no_matrix_of_all_pairs_is_held():
    # 16,384 rows: the matrix alone would be 1,024 MB.
    result = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True
    )
    assert float(result.stdout) < 256
