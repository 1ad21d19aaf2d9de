# SPDX-License-Identifier: Apache-2.0
"""Trainings that are chosen for data, machine and time, and end in that time."""

import dataclasses
import json
import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from cl_keras import runs
from cl_keras.data import open as open_data
from cl_keras.runs import TrainConfig, finishing, keep_pace, plan
from cl_keras.runs.choose import planned
from cl_keras.runs.data_glance import Glance, glance
from cl_keras.runs.run_files import read_history
from cl_keras.runs.time_limit import TimeLimit
from cl_keras.workers import Cluster

TINY = {"encoder.width": 4, "encoder.blocks": 1}
PHOTOS = Glance("colour", total=1000, count=800, side=240)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "images.npz"
    pixels = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8)
    np.savez(path, images=pixels)
    return f"npz:{path}"


@pytest.fixture(scope="module")
def chosen(images):
    given = {"encoder": "compact_resnet", "image_size": 16, "batch_size": 8}
    return runs.choose(images, 30, settings=TINY, **given)


def pilot(size, step=1.0, trace=10.0):
    config = TrainConfig("simclr", "x", "y", image_size=size)
    return SimpleNamespace(
        config=config, step_seconds=step, trace_seconds=trace, load_seconds=5.0
    )


def test_data_is_known_by_what_it_looks_like(images, tmp_path):
    seen = glance(open_data(images))
    assert (seen.kind, seen.total, seen.count, seen.side) == ("colour", 60, 48, 16)
    assert glance(open_data(images), test_data=images).count == 60
    assert glance(open_data("digits")).kind == "grey"
    rng = np.random.default_rng(0)
    for part in ("a", "b", "c"):
        rows = "\n".join(
            "{:.3f},{:.3f}".format(*row) for row in rng.normal(size=(90, 2))
        )
        (tmp_path / f"{part}.csv").write_text(f"x,y\n{rows}\n")
    seen = glance(open_data(f"csv:{tmp_path}", columns="x,y"))
    assert (seen.kind, seen.count, seen.window, seen.windows) == ("series", 2, 90, 2)


def test_images_go_on_from_the_zoo_at_sizes_that_they_have():
    sizes = [options["image_size"] for options in plan.rule("simclr", PHOTOS)]
    assert sizes == [96, 64, 48, 32]
    small = dataclasses.replace(PHOTOS, side=28, count=100)
    (options,) = plan.rule("simclr", small)
    assert (options["image_size"], options["batch_size"]) == (32, 16)
    assert options["learning_rate"] < plan.PRETRAINED_RATE
    (options,) = plan.rule("simclr", dataclasses.replace(small, kind="grey"))
    assert options["settings"]["augment.flip"] == 0
    assert options["settings"]["data.channels"] == 3
    # A projector is of its method; a method with an encoder of its own keeps that.
    assert "projector.weights" not in plan.rule("byol", PHOTOS)[0]["settings"]
    assert plan.rule("dim", PHOTOS) == [{}]


def test_large_batches_are_divided_where_memory_is_small(monkeypatch):
    assert "micro_batch" not in plan.rule("simclr", PHOTOS)[0]["settings"]
    monkeypatch.setattr(plan.os, "sysconf", lambda name: 2**15)  # 1 GiB
    parts = [
        options["settings"].get("micro_batch")
        for options in plan.rule("simclr", PHOTOS)
    ]
    assert parts == [32, 64, None, None] or parts == [32, 64, 128, None]


def test_scores_and_figures_have_their_time():
    config = TrainConfig("simclr", "x", "y", image_size=64, batch_size=100)
    now = time.monotonic()
    long, short = (
        plan.time_limit(config, PHOTOS, pilot(32, trace=t), 600.0, now, True)
        for t in (10.0, 40.0)
    )
    # A step of four times the pixels takes four times as long; scores are passes.
    passes = plan.PASSES * 1000 * 4.0 / (100 * 2 * 3)
    scores = 5 + plan.MARGIN * 600 + plan.SCORING * 10 + passes
    assert long.training == pytest.approx(600 - scores - plan.DRAWING * 10, abs=1)
    assert long.draw and not short.draw


def test_what_is_given_is_kept_and_all_else_chosen(chosen, images):
    config = chosen.config
    assert (config.method, config.encoder) == ("simclr", "compact_resnet")
    assert (config.image_size, config.batch_size) == (16, 8)
    (_, end) = config.settings["optimizer.pace"]
    assert end[0] == end[1] <= 6 * config.epochs <= 6 * plan.MOST_EPOCHS
    assert "48 colour images" in chosen.reasons and "simclr" in chosen.reasons
    for wrong in ({"minutes": 0}, {"minutes": 0.001}):
        with pytest.raises(ValueError, match="minutes"):
            runs.choose(images, settings=TINY, encoder="compact_resnet", **wrong)


def test_a_limit_needs_a_plan_and_one_worker(chosen, images, tmp_path):
    plain = TrainConfig.for_method("simclr", data=images, out=str(tmp_path / "run"))
    with pytest.raises(ValueError, match="runs.choose"):
        runs.train(plain, limit=chosen.limit)
    with pytest.raises(ValueError, match="workers"):
        cluster = Cluster(("localhost:1", "localhost:2"), 0)
        runs.train(chosen.config, limit=chosen.limit, cluster=cluster)


# Another worker's tests begin and end beside these and take a core away meanwhile; on a
# machine of one's own it is 1.1. What the plan does then, test_pace.py has by a clock.
SHARED = 1.5


@pytest.mark.slow
def test_a_run_ends_in_time_and_its_numbers_give_it_again(chosen, tmp_path):
    run, again = tmp_path / "run", tmp_path / "again"
    limit = TimeLimit(training=20.0, total=60.0)
    summary = runs.train(
        dataclasses.replace(chosen.config, out=str(run)), limit=limit, finish=False
    )
    assert 17 < summary["train_seconds"] < SHARED * 20
    config = TrainConfig.load(run / "config.json")
    pace = config.settings["optimizer.pace"]
    assert summary["optimizer_steps"] == pace[-1][0] != chosen.config.epochs * 6
    assert summary["epochs"] == config.epochs
    assert read_history(run)[-1]["learning_rate"] < 0.05 * config.learning_rate
    runs.train(dataclasses.replace(config, out=str(again)), finish=False)
    for one, other in zip(*map(weights, (run, again)), strict=True):
        np.testing.assert_array_equal(one, other)
    # The same command again finds it finished.
    given = {"out": str(run), "data": config.data, "seed": 0}
    there = planned(1, resume=True, began=0, draw=True, **given)
    done = runs.train(there.config, limit=there.limit, resume=True, finish=False)
    assert done["optimizer_steps"] == summary["optimizer_steps"]


class Stop(Exception):
    pass


@pytest.mark.slow
def test_an_interrupted_run_goes_on_in_the_time_it_had_left(
    chosen, tmp_path, monkeypatch
):
    run, written = tmp_path / "run", []
    replan = keep_pace.files.write_text

    def write(path, text):
        replan(path, text)
        written.append(path)
        if len(written) == 4:
            raise Stop

    config = dataclasses.replace(chosen.config, out=str(run))
    limit = TimeLimit(training=20.0, total=60.0)
    with monkeypatch.context() as patch:
        patch.setattr(keep_pace.files, "write_text", write)
        with pytest.raises(Stop):
            runs.train(config, limit=limit, finish=False, checkpoint_seconds=0.5)
    before = TrainConfig.load(run / "config.json").settings["optimizer.pace"]
    given = {"out": str(run), "data": config.data, "seed": 0}
    plan = planned(1, resume=True, began=0, draw=True, **given)
    assert plan.limit.training == limit.training
    summary = runs.train(plan.config, limit=plan.limit, resume=True, finish=False)
    after = TrainConfig.load(run / "config.json").settings["optimizer.pace"]
    # All but the end that was expected then is as it was written.
    assert after[: len(before) - 1] == before[:-1] and len(after) > len(before)
    assert summary["optimizer_steps"] == after[-1][0] > before[-2][0]
    assert read_history(run)[-1]["learning_rate"] < 0.05 * config.learning_rate


def weights(run):
    return keras.saving.load_model(run / "encoder.keras", compile=False).get_weights()


def test_scores_begin_while_there_is_time():
    now = time.monotonic()
    over, little = (TimeLimit(1.0, total, now) for total in (0.0, 100.0))
    reasons = [finishing._no_time("evaluation", limit) for limit in (over, little)]
    assert reasons == [finishing._NO_TIME, ""]
    # What is trained is exported, however late.
    assert finishing._no_time("export", over) == ""
    assert finishing._no_time("figures", dataclasses.replace(little, draw=False))


@pytest.mark.slow
def test_what_does_not_fit_is_left_out(chosen, tmp_path):
    config = dataclasses.replace(chosen.config, out=str(tmp_path / "run"))
    limit = TimeLimit(training=1.0, total=0.5)
    summary = runs.train(config, limit=limit)
    assert "no time" in summary["left_out"]["report"] and summary["saved_model_ok"]


@pytest.mark.slow
def test_the_command_says_what_it_chose_and_ends_in_time(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "cl_keras.cli", "train", "--data", "digits"]
    command += ["--minutes", "2", "--out", str(out), "--json", "--encoder"]
    command += ["compact_resnet", "--set", "encoder.width=4", "--no-draw"]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took = time.monotonic() - begun
    summary, config = (
        json.loads(done.stdout),
        json.loads((out / "config.json").read_text()),
    )
    assert "Chosen for 2 minutes" in done.stderr
    limit = config["limit"]["training"]
    assert 0.9 * limit < summary["train_seconds"] < SHARED * limit
    assert took < SHARED * 120
