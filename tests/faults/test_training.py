# SPDX-License-Identifier: Apache-2.0
"""Trainings that are killed, again and again: they end as if they had not been."""

import shutil

import pytest
from finished_runs import check_resumed, summary

from faults.campaign import Killed

pytestmark = pytest.mark.slow
RESNET = {
    "encoder": "compact_resnet",
    "settings": {"encoder.width": 4, "encoder.blocks": 1, "encoder.stages": 1},
}
SERIES = {"settings": {"encoder.channels": 4, "encoder.context": 4}}
NODES = {"epochs": 12, "settings": {"encoder.units": [4]}}
# Of each family a method: its data, and what makes it small.
FAMILIES = {
    "simclr": ("images", RESNET),
    "byol": ("images", RESNET),
    "moco": ("images", RESNET),
    "swav": ("images", RESNET),
    "dim": (
        "images",
        RESNET | {"settings": {**RESNET["settings"], "width": 8, "locations": 4}},
    ),
    "cpc": (
        "images",
        {
            "encoder": "patch_grid",
            "settings": {"encoder.width": 4, "encoder.channels": 8, "steps": 1},
        },
    ),
    "dgi": ("graph", NODES),
    "grace": ("graph", NODES),
    "clip": ("pairs", SERIES),
    "cmc": ("images", {"settings": {"encoder.width": 4, "encoder.blocks": 1}}),
}
NAMES = {
    "simclr": "two views",
    "byol": "target network",
    "moco": "queue",
    "swav": "many views",
    "dim": "maps",
    "cpc": "sequences",
    "dgi": "graph",
    "grace": "two views of a graph",
    "clip": "pairs",
    "cmc": "halves of an image",
}
SHORT = ("simclr", "cpc", "dgi")
# A checkpoint after every step. The command after training is the slow part: it has a
# row of its own.
TRAIN = """
from cl_keras import runs
config = runs.TrainConfig.for_method({method!r}, data={data!r}, out={out!r}, **{given!r})
runs.train(config, evaluate=False, finish=False, resume=True, checkpoint_seconds=0.0)
"""


def training(method, data, out, given):
    given = {"epochs": 3} | given
    if not data.startswith("edges:"):
        given |= {"batch_size": 8}
    return TRAIN.format(method=method, data=data, out=str(out), given=given)


@pytest.mark.parametrize(
    "method",
    [pytest.param(x, marks=[pytest.mark.long] * (x not in SHORT)) for x in FAMILIES],
)
def test_a_killed_training_goes_on_to_the_same_weights(
    method, warm, tally, request, tmp_path, long
):
    data, given = FAMILIES[method]
    data = request.getfixturevalue(data)
    whole, out = tmp_path / "whole", tmp_path / "run"
    status, said = warm.run(training(method, data, whole, given))
    assert status == 0, said
    killed = Killed(
        warm,
        (training(method, data, out, given),),
        out,
        fresh=lambda: shutil.rmtree(out, ignore_errors=True),
        whole=lambda: check_same(out, whole),
    )
    with tally("SIGKILL", f"training, {NAMES[method]} ({method})") as row:
        killed.run(row, 50 if long else 2)


def check_same(out, whole):
    check_resumed(out, whole)
    assert summary(out) == summary(whole)
