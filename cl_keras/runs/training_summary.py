# SPDX-License-Identifier: Apache-2.0
"""What a run's summary says of its training."""

from __future__ import annotations

from typing import Any

import keras

from cl_keras.runs.checkpoint import Progress
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.optimizer import PACE_SETTING
from cl_keras.runs.run_files import CONFIG_FILE, read_history
from cl_keras.runs.training import Training
from cl_keras.runs.training_length import length_finding


def summary_of(
    training: Training,
    encoder: keras.Model,
    progress: Progress,
    inventory: dict[str, Any],
) -> dict[str, Any]:
    """What is known when training has ended."""
    # As it has ended: a limit of time may have changed its length.
    config = TrainConfig.load(training.run / CONFIG_FILE)
    job, history = training.job, read_history(training.run)
    steps = progress.epoch * training.steps + progress.step
    if progress.finished and (pace := config.part("optimizer").get(PACE_SETTING)):
        steps = pace[-1][0]  # Its last epoch may be a part of one.
    summary: dict[str, Any] = {
        "method": config.method,
        "data": config.data,
        "seed": config.seed,
        "epochs": len(history),
        "optimizer_steps": steps,
        "loss": history[-1]["loss"],
        "parameters": encoder.count_params(),
        "train_seconds": round(progress.seconds, 1),
    } | job.facts()
    length = length_finding(config, training.steps)
    if warnings := [*([length.text] if length else []), *progress.warnings]:
        summary["warnings"] = warnings
    if job.skipped:
        summary["skipped"] = list(job.skipped)
    if inventory:
        # Skipped files have a key of their own.
        summary["inventory"] = {k: v for k, v in inventory.items() if k != "skipped"}
    return summary
