# SPDX-License-Identifier: Apache-2.0
"""Four logical CPUs, seeds, tiers and the place of real data."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

import keras
import pytest
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 4,
)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tier too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow tier: run with --slow (make test-all)")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets, or a skip that names what is missing."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("CL_KERAS_DATA", root.parent / "shared" / "data"))
    if not (folder / "images" / "cifar10_jpeg.zip").is_file():
        pytest.skip(f"real data not found under CL_KERAS_DATA or {folder}")
    return folder
