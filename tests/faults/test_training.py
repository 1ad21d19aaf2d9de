# SPDX-License-Identifier: Apache-2.0
"""Trainings that are killed, again and again: they end as if they had not been."""

import pytest
from faults.campaign import COMMAND, Scenario, ended, kill
from faults.scenarios import FAMILIES, RESNET, clear
from finished_runs import same, summary, weights

from cl_keras import artifact, runs

pytestmark = pytest.mark.slow
SHORT = ("simclr", "cpc", "dgi")


@pytest.mark.parametrize(
    "method",
    [pytest.param(x, marks=[pytest.mark.long] * (x not in SHORT)) for x in FAMILIES],
)
def test_a_killed_training_goes_on_to_the_same_weights(
    method, warm, tally, family, tmp_path, long
):
    scenario = family(method, tmp_path / "place")
    with tally("SIGKILL", scenario.title) as row:
        kill(warm, scenario, row, 50 if long else 2)


# Chooses only the length: 12 seconds with all that is around it.
MINUTES = """
import time
from cl_keras import runs
from cl_keras.runs.choose import planned
given = dict(method="simclr", data={data!r}, out={out!r}, encoder="compact_resnet")
given |= dict(batch_size=8, seed=0, settings={settings!r})
plan = planned(0.2, resume=True, began=time.monotonic(), draw=False, **given)
options = dict(evaluate=False, finish=False, resume=True, checkpoint_seconds=0.1)
runs.train(plan.config, limit=plan.limit, **options)
"""
FOLLOW = """
import dataclasses
from cl_keras import runs
config = dataclasses.replace(runs.TrainConfig.load({config!r}), out={out!r})
runs.train(config, evaluate=False, finish=False)
"""


@pytest.mark.long
def test_a_killed_run_of_minutes_ends_with_its_schedule(warm, tally, images, tmp_path):
    place, again = tmp_path / "place", tmp_path / "again"
    out = place / "run"
    code = MINUTES.format(data=images, out=str(out), settings=RESNET)

    def whole():
        """The steps of its own plan; followed anew it gives the same weights."""
        config = runs.TrainConfig.load(out / "config.json")
        steps = config.settings["optimizer.pace"][-1][0]
        assert summary(out)["optimizer_steps"] == steps
        clear(again)
        code = FOLLOW.format(config=str(out / "config.json"), out=str(again / "run"))
        ended(*warm.run(code))
        same(weights(again / "run"), weights(out))

    scenario = Scenario(
        "training for a time (--minutes)", (code,), out, lambda: clear(place), whole
    )
    with tally("SIGKILL", scenario.title) as row:
        kill(warm, scenario, row, 20)


@pytest.mark.long
def test_a_killed_search_goes_on(warm, tally, graph, tmp_path):
    place, first = tmp_path / "place", {}
    command = (
        *(COMMAND, "tune", "dgi", "--data", graph, "--out", place / "search"),
        *("--try", "learning_rate=1e-3,1e-2,1e-1", "--epochs", 6),
        *("--set", "encoder.units=[4]"),
    )

    def whole():
        scores = {p.parent.name: p.read_text() for p in place.rglob("score.json")}
        first.update({} if first else scores)
        assert scores == first and len(scores) == 4

    scenario = Scenario("search (tune)", command, place, lambda: clear(place), whole)
    with tally("SIGKILL", scenario.title) as row:
        kill(warm, scenario, row, 20)


@pytest.mark.long
def test_a_killed_command_does_all_that_follows_training(warm, tally, images, tmp_path):
    place, first = tmp_path / "place", {}
    out = place / "run"
    command = (
        *(COMMAND, "train", "simclr", "--data", images, "--out", out, "--resume"),
        *("--epochs", 2, "--batch-size", 8, "--checkpoint-seconds", 0),
        *(f"--set={name}={value}" for name, value in RESNET.items()),
    )

    def whole():
        found = summary(out)
        artifact.verify(out / "serving" / found.pop("saved_model").rpartition("/")[2])
        assert (
            found["saved_model_ok"] and "</html>" in (out / "report.html").read_text()
        )
        first.update({} if first else found | {"weights": weights(out)})
        same(weights(out), first["weights"])
        assert found == {k: v for k, v in first.items() if k != "weights"}

    scenario = Scenario(
        "training, scores, export, report", command, out, lambda: clear(place), whole
    )
    with tally("SIGKILL", scenario.title) as row:
        kill(warm, scenario, row, 20)
