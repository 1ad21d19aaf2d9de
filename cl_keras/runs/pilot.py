# SPDX-License-Identifier: Apache-2.0
"""A few steps of a training, timed: how fast this machine is with this data."""

from __future__ import annotations

import dataclasses
import statistics
import time
from typing import Any

import keras

from cl_keras.runs.config import TrainConfig
from cl_keras.runs.jobs import make_job
from cl_keras.runs.jobs.job import Job
from cl_keras.runs.jobs.model import build_model
from cl_keras.runs.optimizer import make_optimizer

# Steps that are timed: enough for a median, or as many as a few seconds have.
_STEPS, _SECONDS = 10, 4.0


@dataclasses.dataclass(frozen=True)
class Pilot:
    """What a few steps have shown.

    Attributes:
        config: The training that was tried.
        job: Its data, loaded.
        steps: Steps of an epoch.
        load_seconds: To read and decode the data.
        trace_seconds: To build the model and compile its first step.
        step_seconds: The median of the steps after that.
    """

    config: TrainConfig
    job: Job
    steps: int
    load_seconds: float
    trace_seconds: float
    step_seconds: float


def run_pilot(config: TrainConfig) -> Pilot:
    """Loads the data, builds the model and takes a few steps, which nobody keeps."""
    begun = time.monotonic()
    job = make_job(config)
    steps = job.steps()
    loaded = time.monotonic()
    keras.utils.set_random_seed(config.seed)
    model = build_model(config, job)
    model.compile(make_optimizer(config, steps))
    timer = _Timer()
    # Of the pipeline without end: a small set may have fewer steps than are timed.
    model.fit(
        job.batches(start=0),
        steps_per_epoch=_STEPS,
        verbose=0,
        shuffle=False,
        callbacks=[timer],
    )
    took = [b - a for a, b in zip(timer.ends, timer.ends[1:], strict=False)]
    return Pilot(
        config,
        job,
        steps,
        loaded - begun,
        timer.ends[0] - loaded,
        statistics.median(took),
    )


class _Timer(keras.callbacks.Callback):
    """Notes when steps end."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.ends.append(time.monotonic())
        if len(self.ends) > 2 and self.ends[-1] - self.ends[0] > _SECONDS:
            self.model.stop_training = True
