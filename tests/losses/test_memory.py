# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

MEASURE = """
import resource, sys
import tensorflow as tf
from cl_keras import losses

compiled, rows, name = sys.argv[1] == "compiled", int(sys.argv[2]), sys.argv[3]

def gradient(z1, z2):
    with tf.GradientTape() as tape:
        tape.watch((z1, z2))
        loss = tf.reduce_mean(getattr(losses, name)(z1, z2, 0.1))
    return tape.gradient(loss, (z1, z2))

if compiled:
    gradient = tf.function(gradient)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

gradient(tf.random.normal((64, 128)), tf.random.normal((64, 128)))
views = tf.random.normal((2, rows, 128))
before = peak()
gradient(views[0], views[1])
print(peak() - before)
"""


def peak(*options):
    result = subprocess.run(
        [sys.executable, "-c", MEASURE, *options],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(result.stdout)


def test_no_matrix_of_all_pairs_is_held():
    # 16,384 rows: the matrix alone would be 1,024 MB.
    assert peak("compiled", "8192", "nt_xent") < 256


# 8,192 rows, or 8,192 queries: the blocks of the matrix alone would be 256 MB.
@pytest.mark.parametrize(("rows", "name"), [("4096", "nt_xent"), ("8192", "info_nce")])
def test_nor_are_its_blocks_outside_of_a_function(rows, name):
    assert peak("eager", rows, name) < 128
