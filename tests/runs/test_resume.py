# SPDX-License-Identifier: Apache-2.0
"""Runs that stop and go on: the weights are those of a run that did not stop."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from finished_runs import check_resumed, same, weights

from cl_keras import runs
from cl_keras.runs import TrainConfig
from cl_keras.runs.checkpoint import Checkpoint

SMALL = {"encoder.width": 4, "encoder.blocks": 1, "encoder.stages": 1}
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)


class Halt(Exception):
    pass


class HaltAt(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == self.step:
            raise Halt


class HaltAfter(HaltAt):
    """At the end of the epoch of that step, when it is logged and saved."""

    def on_train_batch_end(self, batch, logs=None):
        pass

    def on_epoch_end(self, epoch, logs=None):
        super().on_train_batch_end(0)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "images.npz"
    np.savez(path, images=IMAGES)
    return f"npz:{path}"


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    """The folder of a run that was not interrupted."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    train(config(images, out), checkpoint_seconds=0.0)
    return out


def config(data, out, method="simclr", **given):
    given = {
        "encoder": "compact_resnet",
        "epochs": 3,
        "batch_size": 8,
        "settings": SMALL,
    } | given
    return TrainConfig.for_method(method, data=data, out=str(out), **given)


def train(run, **options):
    return runs.train(run, finish=False, **options)


def command_line(data, out, method="simclr", seconds=30, **given):
    """The run by `cl-keras train`, in a process of its own."""
    run = config(data, out, method, **given)
    command = [sys.executable, "-m", "cl_keras.cli", "train", method, "--data", data]
    for name in ("out", "epochs", "batch_size", "encoder"):
        command += [f"--{name.replace('_', '-')}", str(getattr(run, name))]
    for name, value in run.settings.items():
        command += ["--set", f"{name}={json.dumps(value)}"]
    command += ["--checkpoint-seconds", str(seconds)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def halted(monkeypatch, run, step, halt=HaltAt, **options):
    """The run, broken off right after a step; nothing is saved at that moment."""
    whole = keras.Model.fit

    def fit(model, *args, callbacks, **kwargs):
        return whole(model, *args, callbacks=[*callbacks, halt(step)], **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "fit", fit)
        with pytest.raises(Halt):
            train(run, **options)


# In the middle of an epoch, and at its end.
@pytest.mark.slow
@pytest.mark.parametrize("step", [6, pytest.param(8, marks=pytest.mark.slow)])
def test_it_goes_on_to_the_same_weights(images, whole, tmp_path, monkeypatch, step):
    run = config(images, tmp_path / "run")
    # A checkpoint after every step: the newest is of the step it was broken off at.
    halted(monkeypatch, run, step, checkpoint_seconds=0.0)
    assert train(run, resume=True)["epochs"] == 3
    check_resumed(tmp_path / "run", whole)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method, settings, step",
    [
        ("dim", {"width": 8, "locations": 4, "prior_weight": 0.1}, 9),
        ("denoising_autoencoder", {}, 5),
    ],
)
def test_so_do_methods_that_draw(images, tmp_path, monkeypatch, method, settings, step):
    settings = {**SMALL, **settings}
    one, other = (
        config(images, tmp_path / name, method, settings=settings)
        for name in ("whole", "parts")
    )
    train(one)
    halted(monkeypatch, other, step, checkpoint_seconds=0.0)
    train(other, resume=True)
    check_resumed(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.slow
def test_patience_goes_on_with_its_best_weights(images, tmp_path, monkeypatch):
    given = {"epochs": 12, "patience": 2, "learning_rate": 0.3, "schedule": "constant"}
    one, other = (config(images, tmp_path / n, **given) for n in ("whole", "parts"))
    epochs = train(one)["epochs"]
    assert epochs < 12  # It did stop early.
    halted(monkeypatch, other, 4 * (epochs - 1) + 2, checkpoint_seconds=0.0)
    assert train(other, resume=True)["epochs"] == epochs
    check_resumed(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [12, 3])
def test_nothing_is_lost_between_the_last_epoch_and_its_end(
    images, tmp_path, monkeypatch, epochs
):
    """The best weights are back, and a training that stopped early is not longer."""
    given = {"patience": 2, "learning_rate": 0.3, "schedule": "constant"}
    given |= {"epochs": epochs}
    one, other = (config(images, tmp_path / n, **given) for n in ("whole", "parts"))
    epochs = train(one)["epochs"]
    whole = Checkpoint.on_epoch_end

    def killed(self, epoch, logs=None):
        whole(self, epoch, logs)
        if epoch + 1 == epochs:
            raise Halt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", killed)
        with pytest.raises(Halt):
            train(other, checkpoint_seconds=0.0)
    assert train(other, resume=True)["epochs"] == epochs
    check_resumed(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.slow
def test_without_a_checkpoint_it_starts_anew(images, whole, tmp_path, monkeypatch):
    run = config(images, tmp_path / "run")
    halted(monkeypatch, run, 5, checkpoint_seconds=1000.0)  # Sooner than the first.
    assert not list((tmp_path / "run").glob("checkpoints/*"))
    train(run, resume=True)
    check_resumed(tmp_path / "run", whole)


@pytest.mark.slow
def test_a_finished_run_is_left_as_it_is(images, whole):
    files = {f: f.stat().st_mtime_ns for f in whole.rglob("*")}
    summary = json.loads((whole / "summary.json").read_text())
    assert train(config(images, whole), resume=True) == summary
    assert {f: f.stat().st_mtime_ns for f in whole.rglob("*")} == files
    with pytest.raises(FileExistsError, match="--resume"):
        train(config(images, whole))


@pytest.mark.slow
def test_a_longer_training_is_the_one_it_would_have_been(images, tmp_path, monkeypatch):
    more = {"optimizer.cycles": 2, "optimizer.cycle_decay": 0.5}
    one, other = (config(images, tmp_path / n, epochs=2) for n in ("whole", "parts"))
    longer = {"epochs": 4, "settings": one.settings | more}
    train(dataclasses.replace(one, **longer))
    assert train(other)["epochs"] == 2
    with pytest.raises(ValueError, match=r"--epochs 4 --set optimizer.cycles=2"):
        train(dataclasses.replace(other, epochs=4), resume=True)
    other = dataclasses.replace(other, **longer)
    # Broken off before its first checkpoint: the newest is the finished training's.
    halted(monkeypatch, other, 12, resume=True, checkpoint_seconds=1000.0)
    assert train(other, resume=True)["epochs"] == 4
    same(weights(tmp_path / "parts"), weights(tmp_path / "whole"))


def test_other_settings_or_other_data_are_refused(tmp_path, monkeypatch):
    out = tmp_path / "run"
    np.savez(tmp_path / "images.npz", images=IMAGES)
    images = f"npz:{tmp_path / 'images.npz'}"
    halted(monkeypatch, config(images, out), 1, checkpoint_seconds=0.0)
    with pytest.raises(ValueError, match="epochs: 3 there, 9 now"):
        train(config(images, out, epochs=9), resume=True)
    np.savez(tmp_path / "images.npz", images=IMAGES[:30])
    with pytest.raises(ValueError, match="train_images: 32 then, 24 now"):
        train(config(images, out), resume=True)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_passed_over(images, whole, tmp_path, monkeypatch):
    out = tmp_path / "run"
    run = config(images, out)
    # The one before it is of the last step within the epoch, which is logged already.
    halted(monkeypatch, run, 8, HaltAfter, checkpoint_seconds=0.0)
    newest = sorted((out / "checkpoints").iterdir())[-1] / "model.keras"
    newest.write_bytes(newest.read_bytes()[:500])
    (out / "checkpoints" / "unfinished_99").mkdir()  # As a kill leaves it.
    with pytest.warns(UserWarning, match="unreadable checkpoint"):
        train(run, resume=True)
    check_resumed(out, whole)


@pytest.mark.slow
def test_few_checkpoints_are_kept(whole):
    names = sorted(p.name for p in (whole / "checkpoints").iterdir())
    # One after each of 9 steps within epochs, of 2 epochs, and one at the end.
    assert names == ["000011", "000012"]


@pytest.mark.slow
def test_ctrl_c_saves_and_ends_cleanly(images, tmp_path):
    out = tmp_path / "run"
    process = command_line(images, out, seconds=1000, epochs=500)
    end = time.time() + 600
    while time.time() < end and process.poll() is None:
        if (out / "metrics.jsonl").is_file() and (out / "metrics.jsonl").stat().st_size:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 130, errors
    found = runs.restore(out / "checkpoints")
    stopped, steps = found.progress, int(found.model.optimizer.iterations)
    where = f"Stopped in epoch {stopped.epoch + 1}, after {stopped.step} of its 4 steps"
    assert where in errors and f"cl-keras train --resume --out {out}" in errors
    assert "Traceback" not in errors
    assert 0 < steps < 2000 and steps == 4 * stopped.epoch + stopped.step
    assert os.listdir(out / "checkpoints") == ["000001"]
    # It can end there, by the command that the message names.
    options = ["--resume", "--out", out, "--close", "--no-evaluate", "--no-draw"]
    command = [sys.executable, "-m", "cl_keras.cli", "train", *options, "--json"]
    summary = json.loads(subprocess.check_output(command))
    assert (summary["epochs"], summary["optimizer_steps"]) == (stopped.epoch, steps)
    assert f"closed after {stopped.epoch} of 500 epochs" in summary["warnings"]
    same(weights(out), found.model.encoder.get_weights())
    facts = json.loads((out / "config.json").read_text())
    assert facts["epochs"] == 500 and facts["command"].startswith("cl-keras train sim")
