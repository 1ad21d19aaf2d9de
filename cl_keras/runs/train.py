# SPDX-License-Identifier: Apache-2.0
"""A training run from data string to evaluated, exported encoder."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from cl_keras import data, export, workers
from cl_keras.artifact import ENCODER_FILE, PROJECTOR_FILE
from cl_keras.data.inventory import inventory_lines, take_inventory
from cl_keras.data.service import check_reachable
from cl_keras.export.checker import CheckReport
from cl_keras.runs.alike import check_alike
from cl_keras.runs.checkpoint import is_finished, newest, restore
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.continuation import check_continuation
from cl_keras.runs.embedding_projector import write_projector
from cl_keras.runs.figures import MAP_POINTS
from cl_keras.runs.fit import fit
from cl_keras.runs.health import describe_negatives
from cl_keras.runs.jobs import make_job
from cl_keras.runs.jobs.job import Job, build_model
from cl_keras.runs.optimizer import make_optimizer, make_rate
from cl_keras.runs.report import write_report
from cl_keras.runs.report.run_data import read_table
from cl_keras.runs.run_files import (
    CHECKPOINT_FOLDER,
    CONFIG_FILE,
    FIGURES_FOLDER,
    REPORT_FILE,
    SERVING_FOLDER,
    SUMMARY_FILE,
    TENSORBOARD_FOLDER,
    cut_history,
    read_history,
    read_summary,
    write_summary,
)
from cl_keras.workers import Cluster


def train(
    config: TrainConfig,
    *,
    command: str = "",
    console: Console | None = None,
    finish: bool = True,
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
    tensorboard: bool = False,
    cluster: Cluster | None = None,
    devices: int | None = None,
    jit_compile: bool | None = None,
    data_service: str | None = None,
) -> dict[str, Any]:
    """Trains, evaluates, draws, exports and checks an encoder.

    Args:
        config: The run.
        command: The command line that asked for it, to be kept with the run.
        console: Where progress goes; by default standard error.
        finish: Whether to export and check a SavedModel, and to write the report.
        resume: Whether to go on with the run in this folder, if there is one: from
            its last checkpoint, with the weights that it would have reached
            uninterrupted. A finished run is left as it is, unless `config` is longer
            (see `runs.continuation`).
        checkpoint_seconds: Least time between two checkpoints.
        tensorboard: Whether to write scalars, and the features for the embedding
            projector, into `tensorboard/` of the run.
        cluster: The workers that train together, and which of them this process is.
            The batch size is that of all of them. All read the same run folder; worker
            0 alone writes to it, and evaluates.
        devices: Devices of this process, as of `cl_keras.workers.start`.
        jit_compile: Whether XLA compiles the training step; by default on a single
            GPU.
        data_service: Dispatcher of a tf.data service, `"grpc://host:port"`, whose
            workers make the batches; see `cl_keras.data.distribute` for what then
            holds of their order.

    Returns:
        The summary, as written to `summary.json`; of workers but the first their
        number only.

    Raises:
        ValueError: If the configuration does not fit the data, before training, or
            the run to go on with was made with another configuration or other data.
        FileExistsError: If the run folder already holds a run and `resume` is false.
        Interrupted: After Ctrl-C or SIGTERM, when a checkpoint is written.
        WorkerLost: If another worker has ended. Start all again with `resume`.
    """
    console = console or Console(stderr=True)
    chief = cluster is None or cluster.is_chief
    if not chief:
        console = Console(quiet=True)
    start = time.perf_counter()
    run = Path(config.out)
    # All workers look before the first of them can write.
    started = (run / CONFIG_FILE).exists()
    if started:
        if not resume:
            raise FileExistsError(
                f"{run} already holds a run. Go on with it by --resume, choose another "
                "folder, or delete this one."
            )
        found = TrainConfig.load(run / CONFIG_FILE)
        check_continuation(found, config)
        if found == config and (run / SUMMARY_FILE).is_file():
            console.print(f"{run} is finished already", highlight=False)
            return read_summary(run)
        if cluster is not None and is_finished(run / CHECKPOINT_FOLDER, config.epochs):
            # What is left to do is the chief's.
            cluster = None
            if not chief:
                return {"worker": "not needed"}
    devices = _check_devices(config, cluster, devices, jit_compile)
    if data_service is not None:
        if cluster is not None:
            raise ValueError(
                "Expected a data service with one training process: workers that train "
                "together each make their own share of every batch. Received: "
                f"{data_service} and {len(cluster.workers)} workers"
            )
        check_reachable(data_service)
    team = workers.start(cluster, devices)
    with workers.losses_explained(team.cluster, _advice(run)), team.scope():
        resumed = restore(run / CHECKPOINT_FOLDER) if started else None
    inventory = take_inventory(config.data)
    for line in inventory_lines(inventory):
        console.print(line, highlight=False, markup=False)
    job = make_job(config)
    # Not before: settings are checked by a model that is not kept.
    keras.utils.set_random_seed(config.seed)
    keras.mixed_precision.set_global_policy(config.precision)
    steps = len(job.batches())
    with workers.losses_explained(team.cluster, _advice(run)):
        check_alike(team, config, {**job.facts(), "steps": steps}, resumed)
        if resumed:
            model = resumed.model
            if config.schedule == "cosine":
                # That of the checkpoint may be of a shorter training.
                model.optimizer.learning_rate = make_rate(config, steps)
        else:
            with team.scope():
                model = build_model(config, job)
                model.compile(make_optimizer(config, steps))
        if jit_compile is not None:
            model.jit_compile = jit_compile

    # Nothing was written so far: whatever does not fit has failed by now.
    if chief:
        run.mkdir(parents=True, exist_ok=True)
        # Of a shorter training: kept, it would say that this one is finished.
        (run / SUMMARY_FILE).unlink(missing_ok=True)
        facts_there = environment() | {"replicas": team.replicas}
        config.save(run / CONFIG_FILE, command=command, environment=facts_there)
    facts = job.facts()
    negatives = describe_negatives(model, config.batch_size)
    console.print(
        f"{config.method} on {config.data}: "
        + ", ".join(f"{name} {value:,}" for name, value in facts.items())
        + f", encoder of {model.encoder.count_params():,} parameters"
        + (f"; {negatives}" if negatives else "")
        + (f"; {team.replicas} devices" if team.replicas > 1 else "")
        + (f"; going on from {resumed.path}" if resumed else ""),
        highlight=False,
    )
    if chief and not resumed:
        cut_history(run, 0)
    with workers.losses_explained(team.cluster, _advice(run)):
        progress = fit(
            config,
            job,
            model,
            console,
            steps=steps,
            resumed=resumed,
            checkpoint_seconds=checkpoint_seconds,
            tensorboard=run / TENSORBOARD_FOLDER if tensorboard else None,
            team=team,
            data_service=data_service,
        )
        # The others stay until the last checkpoint is there.
        team.all_say([0])
    if team.cluster and not chief:
        return {"worker": team.cluster.task}
    history = read_history(run)
    encoder = model.encoder
    encoder.save(run / ENCODER_FILE)
    if (projector := getattr(model, "projector", None)) is not None:
        projector.save(run / PROJECTOR_FILE)
    if team.cluster:
        console.print(
            "the other workers end here; should TensorFlow report them as lost from "
            "now on, that is no error",
            highlight=False,
        )
    if team.strategy:
        # All the rest is a single device's.
        encoder = keras.saving.load_model(run / ENCODER_FILE, compile=False)

    summary: dict[str, Any] = {
        "method": config.method,
        "data": config.data,
        "seed": config.seed,
        "epochs": len(history),
        "loss": history[-1]["loss"],
        "parameters": encoder.count_params(),
        "train_seconds": round(progress.seconds, 1),
    } | facts
    if progress.warnings:
        summary["warnings"] = progress.warnings
    if job.skipped:
        summary["skipped"] = list(job.skipped)
    if inventory:
        # Skipped files have a key of their own.
        summary["inventory"] = {k: v for k, v in inventory.items() if k != "skipped"}
    console.print("evaluating, next to a random encoder and the raw inputs")
    summary |= job.scores(encoder)
    if not finish:
        summary["seconds"] = round(time.perf_counter() - start, 1)
        write_summary(run, summary)
        return summary
    console.print("exporting and checking the SavedModel")
    summary, checked = _publish(config, job, encoder, summary, tensorboard)
    summary["seconds"] = round(time.perf_counter() - start, 1)
    write_summary(run, summary)
    write_report(run)
    if not checked.ok:
        failed = [f"{row.name}: {row.detail}" for row in checked.rows if not row.ok]
        raise RuntimeError(f"The exported model failed its check: {'; '.join(failed)}")
    return summary


def _publish(
    config: TrainConfig,
    job: Job,
    encoder: keras.Model,
    summary: dict[str, Any],
    tensorboard: bool,
) -> tuple[dict[str, Any], CheckReport]:
    """Exports, checks and draws; returns the summary with what came of it."""
    run = Path(config.out)
    serving = export.saved_model(
        encoder,
        run / SERVING_FOLDER,
        sample_rate=summary.get("sample_rate"),
        metadata={"method": config.method, "data": config.data},
    )
    checked = export.check(serving, encoder=encoder)
    job.draw(run, encoder)
    if tensorboard:
        sample = job.sample(MAP_POINTS)
        write_projector(
            run / TENSORBOARD_FOLDER,
            sample.features(encoder),
            sample.columns(),
            sample.images,
        )
    diagnosis = read_table(run / FIGURES_FOLDER / "diagnosis.csv")
    return summary | {
        "saved_model": str(serving),
        "saved_model_ok": checked.ok,
        "diagnosis": diagnosis.column("finding"),
        "report": str(run / REPORT_FILE),
    }, checked


def _check_devices(
    config: TrainConfig,
    cluster: Cluster | None,
    devices: int | None,
    jit_compile: bool | None,
) -> int | None:
    """Refuses what cannot be divided; returns the number of devices."""
    several = cluster is not None or (devices or 1) > 1
    if data.modality(config.data) == "graph":
        if several:
            raise ValueError(
                "A graph cannot be divided among devices, and sets of graphs are here "
                "trained on as one graph each step. Take one device, or call "
                "`model.fit` in a strategy's scope on "
                "`cl_keras.data.graph_batches(..., stacked=True)`."
            )
        return 1
    if jit_compile and several:
        raise ValueError(
            "XLA compiles the step of a single device: leave out `jit_compile`, or "
            "train on one."
        )
    return devices


def _advice(run: Path) -> Callable[[], str]:
    def advice() -> str:
        found = newest(run / CHECKPOINT_FOLDER)
        if found is None:
            return "No checkpoint was written so far: start all workers again."
        return (
            f"The last checkpoint is {found}: start all workers again, with --resume, "
            "to go on from there."
        )

    return advice


def environment() -> dict[str, Any]:
    """Versions and devices a run was made with."""
    names = ("cl-keras", "tensorflow", "keras", "numpy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": [d.device_type for d in tf.config.list_logical_devices()],
    } | {name: version(name) for name in names}
