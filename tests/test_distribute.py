# SPDX-License-Identifier: Apache-2.0
"""SimCLR on R logical devices against one, each R in a process of its own.

TensorFlow's collectives remember their groups, so strategies of different sizes
cannot follow each other in one process.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import distribute

SCRIPT = Path(__file__).parent / "replicas.py"


def train(replicas, tmp_path, *options):
    out = tmp_path / f"weights{replicas}{len(options)}.npz"
    result = subprocess.run(
        [sys.executable, SCRIPT, str(replicas), out, *options],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    history = json.loads(result.stdout.strip().splitlines()[-1])
    weights = np.load(out)
    return history, [weights[k] for k in weights.files]


def difference(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    return train(1, tmp_path_factory.mktemp("single"))


@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_compute_what_one_device_does(replicas, single, tmp_path):
    history, weights = train(replicas, tmp_path)
    for name, values in single[0].items():
        # RankMe drops singular values in the noise of float32, one by one.
        tolerance = 1e-2 if name == "rank_me" else 1e-5
        np.testing.assert_allclose(
            history[name], values, rtol=tolerance, atol=tolerance, err_msg=name
        )
    assert difference(weights, single[1]) < 1e-5


def test_without_the_gathers_gradient_they_differ(single, tmp_path):
    # The negative control: were this equal too, the test above would be blind.
    _, weights = train(2, tmp_path, "--stop-gradient")
    assert difference(weights, single[1]) > 1e-4


def test_uneven_replicas_weigh_examples_alike(tmp_path):
    # 21 rows on two replicas: 11 and 10.
    one = train(1, tmp_path, "--batch=21")
    two = train(2, tmp_path, "--batch=21")
    np.testing.assert_allclose(two[0]["loss"], one[0]["loss"], rtol=1e-5)
    assert difference(two[1], one[1]) < 1e-5


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
