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

from cl_keras import augment, data, encoders, evaluate, export, heads, methods
from cl_keras.artifact import ENCODER_FILE
from cl_keras.runs.callbacks import Checkpoint, MetricsLog, ProgressBar
from cl_keras.runs.config import TrainConfig, call_with
from cl_keras.runs.figures import draw_plots
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

# Digits have a direction and no colour: a mirrored 2 is no digit.
DIGITS_VIEWS = {"flip": 0.0, "grayscale": 0.0, "scale": (0.3, 1.0)}


def train(
    config: TrainConfig, *, command: str = "", console: Console | None = None
) -> dict[str, Any]:
    """Trains, evaluates, draws, exports and checks an encoder.

    Args:
        config: The run.
        command: The command line that asked for it, to be kept with the run.
        console: Where progress goes; by default standard error.

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
    train_set, test_set = data.load_splits(
        config.data, config.test_data, image_size=config.image_size, seed=config.seed
    )
    views = make_views(config, train_set.shape)
    model = build(config, train_set.shape)
    batches = data.two_views(train_set, views, config.batch_size, seed=config.seed)
    steps = len(train_set) // config.batch_size
    model.compile(make_optimizer(config, steps))

    # Nothing was written so far: whatever does not fit has failed by now.
    (run / CHECKPOINT_FILE).parent.mkdir(parents=True, exist_ok=True)
    config.save(run / CONFIG_FILE, command=command, environment=environment())
    console.print(
        f"{config.method} on {config.data}: {len(train_set):,} images "
        f"{train_set.shape}, {len(test_set):,} for testing, encoder of "
        f"{model.encoder.count_params():,} parameters, {2 * config.batch_size - 2:,} "
        f"negatives each",
        highlight=False,
    )
    model.fit(
        batches,
        epochs=config.epochs,
        verbose=0,
        shuffle=False,  # The pipeline shuffles.
        callbacks=[
            MetricsLog(run / METRICS_FILE),
            Checkpoint(run / CHECKPOINT_FILE),
            ProgressBar(console, steps * config.batch_size),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    trained = time.perf_counter()
    loss = read_history(run)[-1]["loss"]
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
        "epochs": config.epochs,
        "loss": loss,
        "train_seconds": round(trained - start, 1),
        "train_images": len(train_set),
        "test_images": len(test_set),
        "skipped_files": len(train_set.skipped) + len(test_set.skipped),
    }
    if train_set.labels is not None and test_set.labels is not None:
        console.print("evaluating: kNN and linear probe, next to a random encoder")
        summary |= evaluate.scores(
            model.encoder,
            train_set,
            test_set,
            k=config.neighbors,
            seed=config.seed,
        )
    console.print("exporting and checking the SavedModel")
    serving = export.saved_model(
        model.encoder,
        run / SERVING_FOLDER,
        metadata={"method": config.method, "data": config.data},
    )
    checked = export.check(serving, encoder=model.encoder)
    summary |= {"saved_model": str(serving), "saved_model_ok": checked.ok}
    draw_plots(run, encoder=model.encoder, train=train_set, test=test_set, views=views)
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


def make_views(config: TrainConfig, shape: tuple[int, int, int]) -> Any:
    """Builds the view maker of a run: the method's default, with its settings."""
    size = shape[0]
    options = config.part("augment")
    if config.data == "digits":
        options = DIGITS_VIEWS | options
    if shape[0] != shape[1]:
        raise ValueError(
            "Views are square; give images of one side with --image-size. "
            f"Received: images of shape {shape}"
        )
    return call_with(augment.SimCLRImages, "augment", options, size)


def build(config: TrainConfig, shape: tuple[int, int, int]) -> keras.Model:
    """Builds the model of a run: encoder, projector and method."""
    method = methods.get(config.method)
    encoder = encoders.build(config.encoder, shape, **config.part("encoder"))
    projector = call_with(
        heads.projection_head,
        "projector",
        config.part("projector"),
        encoder.output_shape[-1],
    )
    return call_with(method.model, config.method, config.part(""), encoder, projector)


def make_optimizer(config: TrainConfig, steps: int) -> keras.optimizers.Optimizer:
    """AdamW with linear warm-up and a cosine to zero.

    Args:
        config: The run.
        steps: Steps an epoch.

    Returns:
        The optimizer. Biases and normalisation weights are not decayed, as in the
        recipes of the field.
    """
    warmup = min(int(config.warmup_epochs * steps), config.epochs * steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else config.learning_rate,
        decay_steps=config.epochs * steps - warmup,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay)
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
