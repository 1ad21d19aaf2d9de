# SPDX-License-Identifier: Apache-2.0
"""The training of a run: from its beginning, or from where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from cl_keras import data
from cl_keras.runs.callbacks import MetricsLog, ProgressBar
from cl_keras.runs.checkpoint import (
    Checkpoint,
    Interrupted,
    Progress,
    Restored,
    newest,
)
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.health import CollapseAlarm, DataWait
from cl_keras.runs.interrupt import stop_requests
from cl_keras.runs.jobs.job import Job
from cl_keras.runs.nan_guard import NanGuard
from cl_keras.runs.run_files import (
    CHECKPOINT_FOLDER,
    METRICS_FILE,
    cut_history,
)
from cl_keras.runs.tensorboard import TensorBoardScalars
from cl_keras.workers import Team

# Examples that the alarm looks at: enough for a rank, and cheap.
PROBED_EXAMPLES = 512


def fit(
    config: TrainConfig,
    job: Job,
    model: Any,
    console: Console,
    *,
    steps: int,
    resumed: Restored | None = None,
    checkpoint_seconds: float = 30.0,
    tensorboard: Path | None = None,
    team: Team | None = None,
    data_service: str | None = None,
) -> Progress:
    """Trains a model; checkpoints and metrics go into the run's folder."""
    team = team or Team()
    run = Path(config.out)
    facts = {**job.facts(), "steps": steps}
    progress = resumed.progress if resumed else Progress()
    if resumed:
        _check_facts(progress.facts, facts, config)
        if team.is_chief:
            cut_history(run, progress.epoch)
    if progress.reaches(config.epochs):
        return progress
    callbacks: list[keras.callbacks.Callback] = []
    early_stopping = None
    if config.patience is not None:
        # First: at the end it takes the best weights back, which are then saved.
        early_stopping = keras.callbacks.EarlyStopping(
            "loss", patience=config.patience, mode="min", restore_best_weights=True
        )
        callbacks.append(early_stopping)
    done = progress.epoch * steps + progress.step
    bar = ProgressBar(
        console,
        epochs=config.epochs,
        steps=steps,
        examples=job.examples(steps),
        unit=job.unit,
        done=done,
    )
    with stop_requests() as asked:
        checkpoint = Checkpoint(
            run / CHECKPOINT_FOLDER,
            seconds=checkpoint_seconds,
            epochs=config.epochs,
            early_stopping=early_stopping,
            resumed=resumed,
            facts=facts,
            interrupt=asked,
            writes=team.is_chief,
            agree=team.anyone_says,
        )
        wait = DataWait()
        # Before all that writes: broken weights replace no good checkpoint.
        guard = NanGuard(job.batches, lambda: newest(run / CHECKPOINT_FOLDER))
        alarm = None
        if team.is_chief:
            looked_at = job.sample(PROBED_EXAMPLES).features
            alarm = CollapseAlarm(console, config.batch_size, looked_at)
            if (online := job.online_evaluation()) is not None:
                callbacks.append(online)  # Its scores are logged.
            callbacks += [
                guard,
                wait,
                alarm,
                MetricsLog(run / METRICS_FILE),
                *([TensorBoardScalars(tensorboard)] if tensorboard else []),
                checkpoint,
                bar,
            ]
        else:
            callbacks += [guard, checkpoint]
        options: dict[str, Any] = {
            "verbose": 0,
            "shuffle": False,  # The pipeline shuffles.
            "callbacks": callbacks,
        }
        epoch, over = progress.epoch, progress.step
        # First and last epoch, and steps each: one that is half over by itself.
        parts = [(epoch, epoch + 1, steps - over)] if over else []
        parts.append((epoch + len(parts), config.epochs, steps))
        try:
            for first, last, each in parts:
                if first >= last or model.stop_training:
                    break
                batches = job.batches(start=first * steps + steps - each)
                if data_service is not None:
                    batches = data.distribute(batches, data_service)
                model.fit(
                    team.batches(wait.watch(batches)),
                    steps_per_epoch=each,
                    initial_epoch=first,
                    epochs=last,
                    **options,
                )
        except Interrupted as saved:
            raise Interrupted(
                f"Stopped in epoch {checkpoint.progress.epoch + 1}; what was reached "
                f"is in {saved}. The same command with --resume goes on from there."
            ) from None
        finally:
            bar.close()
    stands = checkpoint.progress
    if alarm is not None:
        stands.warnings += [finding.text for finding in alarm.findings]
    return stands


def _check_facts(
    there: dict[str, Any], now: dict[str, Any], config: TrainConfig
) -> None:
    changed = [
        f"{name}: {there.get(name)} then, {value} now"
        for name, value in now.items()
        if there.get(name) != value
    ]
    if changed:
        raise ValueError(
            f"The run in {config.out} cannot go on: {config.data} has changed "
            f"({'; '.join(changed)}). Train anew into another folder."
        )
