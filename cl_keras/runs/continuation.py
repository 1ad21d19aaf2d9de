# SPDX-License-Identifier: Apache-2.0
"""Which settings may go on with a run: those under which its past was the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from cl_keras.data.spec import located
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.optimizer import PACE_SETTING
from cl_keras.runs.run_files import CONFIG_FILE, read_json

DATA_FIELDS = ("data", "test_data", "probe_data")
_PROJECTOR = "projector.weights"
_SIZES = "data.view_sizes"
_CYCLES, _DECAY = "optimizer.cycles", "optimizer.cycle_decay"
_PACE = f"optimizer.{PACE_SETTING}"


def check_continuation(there: TrainConfig, now: TrainConfig) -> None:
    """Refuses settings that a run cannot go on with.

    A run may be made longer where that changes nothing of what it did: at a constant
    rate, and by whole cycles of the cosine, each as long as those it had. Not with
    early stopping, which may have ended it.
    """
    changed = there.differences(now)
    if not changed or _is_longer(there, now):
        return
    hint = ""
    longer = now.epochs > there.epochs and _SIZES not in there.settings
    if longer and now.schedule == "cosine":
        cycles = 2 * there.settings.get(_CYCLES, 1)
        hint = (
            " It can be made longer by whole cycles of its learning rate: --epochs "
            f"{2 * there.epochs} --set {_CYCLES}={cycles}."
        )
    raise ValueError(
        f"{now.out} holds a run of other settings ({'; '.join(changed)}), which "
        f"cannot go on with these. Choose another folder.{hint}"
    )


def as_paced(there: TrainConfig, now: TrainConfig) -> TrainConfig:
    """Takes the length that a run with a time limit has come to, if it is that run."""
    before, after = (run.settings.get(_PACE) for run in (there, now))
    if not before or not after or before[-1][1] != after[-1][1]:
        return now
    settings = now.settings | {_PACE: before}
    return dataclasses.replace(now, epochs=there.epochs, settings=settings)


def directory_of(run: Path) -> Path | None:
    """The working directory that the relative paths of a run are meant from."""
    environment = read_json(run / CONFIG_FILE).get("environment") or {}
    directory = environment.get("directory")
    return None if directory is None else Path(directory)


def located_data(config: TrainConfig, directory: Path | None) -> TrainConfig:
    """Names the data and weights of a run so that they are found from anywhere."""
    if directory is None:
        return config
    names = [_located_weights(name, directory) for name in config.encoder.split(",")]
    if projector := config.settings.get(_PROJECTOR):
        settings = {_PROJECTOR: _located_weights(projector, directory)}
        config = dataclasses.replace(config, settings=config.settings | settings)
    specs: dict[str, Any] = {
        name: located(spec, directory)
        for name in DATA_FIELDS
        if (spec := getattr(config, name)) is not None
    }
    return dataclasses.replace(config, encoder=",".join(names), **specs)


def _located_weights(name: str, directory: Path) -> str:
    """Weights of a run or of a file, by their whole path."""
    bare, question, options = name.partition("?")
    kind, colon, rest = bare.rpartition(":")
    if colon and kind not in ("run", "checkpoint") or not (directory / rest).exists():
        return name
    return f"{kind}{colon}{directory / rest}{question}{options}"


def _is_longer(there: TrainConfig, now: TrainConfig) -> bool:
    # What only says how long the training is, taken from the run that is there.
    length = {k: v for k, v in there.settings.items() if k in (_CYCLES, _DECAY)}
    rest = {k: v for k, v in now.settings.items() if k not in (_CYCLES, _DECAY)}
    alike = dataclasses.replace(now, epochs=there.epochs, settings=rest | length)
    if there.differences(alike) or there.patience is not None:
        return False
    if _SIZES in there.settings:
        return False  # They are shared out over all epochs.
    if now.epochs < there.epochs:
        return False
    if now.schedule == "constant":
        return there.settings == now.settings
    before, after = (run.settings.get(_CYCLES, 1) for run in (there, now))
    if there.epochs * after != now.epochs * before:
        return False
    # A single cycle has no second peak that a decay could lower.
    decays = [run.settings.get(_DECAY, 1.0) for run in (there, now)]
    return before == 1 or decays[0] == decays[1]
