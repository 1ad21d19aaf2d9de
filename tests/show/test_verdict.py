# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from cl_keras.show.run_data import RunData
from cl_keras.show.verdict import verdict


def made(command, **scores):
    summary = {
        "method": "simclr",
        "epochs": 4,
        "optimizer_steps": 300,
        "knn_accuracy": 0.6,
    }
    for name in ("knn_accuracy", *scores):
        value = scores.get(name, 0.6)
        summary |= {
            name: value,
            f"{name}_low": value - 0.02,
            f"{name}_high": value + 0.02,
        }
    config = {"learning_rate": 1e-3, "out": "runs/photos"}
    return RunData("photos", Path(), summary, config, command, {}, [], {}, {})


PLAIN = "cl-keras train simclr --data folder:photos --epochs 4 --out runs/photos"
TIMED = "cl-keras train --data folder:photos --minutes=4 --out runs/photos"
AHEAD = {"knn_accuracy_random_init": 0.4, "raw_knn_accuracy": 0.4}


@pytest.mark.parametrize(
    ("command", "scores", "level", "lead", "advice"),
    [
        (PLAIN, AHEAD, "good", "Training paid off", "cl-keras embed runs/photos"),
        (
            PLAIN,
            {"raw_knn_accuracy": 0.7},
            "warning",
            "Not yet better than the raw inputs",
            "train simclr --data folder:photos --epochs 12 --out runs/photos_2",
        ),
        (
            PLAIN,
            {"knn_accuracy_random_init": 0.7},
            "problem",
            "Not yet better",
            "--epochs",
        ),
        (
            TIMED,
            {"raw_knn_accuracy": 0.6},
            "warning",
            "No clear gain over the raw inputs",
            "train --data folder:photos --minutes 12 --out runs/photos_2",
        ),
        (
            TIMED,
            {"knn_accuracy_start": 0.7},
            "warning",
            "Not yet better than the weights it started from",
            "--minutes=4 --learning-rate 0.0001 --out runs/photos_2",
        ),
    ],
)
def test_what_a_run_comes_to_and_what_to_do(command, scores, level, lead, advice):
    said = verdict(made(command, **scores))
    assert said.level == level
    assert said.sentence.startswith(lead)
    assert advice in said.steps[0].command
