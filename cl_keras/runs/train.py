# SPDX-License-Identifier: Apache-2.0
"""A training run from data string to evaluated, exported encoder."""

from __future__ import annotations

import math
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from cl_keras import export
from cl_keras.artifact import ENCODER_FILE
from cl_keras.runs.callbacks import Checkpoint, MetricsLog, ProgressBar
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.jobs import make_job
from cl_keras.runs.jobs.job import build_model
from cl_keras.runs.report import write_report
from cl_keras.runs.run_files import (
    CHECKPOINT_FILE,
    CONFIG_FILE,
    METRICS_FILE,
    REPORT_FILE,
    SERVING_FOLDER,
    read_history,
    write_summary,
)


def train(
    config: TrainConfig,
    *,
    command: str = "",
    console: Console | None = None,
    finish: bool = True,
) -> dict[str, Any]:
    """Trains, evaluates, draws, exports and checks an encoder.

    Args:
        config: The run.
        command: The command line that asked for it, to be kept with the run.
        console: Where progress goes; by default standard error.
        finish: Whether to export and check a SavedModel, and to write the report.

    Returns:
        The summary, as written to `summary.json`.

    Raises:
        ValueError: If the configuration does not fit the data, before training.
        FileExistsError: If the run folder already holds a run.
    """
    console = console or Console(stderr=True)
    start = time.perf_counter()
    run = Path(config.out)
    if (run / CONFIG_FILE).exists():
        raise FileExistsError(
            f"{run} already holds a run. Choose another folder or delete this one."
        )
    keras.utils.set_random_seed(config.seed)
    keras.mixed_precision.set_global_policy(config.precision)
    job = make_job(config)
    model = build_model(config, job)
    batches = job.batches()
    steps = len(batches)
    model.compile(make_optimizer(config, steps))

    # Nothing was written so far: whatever does not fit has failed by now.
    (run / CHECKPOINT_FILE).parent.mkdir(parents=True, exist_ok=True)
    config.save(run / CONFIG_FILE, command=command, environment=environment())
    facts = job.facts()
    console.print(
        f"{config.method} on {config.data}: "
        + ", ".join(f"{name} {value:,}" for name, value in facts.items())
        + f", encoder of {model.encoder.count_params():,} parameters",
        highlight=False,
    )
    callbacks: list[keras.callbacks.Callback] = []
    if config.patience is not None:
        # First: at the end it takes the best weights back, which are then saved.
        callbacks.append(
            keras.callbacks.EarlyStopping(
                "loss", patience=config.patience, mode="min", restore_best_weights=True
            )
        )
    callbacks += [
        MetricsLog(run / METRICS_FILE),
        Checkpoint(run / CHECKPOINT_FILE),
        ProgressBar(console, job.examples(steps), job.unit),
        keras.callbacks.TerminateOnNaN(),
    ]
    model.fit(
        batches,
        epochs=config.epochs,
        verbose=0,
        shuffle=False,  # The pipeline shuffles.
        callbacks=callbacks,
    )
    trained = time.perf_counter()
    history = read_history(run)
    loss = history[-1]["loss"]
    if not math.isfinite(loss):
        raise ValueError(
            f"The loss became {loss}. Lower the learning rate "
            f"({config.learning_rate}) or raise the temperature; the epochs so far "
            f"are in {run / METRICS_FILE}."
        )
    model.encoder.save(run / ENCODER_FILE)

    summary: dict[str, Any] = {
        "method": config.method,
        "data": config.data,
        "seed": config.seed,
        "epochs": len(history),
        "loss": loss,
        "parameters": model.encoder.count_params(),
        "train_seconds": round(trained - start, 1),
    } | facts
    console.print("evaluating, next to a random encoder and the raw inputs")
    summary |= job.scores(model.encoder)
    if not finish:
        summary["seconds"] = round(time.perf_counter() - start, 1)
        write_summary(run, summary)
        return summary

    console.print("exporting and checking the SavedModel")
    serving = export.saved_model(
        model.encoder,
        run / SERVING_FOLDER,
        metadata={"method": config.method, "data": config.data},
    )
    checked = export.check(serving, encoder=model.encoder)
    summary |= {"saved_model": str(serving), "saved_model_ok": checked.ok}
    job.draw(run, model.encoder)
    summary |= {
        "report": str(run / REPORT_FILE),
        "seconds": round(time.perf_counter() - start, 1),
    }
    write_summary(run, summary)
    write_report(run)
    if not checked.ok:
        failed = [f"{row.name}: {row.detail}" for row in checked.rows if not row.ok]
        raise RuntimeError(f"The exported model failed its check: {'; '.join(failed)}")
    return summary


def make_optimizer(config: TrainConfig, steps: int) -> keras.optimizers.Optimizer:
    """AdamW with linear warm-up and a cosine to zero, or a constant rate.

    Args:
        config: The run.
        steps: Steps an epoch.

    Returns:
        The optimizer. Biases and normalisation weights are not decayed, as in the
        recipes of the field.
    """
    rate: Any = config.learning_rate
    if config.schedule == "cosine":
        warmup = min(int(config.warmup_epochs * steps), config.epochs * steps - 1)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else config.learning_rate,
            decay_steps=config.epochs * steps - warmup,
            warmup_target=config.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def environment() -> dict[str, Any]:
    """Versions and devices a run was made with."""
    names = ("cl-keras", "tensorflow", "keras", "numpy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": [d.device_type for d in tf.config.list_logical_devices()],
    } | {name: version(name) for name in names}
