# SPDX-License-Identifier: Apache-2.0
"""Runs the cases in a process of their own, where nothing has used `tf.keras`."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("gnn_cases")
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_gnn") is None,
    reason="extra `graph`: tensorflow_gnn is not installed",
)


def run(name, *options):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *options, str(CASES / name)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_records():
    run("records.py")


@pytest.mark.slow
def test_broken_records():
    run("broken_records.py")


@pytest.mark.slow
def test_sampling():
    run("sampling.py")


@pytest.mark.slow
def test_sampling_with_beam():
    if importlib.util.find_spec("apache_beam") is None:
        pytest.skip("extra `beam`: apache_beam is not installed")
    run("beam.py")
