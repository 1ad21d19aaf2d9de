# SPDX-License-Identifier: Apache-2.0
"""A search for settings by short trainings, which never looks at the test part."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console

from cl_keras import files
from cl_keras.artifact import ENCODER_FILE
from cl_keras.data.examples import hold_out
from cl_keras.evaluate.knn_choice import chosen_knn
from cl_keras.metrics import rank_me
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.jobs import make_job
from cl_keras.runs.run_files import read_json
from cl_keras.runs.stages import Stages
from cl_keras.runs.train import train

#: Of a round the best third goes on, to trainings three times as long.
THIRD = 3
SCORE_FILE = "score.json"
_HELD_OUT = 0.2


def tune(
    config: TrainConfig,
    tries: Mapping[str, Sequence[object]],
    *,
    console: Console | None = None,
) -> dict[str, Any]:
    """Tries all combinations of some values, and trains the better ones for longer.

    Successive halving: all are trained for a part of the epochs, the best third for
    three times as long, and so on to `config.epochs`; each training has its own whole
    schedule. With labels the score is the kNN accuracy on a fifth of the training part
    whose labels the others predict, else RankMe of the training part's features. A
    trial that is there is not run again, and one that was interrupted goes on.

    Args:
        config: What all trials share; `out` is the folder of the search.
        tries: Values by the name of a field of `TrainConfig` or of a setting.
        console: Where progress goes; by default standard error.

    Returns:
        `trials`, a row each, `best`, its values, and `command`, which trains it.

    Raises:
        ValueError: If nothing is to be tried, or a trial's settings are wrong.

    Reference:
        Jamieson and Talwalkar (2016), Non-stochastic Best Arm Identification and
        Hyperparameter Optimization, arXiv:1502.07943.

    Example:
    >>> config = TrainConfig.for_method("simclr", data="digits", out="search", epochs=3)
    >>> rates = {"learning_rate": [1e-3, 2e-3, 4e-3]}
    >>> tune(config, rates)["command"]  # doctest: +SKIP
    'cl-keras train simclr --data digits --epochs 3 --learning-rate 0.004'
    """
    if not tries or not all(tries.values()):
        raise ValueError(
            "Expected values to try, as in learning_rate=1e-3,2e-3. Received: none"
        )
    stages, names = Stages(console), list(tries)
    left = [
        dict(zip(names, v, strict=True)) for v in itertools.product(*tries.values())
    ]
    rounds = max(math.ceil(math.log(len(left), THIRD)), 0)
    rows: list[dict[str, Any]] = []
    for number in range(rounds + 1):
        epochs = max(config.epochs // THIRD ** (rounds - number), 1)
        scores = []
        for values in left:
            trial = dataclasses.replace(_with(config, values), epochs=epochs)
            stages.say(f"round {number + 1} of {rounds + 1}: {_words(values)}")
            scores.append(_score(trial, stages.console))
            rows.append({"epochs": epochs, **values, **scores[-1]})
        # Sorting is stable: of equal ones the first stays.
        order = np.argsort(
            [-next(iter(score.values())) for score in scores], kind="stable"
        )
        left = [left[i] for i in order[: math.ceil(len(left) / THIRD)]]
    best = left[0]
    return {"trials": rows, "best": best, "command": _command(_with(config, best))}


def _with(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """A trial: some values are fields, the others settings."""
    names = {field.name for field in dataclasses.fields(config)}
    fields = {name: value for name, value in values.items() if name in names}
    settings = {name: value for name, value in values.items() if name not in names}
    return dataclasses.replace(
        config, **fields, settings={**config.settings, **settings}
    )


def _score(trial: TrainConfig, console: Console) -> dict[str, float]:
    """Trains one trial and scores it, unless that was done before."""
    content = json.dumps(dataclasses.asdict(trial), sort_keys=True)
    run = Path(trial.out) / hashlib.sha256(content.encode()).hexdigest()[:12]
    if known := read_json(run / SCORE_FILE):
        return known
    trial = dataclasses.replace(trial, out=str(run))
    train(trial, console=console, evaluate=False, finish=False, resume=True)
    encoder = keras.saving.load_model(run / ENCODER_FILE, compile=False)
    labelled = (job := make_job(trial)).labelled()
    if labelled is None:
        score = {"rank_me": float(rank_me(job.sample(2000).features(encoder)))}
    else:
        features, labels = labelled.of_examples(encoder)[0], labelled.labels[0]
        out = hold_out(len(labels), labels, _HELD_OUT, trial.seed)
        predicted, _ = chosen_knn(
            features[~out], labels[~out], features[out], trial.neighbors
        )
        score = {"knn_accuracy": float(np.mean(predicted == labels[out]))}
    files.write_text(run / SCORE_FILE, json.dumps(score) + "\n")
    return score


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _command(config: TrainConfig) -> str:
    """The command that trains a configuration."""
    words = ["cl-keras", "train", config.method]
    defaults = TrainConfig.for_method(config.method, data=config.data, out="")
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in ("method", "out", "settings"):
            continue
        if field.name == "data" or value != getattr(defaults, field.name):
            words += [f"--{field.name.replace('_', '-')}", str(value)]
    for name, value in config.settings.items():
        if defaults.settings.get(name) != value:
            text = value if isinstance(value, str) else json.dumps(value)
            words += ["--set", f"{name}={text}"]
    return shlex.join(words)
