# SPDX-License-Identifier: Apache-2.0
"""Four logical CPUs, seeds, tiers and the place of real data."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
# The same kernels on every machine: TensorFlow chooses oneDNN's by the processor. What
# holds of oneDNN's is tested in processes that turn it on.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

from cl_keras.cli.quiet import quiet_start

quiet_start()

import keras
import numpy as np
import pytest
import tensorflow as tf
from xdist.scheduler import LoadFileScheduling

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 4,
)


LONG = {"faults", "runs", "export", "serving", "zoo", "cli", "test_replicas.py"}
# What the machine of CI may lack: it must not skip a test for any other reason.
LACKING = (
    *("needs a GPU", "needs Docker", "needs TensorFlow Serving"),
    "needs PyTorch",  # `make test-torch`
    "needs `make test-foreign`",
    "needs leave to mount",
)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tier too")
    parser.addoption(
        "--long",
        action="store_true",
        help="slow tests at the sizes that docs/ has numbers of; -rP prints them",
    )
    parser.addoption(
        "--complete",
        action="store_true",
        help=f"fail if a test is skipped that does not say: {', '.join(LACKING)}",
    )


def pytest_collection_modifyitems(config, items):
    # Files that take longest first, so that both processes end together.
    longest = "test_packaged.py"
    items.sort(key=lambda x: (x.path.name != longest, LONG.isdisjoint(x.path.parts)))
    left_out = {name for name in ("slow", "long") if not config.getoption(name)}
    chosen, others = [], []
    for item in items:
        (chosen if left_out.isdisjoint(item.keywords) else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)


class Scheduling(LoadFileScheduling):
    """The tests of a file in one process, and all that ask one server for answers."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        if "/faults/" in file and self.config.getoption("--long"):
            return nodeid  # Minutes each, and a process each is all that they share.
        return "serving" if "/serving/" in file else file


def pytest_configure(config):
    # Processes of pytest-xdist report to this one.
    if config.getoption("--complete") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Complete())


class Complete:
    """Fails a session that left tests out which this machine could have run."""

    def __init__(self):
        self.skipped = []

    def pytest_runtest_logreport(self, report):
        self.pytest_collectreport(report)

    def pytest_collectreport(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[-1].removeprefix("Skipped: ")
            if not reason.startswith(LACKING):
                self.skipped.append(f"{report.nodeid}: {reason}")

    def pytest_sessionfinish(self, session):
        if self.skipped:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        for line in self.skipped:
            terminalreporter.write_line(f"SKIPPED WITHOUT LEAVE {line}", red=True)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)
    yield
    keras.mixed_precision.set_global_policy("float32")


@pytest.fixture(autouse=True)
def _groups_of_its_own():
    """TensorFlow keeps a number's collective group, with its devices, for good."""
    tf.distribute.MirroredStrategy._collective_key_base += 1000


@pytest.fixture(scope="session")
def long(request):
    """Whether to take the sizes that docs/ has numbers of."""
    return request.config.getoption("--long")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets, or a skip that names what is missing."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("CL_KERAS_DATA", root.parent / "shared" / "data"))
    if not (folder / "images" / "cifar10_jpeg.zip").is_file():
        pytest.skip(f"real data not found under CL_KERAS_DATA or {folder}")
    return folder


@contextlib.contextmanager
def _data_service(workers):
    def start(*options):
        return subprocess.Popen(
            [sys.executable, "-m", "cl_keras.cli", "data-service", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    processes = [start()]
    try:
        line = json.loads(processes[0].stdout.readline())
        assert line["role"] == "dispatcher"
        for _ in range(workers):
            processes.append(start("--dispatcher", line["address"]))
        for process in processes[1:]:
            assert json.loads(process.stdout.readline())["role"] == "worker"
        yield line["address"]
    finally:
        for process in processes[::-1]:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(timeout=300) for process in processes[::-1]]
        for process in processes:
            process.stdout.close()
    assert codes == [0] * (workers + 1)


@pytest.fixture(scope="session")
def data_service():
    """Starts a tf.data service of real processes: `with data_service(2) as address`."""
    return _data_service


@pytest.fixture(scope="session")
def paint():
    """Writes a file of random pixels, other ones for each seed: `paint(path, seed)`."""

    def write(path: Path, seed: int, size: tuple[int, int] = (8, 8)) -> None:
        image = pytest.importorskip("PIL.Image")
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
        image.fromarray(pixels).save(path)

    return write
