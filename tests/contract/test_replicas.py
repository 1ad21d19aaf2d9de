"""Every method on R devices against one, each R in a process of its own.

All runs clip the gradient by its global norm, low enough to take effect, and end each
epoch with a batch that is neither full nor even: 32 and then 21 rows.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cl_keras.methods import METHODS

SCRIPT = Path(__file__).parents[1] / "replicas.py"
# Their losses look at own rows only; what can go wrong is the scale.
LOCAL = ("autoencoder", "denoising_autoencoder")
COMMON = ("--rows=53", "--clip=0.2")


def start(method, replicas, out, *options):
    return subprocess.Popen(
        [sys.executable, SCRIPT, method, str(replicas), out, *COMMON, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])},
    )


def result(process, out):
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr[-3000:]
    history = json.loads(stdout.strip().splitlines()[-1])
    del history["seconds"]
    weights = np.load(out)
    return history, [weights[k] for k in weights.files]


def train(method, replicas, folder, *options):
    out = folder / f"{method}{replicas}{''.join(options)}.npz"
    return result(start(method, replicas, out, *options), out)


def train_on_workers(method, count, folder, *options):
    """What each worker logged, and its weights."""
    ports = []
    with_port = [socket.socket() for _ in range(count)]
    for free in with_port:
        free.bind(("localhost", 0))
        ports.append(free.getsockname()[1])
    for free in with_port:
        free.close()
    addresses = ",".join(f"localhost:{port}" for port in ports)
    outs = [folder / f"{method}_worker{task}.npz" for task in range(count)]
    processes = [
        start(method, 1, out, f"--workers={addresses}", f"--task={task}", *options)
        for task, out in enumerate(outs)
    ]
    try:
        return [result(p, out) for p, out in zip(processes, outs, strict=True)]
    finally:
        for process in processes:
            process.kill()


def difference(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    folder = tmp_path_factory.mktemp("single")
    known = {}

    def run(method):
        if method not in known:
            known[method] = train(method, 1, folder)
        return known[method]

    return run


def same(several, one):
    for name, values in one[0].items():
        # RankMe drops singular values in the noise of float32, one by one.
        tolerance = 1e-2 if name == "rank_me" else 1e-5
        np.testing.assert_allclose(
            several[0][name], values, rtol=tolerance, atol=tolerance, err_msg=name
        )
    assert difference(several[1], one[1]) < 1e-5


@pytest.mark.slow
def test_two_workers_compute_what_one_process_does(single, tmp_path):
    for worker in train_on_workers("simclr", 2, tmp_path):
        same(worker, single("simclr"))


@pytest.mark.slow
@pytest.mark.parametrize("method", [m for m in METHODS if m != "simclr"])
def test_two_workers_for_every_method(method, single, tmp_path):
    for worker in train_on_workers(method, 2, tmp_path):
        same(worker, single(method))


@pytest.mark.slow
def test_three_workers(single, tmp_path):
    for worker in train_on_workers("simclr", 3, tmp_path):
        same(worker, single("simclr"))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_two_replicas_compute_what_one_device_does(method, single, tmp_path):
    same(train(method, 2, tmp_path), single(method))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_four_replicas_compute_what_one_device_does(method, single, tmp_path):
    same(train(method, 4, tmp_path), single(method))


# 8 rows, then 6 as 2, 2, 2 and none, then 3 as 1, 1, 1 and none; backwards to validate.
EMPTY = ("--batches=8,6,3", "--batch=9", "--epochs=2")


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_replicas_without_rows(method, tmp_path):
    one, four = (train(method, count, tmp_path, *EMPTY) for count in (1, 4))
    assert {f"val_{name}" for name in one[0] if "val_" not in name} < set(one[0])
    same(four, one)
    # Negative control, as below.
    broken = "--local-scale" if method in LOCAL else "--stop-gradient"
    _, weights = train(method, 4, tmp_path, *EMPTY, broken)
    assert not difference(weights, one[1]) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(precision, tmp_path):
    options = f"--precision={precision}"
    one, two = (train("simclr", count, tmp_path, options) for count in (1, 2))
    # Half precision rounds sums of other orders to 1e-3 (float16) or 1e-2.
    np.testing.assert_allclose(two[0]["loss"], one[0]["loss"], rtol=1e-2)
    assert difference(two[1], one[1]) < 2e-3
    _, broken = train("simclr", 2, tmp_path, options, "--stop-gradient")
    assert difference(broken, one[1]) > 2 * difference(two[1], one[1])


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_negative_control(method, single, tmp_path):
    # Were this equal too, the tests above would be blind.
    broken = "--local-scale" if method in LOCAL else "--stop-gradient"
    _, weights = train(method, 2, tmp_path, broken)
    assert difference(weights, single(method)[1]) > 1e-4


@pytest.mark.slow
def test_negative_control_of_clipping(single, tmp_path):
    # Keras clips each replica's own gradient, before it sums them.
    _, weights = train("simclr", 2, tmp_path, "--late-clip")
    assert difference(weights, single("simclr")[1]) > 1e-4


@pytest.mark.slow
def test_several_steps_an_execution(single, tmp_path):
    # Two batches an epoch: the third step of the execution finds none.
    option = "--steps-per-execution=3"
    same(train("simclr", 2, tmp_path, option), single("simclr"))
    for worker in train_on_workers("simclr", 2, tmp_path, option):
        same(worker, single("simclr"))
