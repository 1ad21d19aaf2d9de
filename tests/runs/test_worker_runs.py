# SPDX-License-Identifier: Apache-2.0
"""Runs on several workers, as processes on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from replica_processes import free_addresses

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("worker_run.py")
SMALL = {"encoder.width": 4, "encoder.blocks": 1}
# Adam would blow rounding up in weights without a gradient; so would large steps, which
# move values across the kink of a ReLU.
SGD = {"optimizer.name": "sgd", "optimizer.momentum": 0.9}
GIVEN = {
    "batch_size": 10,
    "epochs": 4,
    "learning_rate": 0.001,
    "settings": SMALL | SGD,
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "images.npz"
    rows = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    np.savez(path, images=rows)
    return f"npz:{path}"


def popen(command, **environ):
    return subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
    )


def finish(process, code=0):
    stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == code, stderr[-3000:]
    return stdout, stderr


def script(out, data, workers=None, *options, **given):
    """The summaries of all workers, or of a process by itself."""
    given = json.dumps(GIVEN | given)
    tails = [()]
    if workers:
        names = ",".join(free_addresses(workers))
        tails = [(names, task) for task in range(workers)]
    command = [sys.executable, SCRIPT, out, data, given]
    processes = [popen([*command, *tail, *options]) for tail in tails]
    try:
        return [json.loads(finish(p)[0].splitlines()[-1]) for p in processes]
    finally:
        for process in processes:
            process.kill()


def weights(out):
    return keras.saving.load_model(out / "encoder.keras", compile=False).get_weights()


def difference(one, other):
    return max(
        np.abs(a - b).max() for a, b in zip(weights(one), weights(other), strict=True)
    )


@pytest.fixture(scope="module")
def alone(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "alone"
    script(out, images)
    return out


@pytest.mark.slow
def test_two_workers_are_one_process(images, alone, tmp_path):
    # Worker 1 has its own folder to write into, and must not.
    chief, other = script(tmp_path / "run", images, 2)
    assert other == {"worker": 1}
    one = json.loads((alone / "summary.json").read_text())
    assert chief["epochs"] == 4
    assert chief["loss"] == pytest.approx(one["loss"], rel=1e-5)
    assert difference(alone, tmp_path / "run") < 1e-5
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == [1, 2, 3, 4]
    assert {p.name for p in (tmp_path / "run" / "checkpoints").iterdir()} == {"000001"}


@pytest.mark.slow
def test_two_devices_are_one(images, alone, tmp_path):
    script(tmp_path / "run", images, devices=2)
    assert difference(alone, tmp_path / "run") < 1e-5


def command_line(out, data, task, names, *options):
    """A long run by `cl-keras train`, a checkpoint after every step."""
    command = [sys.executable, "-m", "cl_keras.cli", "train", "simclr", "--data", data]
    command += ["--out", out, "--batch-size", 10, "--learning-rate", 0.001]
    command += ["--epochs", 20, "--checkpoint-seconds", 0]
    for name, value in SMALL.items():
        command += ["--set", f"{name}={value}"]
    return popen([*command, "--workers", names, "--task", task, *options])


def wait_for(path, count, seconds=600):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if path.is_dir() and any(
            int(p.name) >= count for p in path.iterdir() if p.name.isdecimal()
        ):
            return
        time.sleep(0.2)
    raise AssertionError(f"no checkpoint {count} in {path}")


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_ends_the_other_and_all_can_resume(images, tmp_path, victim):
    names, out = ",".join(free_addresses(2)), tmp_path / "run"
    both = [command_line(out, images, task, names) for task in range(2)]
    try:
        wait_for(out / "checkpoints", 3)
        both[victim].send_signal(signal.SIGKILL)
        _, stderr = finish(both[1 - victim], code=1)
        assert f"worker {victim} (" in stderr and "--resume" in stderr
    finally:
        for process in both:
            process.kill()
    if victim == 0:
        return
    # On to where an undisturbed run comes.
    progress = max((out / "checkpoints").glob("*/progress.json")).read_text()
    assert not json.loads(progress)["finished"]
    given = {"epochs": 20, "settings": SMALL}
    script(out, images, 2, "--resume", **given)
    script(tmp_path / "whole", images, 2, **given)
    assert difference(out, tmp_path / "whole") < 1e-6


@pytest.mark.slow
def test_workers_that_differ_are_refused(images, tmp_path):
    names = ",".join(free_addresses(2))
    processes = [
        popen(
            [
                sys.executable,
                SCRIPT,
                tmp_path / "run",
                images,
                json.dumps(GIVEN | {"seed": task}),
                names,
                task,
            ]
        )
        for task in range(2)
    ]
    errors = [process.communicate(timeout=600)[1] for process in processes]
    assert all(process.returncode == 1 for process in processes)
    assert all("Worker 1 was started with other options" in text for text in errors)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_sigterm_stops_all_at_one_step(images, tmp_path):
    names, out = ",".join(free_addresses(2)), tmp_path / "run"
    both = [command_line(out, images, task, names) for task in range(2)]
    try:
        wait_for(out / "checkpoints", 2)
        both[1].terminate()  # One is asked; the other stops with it.
        told = [finish(process, code=130)[1] for process in both]
    finally:
        for process in both:
            process.kill()
    assert all("--resume" in text for text in told)
