# SPDX-License-Identifier: Apache-2.0
"""The training of a run: from its beginning, or from where it stopped."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
from rich.console import Console

from cl_keras import data
from cl_keras.evaluate import OnlineEvaluation
from cl_keras.runs.callbacks import MetricsLog, ProgressBar
from cl_keras.runs.checkpoint import Checkpoint, Interrupted, Progress, newest
from cl_keras.runs.health import CollapseAlarm, DataWait
from cl_keras.runs.interrupt import stop_requests
from cl_keras.runs.keep_pace import pace_of
from cl_keras.runs.nan_guard import NanGuard
from cl_keras.runs.run_files import (
    METRICS_FILE,
    TENSORBOARD_FOLDER,
    cut_history,
    resume_command,
)
from cl_keras.runs.starting_point import (
    StartingPoint,
    evaluation_of,
    starts_pretrained,
)
from cl_keras.runs.tensorboard import TensorBoardScalars
from cl_keras.runs.training import FitOptions, Training

# Examples that the alarm looks at: enough for a rank, and cheap.
PROBED_EXAMPLES = 512
# Where the pace says when training ends.
MOST_EPOCHS = 10**9


def fit(
    training: Training, model: Any, console: Console, options: FitOptions
) -> Progress:
    """Trains a model; checkpoints and metrics go into the run's folder."""
    config, team, progress = training.config, training.team, training.progress
    if training.resumed:
        _check_facts(training)
    if team.is_chief:
        cut_history(training.run, progress.epoch)
    if progress.reaches(config.epochs):
        return progress
    early_stopping = None
    if config.patience is not None:
        early_stopping = keras.callbacks.EarlyStopping(
            "loss", patience=config.patience, mode="min", restore_best_weights=True
        )
    limit = options.limit
    bar = ProgressBar(
        console,
        epochs=config.epochs,
        steps=training.steps,
        examples=training.job.examples(training.steps),
        unit=training.job.unit,
        done=progress.epoch * training.steps + progress.step,
        seconds=limit.training - progress.seconds if limit else None,
    )
    with stop_requests() as asked:
        checkpoint = Checkpoint(
            training.checkpoints,
            seconds=options.checkpoint_seconds,
            epochs=config.epochs,
            early_stopping=early_stopping,
            resumed=training.resumed,
            facts=training.facts(),
            interrupt=asked,
            writes=team.is_chief,
            agree=team.anyone_says,
        )
        wait, pace = DataWait(), pace_of(training, limit, bar.lengthen)
        evaluation, alarms = None, []
        if team.is_chief:
            evaluation = evaluation_of(training.job)
            alarms = _alarms(training, evaluation, checkpoint, console)
        callbacks = _callbacks(
            training, checkpoint, evaluation, wait, alarms, bar, options.tensorboard
        )
        epochs = config.epochs if pace is None else MOST_EPOCHS
        try:
            # First: those after it see that training ends.
            callbacks = [pace, *callbacks] if pace else callbacks
            _fit_epochs(training, model, callbacks, wait, options.data_service, epochs)
        except Interrupted:
            raise Interrupted(_where(training, checkpoint.progress)) from None
        finally:
            bar.close()
    for alarm in alarms:
        checkpoint.progress.warnings += [finding.text for finding in alarm.findings]
    return checkpoint.progress


def _where(training: Training, stopped: Progress) -> str:
    """Says where a training was stopped, and what can be done with it."""
    where = (
        f"Stopped in epoch {stopped.epoch + 1}, after {stopped.step:,} of its "
        f"{training.steps:,} steps; all of it is kept."
    )
    if training.team.cluster:
        return f"{where} Start all workers again with --resume to go on."
    command = resume_command(training.run)
    return f"{where}\nTo go on:         {command}\nTo end it there:  {command} --close"


def _alarms(
    training: Training,
    evaluation: OnlineEvaluation | None,
    checkpoint: Checkpoint,
    console: Console,
) -> list[CollapseAlarm | StartingPoint]:
    """What watches the encoder: whether it collapses, or loses what it could."""
    job = training.job
    # Not before they are asked for: of photographs, examples take seconds.
    sample = functools.cache(partial(job.sample, PROBED_EXAMPLES))
    found: list[CollapseAlarm | StartingPoint] = [
        CollapseAlarm(
            console, training.config.batch_size, lambda x: sample().features(x)
        )
    ]
    if evaluation is not None and starts_pretrained(job):
        found.insert(0, StartingPoint(evaluation, checkpoint.progress, console))
    return found


def _callbacks(
    training: Training,
    checkpoint: Checkpoint,
    evaluation: OnlineEvaluation | None,
    wait: DataWait,
    alarms: Sequence[keras.callbacks.Callback],
    bar: ProgressBar,
    tensorboard: bool,
) -> list[keras.callbacks.Callback]:
    """The callbacks in the order that they depend on; only the chief records."""
    # At its end it takes the best weights back, which are then saved.
    early_stopping = checkpoint.early_stopping
    # Before all that writes: broken weights replace no good checkpoint.
    guard = NanGuard(training.job.batches, lambda: newest(training.checkpoints))
    ordered: list[keras.callbacks.Callback | None]
    if training.team.is_chief:
        folder = training.run / TENSORBOARD_FOLDER
        ordered = [
            early_stopping,
            evaluation,  # Its scores are logged.
            guard,
            wait,
            *alarms,
            MetricsLog(training.run / METRICS_FILE),
            TensorBoardScalars(folder) if tensorboard else None,
            checkpoint,
            bar,
        ]
    else:
        ordered = [early_stopping, guard, checkpoint]
    return [callback for callback in ordered if callback is not None]


def _fit_epochs(
    training: Training,
    model: Any,
    callbacks: list[keras.callbacks.Callback],
    wait: DataWait,
    data_service: str | None,
    epochs: int,
) -> None:
    """Trains to the end: half an epoch and another pipeline have their own `fit`."""
    steps, before = training.steps, training.progress
    epoch, taken = before.epoch, before.step
    # First and last epoch, and steps each.
    parts = [(epoch, epoch + 1, steps - taken)] if taken else []
    whole = epoch + len(parts)
    turns = [turn for turn in training.job.turns() if whole < turn < epochs]
    edges = itertools.pairwise([whole, *turns, epochs])
    parts += [(first, last, steps) for first, last in edges]
    for first, last, each in parts:
        if first >= last or model.stop_training:
            break
        batches = training.job.batches(start=first * steps + steps - each)
        if data_service is not None:
            batches = data.distribute(batches, data_service)
        model.fit(
            training.team.batches(wait.watch(batches)),
            steps_per_epoch=each,
            initial_epoch=first,
            epochs=last,
            verbose=0,
            shuffle=False,  # The pipeline shuffles.
            callbacks=callbacks,
        )


def _check_facts(training: Training) -> None:
    """Refuses data that is not what the training went on so far."""
    before, config = training.progress.facts, training.config
    changed = [
        f"{name}: {before.get(name)} then, {value} now"
        for name, value in training.facts().items()
        if before.get(name) != value
    ]
    if changed:
        raise ValueError(
            f"The run in {config.out} cannot go on: {config.data} has changed "
            f"({'; '.join(changed)}). Train anew into another folder."
        )
