# SPDX-License-Identifier: Apache-2.0
"""Defects of Keras that `cl_keras/replica_trainer.py` works around, or users meet.

A test that fails here brings good news: Keras has mended the defect. Then remove its
fix there, and the test.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from replica_processes import free_addresses

REMOVE = "Keras has mended this: remove the fix in cl_keras/replica_trainer.py"
SCRIPT = Path(__file__).with_name("plain_keras_workers.py")


def model(**options):
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    made.compile("sgd", "mse", **options)
    return made


def data(rows, batch):
    return tf.data.Dataset.from_tensor_slices(
        (np.ones((rows, 3), "float32"), np.ones((rows, 1), "float32"))
    ).batch(batch)


@pytest.fixture
def two_devices():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def test_replicas_of_different_sizes_are_averaged(two_devices):
    with two_devices.scope():
        plain = model()
    with pytest.raises(Exception) as raised:
        plain.fit(data(5, 5), verbose=0)
        pytest.fail(REMOVE)
    assert "shape" in str(raised.value).lower()


@pytest.mark.slow
def test_several_steps_an_execution(two_devices):
    with two_devices.scope():
        plain = model(steps_per_execution=2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="placeholder"):
        plain.fit(data(16, 4), verbose=0)
        pytest.fail(REMOVE)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_step_without_a_batch_is_counted():
    plain = model()
    unknown = data(8, 4).filter(lambda x, y: True)
    plain.fit(unknown, verbose=0)
    assert int(plain.optimizer.iterations) > 2, REMOVE


def test_an_optimizer_with_slots_on_a_loaded_model(tmp_path):
    model().export(tmp_path, verbose=False)
    loaded = keras.layers.TFSMLayer(str(tmp_path), call_endpoint="serve")
    inputs = keras.Input((3,))
    tuned = keras.Model(inputs, loaded(inputs))
    tuned.compile("adam", "mse")
    with pytest.raises(ValueError, match="valid scope name"):
        tuned.fit(data(8, 4), verbose=0)
        pytest.fail("Keras has mended this: say so in docs/guides/serve.md")


@pytest.mark.slow
@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="a defect of oneDNN"
)
def test_a_convolution_of_no_rows():
    code = (
        "import tensorflow as tf; filters = tf.ones((3, 3, 1, 2)); "
        "print(*tf.nn.conv2d(tf.zeros((0, 8, 8, 1)), filters, 1, 'VALID').shape)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    message = "TensorFlow has mended this: remove cl_keras/no_rows.py"
    assert run.stdout.split() != ["0", "6", "6", "2"], message


@pytest.mark.slow
def test_fit_on_two_workers():
    names = ",".join(free_addresses(2))
    env = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}
    both = [
        subprocess.Popen(
            [sys.executable, SCRIPT, names, str(task)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        for task in range(2)
    ]
    try:
        results = [process.communicate(timeout=600) for process in both]
    finally:
        for process in both:
            process.kill()
    for stdout, stderr in results:
        assert stdout.strip(), stderr[-2000:]
        raised = json.loads(stdout.splitlines()[-1])
        assert raised["build"], REMOVE
        assert raised["logs"] and "dimension" in raised["logs"], REMOVE
