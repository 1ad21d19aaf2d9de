# SPDX-License-Identifier: Apache-2.0
"""Gradient caching on two replicas."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def on_replicas(*options):
    script = Path(__file__).with_name("replicas_micro_batch.py")
    command = [sys.executable, script, *options]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_replicas_compute_what_one_device_does():
    found = on_replicas()
    assert found["difference"] < 1e-5
    assert found["without gradient of the gather"] > 1e-3  # Negative control.


@pytest.mark.slow
def test_the_same_parts_on_two_replicas_have_the_same_statistics():
    assert on_replicas("--normalised")["difference"] < 1e-5


@pytest.mark.slow
def test_a_replica_without_rows_has_no_part_in_the_averages():
    assert on_replicas("--empty")["difference"] < 1e-5
