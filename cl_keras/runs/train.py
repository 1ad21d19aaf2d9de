# SPDX-License-Identifier: Apache-2.0
"""A training run from data string to evaluated, exported encoder."""

from __future__ import annotations

import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from cl_keras import export, optimizers
from cl_keras.artifact import ENCODER_FILE
from cl_keras.runs.checkpoint import restore
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.embedding_projector import write_projector
from cl_keras.runs.figures import MAP_POINTS
from cl_keras.runs.fit import fit
from cl_keras.runs.health import describe_negatives
from cl_keras.runs.jobs import make_job
from cl_keras.runs.jobs.job import build_model
from cl_keras.runs.report import write_report
from cl_keras.runs.report.run_data import load_run
from cl_keras.runs.run_files import (
    CHECKPOINT_FOLDER,
    CONFIG_FILE,
    REPORT_FILE,
    SERVING_FOLDER,
    SUMMARY_FILE,
    TENSORBOARD_FOLDER,
    cut_history,
    read_history,
    read_summary,
    write_summary,
)


def train(
    config: TrainConfig,
    *,
    command: str = "",
    console: Console | None = None,
    finish: bool = True,
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
    tensorboard: bool = False,
) -> dict[str, Any]:
    """Trains, evaluates, draws, exports and checks an encoder.

    Args:
        config: The run.
        command: The command line that asked for it, to be kept with the run.
        console: Where progress goes; by default standard error.
        finish: Whether to export and check a SavedModel, and to write the report.
        resume: Whether to go on with the run in this folder, if there is one: from
            its last checkpoint, with the weights that it would have reached
            uninterrupted. A finished run is left as it is.
        checkpoint_seconds: Least time between two checkpoints.
        tensorboard: Whether to write scalars, and the features for the embedding
            projector, into `tensorboard/` of the run.

    Returns:
        The summary, as written to `summary.json`.

    Raises:
        ValueError: If the configuration does not fit the data, before training, or
            the run to go on with was made with another configuration or other data.
        FileExistsError: If the run folder already holds a run and `resume` is false.
        Interrupted: After Ctrl-C or SIGTERM, when a checkpoint is written.
    """
    console = console or Console(stderr=True)
    start = time.perf_counter()
    run = Path(config.out)
    resumed = None
    if (run / CONFIG_FILE).exists():
        if not resume:
            raise FileExistsError(
                f"{run} already holds a run. Go on with it by --resume, choose another "
                "folder, or delete this one."
            )
        found = TrainConfig.load(run / CONFIG_FILE)
        _check_same(found, config)
        if found == config and (run / SUMMARY_FILE).is_file():
            console.print(f"{run} is finished already", highlight=False)
            return read_summary(run)
        resumed = restore(run / CHECKPOINT_FOLDER)
    keras.utils.set_random_seed(config.seed)
    keras.mixed_precision.set_global_policy(config.precision)
    job = make_job(config)
    steps = len(job.batches())
    if resumed:
        model = resumed.model
    else:
        model = build_model(config, job)
        model.compile(make_optimizer(config, steps))

    # Nothing was written so far: whatever does not fit has failed by now.
    run.mkdir(parents=True, exist_ok=True)
    config.save(run / CONFIG_FILE, command=command, environment=environment())
    facts = job.facts()
    negatives = describe_negatives(model, config.batch_size)
    console.print(
        f"{config.method} on {config.data}: "
        + ", ".join(f"{name} {value:,}" for name, value in facts.items())
        + f", encoder of {model.encoder.count_params():,} parameters"
        + (f"; {negatives}" if negatives else "")
        + (f"; going on from {resumed.path}" if resumed else ""),
        highlight=False,
    )
    if not resumed:
        cut_history(run, 0)
    progress = fit(
        config,
        job,
        model,
        console,
        steps=steps,
        resumed=resumed,
        checkpoint_seconds=checkpoint_seconds,
        tensorboard=run / TENSORBOARD_FOLDER if tensorboard else None,
    )
    history = read_history(run)
    model.encoder.save(run / ENCODER_FILE)

    summary: dict[str, Any] = {
        "method": config.method,
        "data": config.data,
        "seed": config.seed,
        "epochs": len(history),
        "loss": history[-1]["loss"],
        "parameters": model.encoder.count_params(),
        "train_seconds": round(progress.seconds, 1),
    } | facts
    if progress.warnings:
        summary["warnings"] = progress.warnings
    if job.skipped:
        summary["skipped"] = list(job.skipped)
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
    if tensorboard:
        sample = job.sample(MAP_POINTS)
        write_projector(
            run / TENSORBOARD_FOLDER,
            sample.features(model.encoder),
            sample.columns(),
            sample.images,
        )
    summary |= {
        "diagnosis": load_run(run).tables["diagnosis"].column("finding"),
        "report": str(run / REPORT_FILE),
        "seconds": round(time.perf_counter() - start, 1),
    }
    write_summary(run, summary)
    write_report(run)
    if not checked.ok:
        failed = [f"{row.name}: {row.detail}" for row in checked.rows if not row.ok]
        raise RuntimeError(f"The exported model failed its check: {'; '.join(failed)}")
    return summary


def _check_same(there: TrainConfig, now: TrainConfig) -> None:
    changed = there.differences(now)
    if changed:
        raise ValueError(
            f"{now.out} holds a run of other settings ({'; '.join(changed)}), which "
            "cannot go on with these. Choose another folder."
        )


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
    return optimizers.AdamW(rate, weight_decay=config.weight_decay)


def environment() -> dict[str, Any]:
    """Versions and devices a run was made with."""
    names = ("cl-keras", "tensorflow", "keras", "numpy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": [d.device_type for d in tf.config.list_logical_devices()],
    } | {name: version(name) for name in names}
