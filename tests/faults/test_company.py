# SPDX-License-Identifier: Apache-2.0
"""Processes that share a cache or a run, a clock that is set back, lost workers."""

import os
import signal
import time

import numpy as np
import pytest
from faults.campaign import draws, ended
from faults.scenarios import WRITERS, clear, train_code
from finished_runs import weights
from replica_processes import free_addresses

pytestmark = pytest.mark.slow


def test_two_downloads_into_one_cache(warm, tally, made, tmp_path, long):
    scenario = WRITERS["zoo_fetch"](made, tmp_path / "place")
    scenario.fresh()
    seconds, _ = warm.count(*scenario.command, root=scenario.root)
    with tally("two processes", "one cache, one of them killed") as row:
        draw = draws(row.hits)
        for row.times in range(1, (50 if long else 3) + 1):
            scenario.fresh()
            one, other = (warm.start(*scenario.command, name=n) for n in "ab")
            time.sleep(draw.uniform(0, seconds))
            os.killpg(one, signal.SIGKILL)
            warm.wait(one)
            row.holds(scenario.after)
            row.holds(ended, warm.wait(other), warm.said("b"))
            row.holds(scenario.whole)


def test_two_trainings_into_one_folder(warm, tally, family, tmp_path, long):
    scenario = family("dgi", tmp_path / "place")

    def one_ends(statuses, said):
        assert 0 in statuses, said
        for status, text in zip(statuses, said, strict=True):
            assert status == 0 or "Another process" in text, text

    with tally("two processes", "training into one folder") as row:
        draw = draws(row.hits)
        for row.times in range(1, (20 if long else 2) + 1):
            scenario.fresh()
            pids = [warm.start(*scenario.command, name="a")]
            # Half of them at once: the folder is still empty for both.
            time.sleep(draw.choice([0, draw.uniform(0, 3)]))
            pids.append(warm.start(*scenario.command, name="b"))
            statuses = [warm.wait(pid) for pid in pids]
            row.holds(one_ends, statuses, [warm.said("a"), warm.said("b")])
            row.holds(scenario.whole)


@pytest.mark.parametrize(
    "name",
    [
        *("dgi", "zoo_fetch", "pack"),
        *(pytest.param(x, marks=pytest.mark.long) for x in ("moco", "bulk", "zoo_add")),
    ],
)
def test_the_clock_is_set_back(name, warm, tally, made, family, tmp_path, long):
    """Killed; then all files are of next year, and the clock is of ten years ago."""
    place = tmp_path / "place"
    make = WRITERS.get(name)
    scenario = make(made, place) if make else family(name, place)
    scenario.fresh()
    _, changes = warm.count(*scenario.command, root=scenario.root)
    year = 365 * 86_400
    with tally("clock set back", scenario.title) as row:
        draw = draws(row.hits)
        row.holds(scenario.whole)
        for row.times in range(1, (5 if long else 1) + 1):
            scenario.fresh()
            die = draw.randrange(changes // 4, changes)
            root = str(scenario.root)
            warm.run(*scenario.command, root=root, die=die)
            row.holds(scenario.after)
            for path in scenario.root.rglob("*"):
                os.utime(path, (time.time() + year,) * 2)
            row.holds(ended, *warm.run(*scenario.command, clock=-10 * year))
            row.holds(scenario.whole)


def workers_code(images, out, names, task):
    settings = {"encoder.width": 4, "encoder.blocks": 1, "encoder.stages": 1}
    settings |= {"optimizer.name": "sgd", "optimizer.momentum": 0.9}
    given = {"encoder": "compact_resnet", "batch_size": 12, "settings": settings}
    code = train_code("simclr", images, out, given | {"learning_rate": 0.001})
    cluster = f"cl_keras.workers.Cluster.parse({','.join(names)!r}, {task})"
    return "import cl_keras.workers" + code.replace(
        "resume=True", f"resume=True, cluster={cluster}"
    )


@pytest.mark.long
@pytest.mark.parametrize("count", [2, 3])
def test_a_worker_is_killed(count, warm, tally, images, tmp_path):
    def start(out):
        names = free_addresses(count)
        codes = [workers_code(images, out, names, task) for task in range(count)]
        return [warm.start(x, name=f"worker{n}") for n, x in enumerate(codes)]

    def said():
        return "\n".join(warm.said(f"worker{n}") for n in range(count))

    whole, out = tmp_path / "whole", tmp_path / "place" / "run"
    begun = time.monotonic()
    assert [warm.wait(pid) for pid in start(whole)] == [0] * count, said()
    seconds, kills = time.monotonic() - begun, 10

    def alike():
        for one, other in zip(weights(out), weights(whole), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)

    def stopped(pids):
        """The others end by themselves, or, where none had begun, when all do."""
        statuses = [warm.wait(pid, seconds=60) for pid in pids]
        for pid, status in zip(pids, statuses, strict=True):
            if status is None:
                os.killpg(pid, signal.SIGKILL)
                warm.wait(pid)

    with tally("SIGKILL", f"one of {count} workers") as row:
        draw = draws(row.hits)
        while row.times < kills:
            clear(tmp_path / "place")
            while True:
                pids = start(out)
                if row.times < kills:
                    time.sleep(draw.uniform(0, seconds))
                    victim = draw.randrange(count)
                    os.killpg(pids[victim], signal.SIGKILL)
                    killed = warm.wait(pids.pop(victim)) == -signal.SIGKILL
                    row.times += killed
                    if killed:
                        stopped(pids)
                        continue
                row.holds(ended, max(warm.wait(pid) for pid in pids), said())
                row.holds(alike)
                break
